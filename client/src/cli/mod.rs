//! The `rolecall` command: arguments, one file a command, and what they share.

mod arguments;
mod daemon;
mod escape;
mod exec;
mod failure;
#[cfg(test)]
mod fixture;
mod output;
mod problems;
mod process;
mod roles;
mod status;
mod table;
mod time;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use daemon::Daemon;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // SDKs start `rolecall process` for each of their own starts: it does not wait for the whole
    // command line grammar to be built.
    if let Some((socket, process)) = arguments::quick::process(&arguments) {
        return process::run(socket, &process);
    }
    let Arguments { socket, command } = Arguments::parse_from(arguments);
    if let Command::Process(process) = command {
        return process::run(socket, &process);
    }
    let daemon = Daemon::at(socket);
    let done = match command {
        Command::Exec(exec) => return exec::run(&daemon, &exec),
        Command::Process(process) => return process::run(None, &process),
        Command::Roles(roles) => roles::run(&daemon, &roles),
        Command::Status(status) => status::run(&daemon, &status),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
