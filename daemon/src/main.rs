//! The daemon's executable; everything is in the library.

use std::process::ExitCode;

/// Every copy of a secret that a library makes is wiped when it is done with it.
#[global_allocator]
static HEAP: rolecalld::sys::wiping::Wiping = rolecalld::sys::wiping::Wiping;

fn main() -> ExitCode {
    rolecalld::app::main()
}
