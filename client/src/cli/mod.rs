//! The `rolecall` command: arguments, one file a command, and what they share.

mod answer;
mod arguments;
mod config;
mod daemon;
mod env;
mod escape;
mod exec;
mod failure;
#[cfg(test)]
mod fixture;
mod group;
mod lease;
mod ledger;
mod lock;
mod once;
mod output;
mod person;
mod problems;
mod process;
mod reload;
mod roles;
mod setup;
mod status;
mod table;
mod time;
mod whoami;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::{Arguments, Command, Config, Ledger};
use daemon::Daemon;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // SDKs start `rolecall process` for each of their own starts: it does not wait for the whole
    // command line grammar to be built.
    if let Some((socket, process)) = arguments::quick::process(&arguments) {
        return process::run(socket, &process);
    }
    let Arguments { socket, command } = Arguments::read(&arguments);
    if let Command::Process(process) = command {
        return process::run(socket, &process);
    }
    let daemon = match &command {
        Command::Config(_) | Command::Setup(_) => Daemon::of_this_user(socket),
        _ => Daemon::at(socket),
    };
    let done = match command {
        Command::Approve(approve) => answer::run(&daemon, &approve, true),
        Command::Config(Config::Check(check)) => config::run(&daemon, &check),
        Command::Deny(deny) => answer::run(&daemon, &deny, false),
        Command::Env(env) => env::run(&daemon, &env),
        Command::Exec(exec) => return exec::run(&daemon, &exec),
        Command::Lease(lease) => lease::run(&daemon, &lease),
        Command::Ledger(Ledger::Tail(tail)) => ledger::run(&daemon, &tail),
        Command::Lock(lock) => lock::lock(&daemon, &lock),
        Command::Process(process) => return process::run(None, &process),
        Command::Reload(reload) => reload::run(&daemon, &reload),
        Command::Roles(roles) => roles::run(&daemon, &roles),
        Command::Setup(setup) => setup::run(&daemon, &setup),
        Command::Status(status) => status::run(&daemon, &status),
        Command::Unlock(unlock) => lock::unlock(&daemon, &unlock),
        Command::Whoami(whoami) => whoami::run(&daemon, &whoami),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
