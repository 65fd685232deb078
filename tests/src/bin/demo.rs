//! `make demo`. See `rolecall_tests::demo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall_tests::demo::main()
}
