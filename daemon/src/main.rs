//! The daemon's executable; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecalld::app::main()
}
