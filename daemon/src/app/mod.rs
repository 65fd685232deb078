//! Wiring: start order, reload, drain, signals, service manager.

use std::process::ExitCode;

/// The daemon's `main`.
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
