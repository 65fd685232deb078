//! Wiring: start order, reload, drain, signals, service manager.

pub mod configuration;
pub mod control;
pub mod listeners;
pub mod logging;
mod network;
pub mod notify;
pub mod options;
mod orders;
mod panics;
pub mod paths;
pub mod run;
pub mod signals;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// The daemon's `main`.
pub fn main() -> ExitCode {
    panics::install();
    match run::run(&options::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "rolecalld: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, separated by `: `.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
