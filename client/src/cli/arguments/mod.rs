//! The command line's grammar.

pub(crate) mod quick;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use rolecall::api::MAX_WAIT_SECONDS;

/// How long `process` waits for a first session when nothing else is said: Rust's SDK gives up after
/// 22 s (client contract 96).
pub(crate) const DEFAULT_WAIT_SECONDS: u64 = 20;

/// Keeps AWS role sessions fresh and hands them to every AWS SDK.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall",
    version,
    about = "Hand AWS role sessions to programs, kept fresh by rolecalld",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// The daemon's socket [default: $ROLECALL_SOCKET, then the user's runtime directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Process(Process),
    Exec(Exec),
    Status(Status),
    Roles(Roles),
}

/// Print a role's credentials for `credential_process`
///
/// Put `credential_process = /usr/bin/rolecall process ROLE` into a profile of ~/.aws/config, or let
/// `rolecall setup` do it. Prints one JSON object and nothing else; on failure one line on stderr.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// The role
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) role: String,
    /// How long to wait for a first session, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = DEFAULT_WAIT_SECONDS,
        value_parser = clap::value_parser!(u64).range(..=MAX_WAIT_SECONDS)
    )]
    pub(crate) wait: u64,
}

/// Run a command with a role's credentials
///
/// The command gets a lease of its own on the container credentials endpoint instead of keys: every
/// AWS SDK reads from there, and its sessions are renewed for as long as the command runs. The lease
/// ends with the command. Exit status and signals are the command's own; 125 to 127 mean that it
/// could not be started.
#[derive(Args, Debug)]
pub(crate) struct Exec {
    /// The role
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) role: String,
    /// The command and its arguments, after `--`
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Show roles, time left, who uses them, and what needs attention
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Print the daemon's answer as JSON
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// For scripts: print one line a problem; exit 0 if all is well, 1 if something is wrong, 4 if a
    /// person must act, 6 without a daemon
    #[arg(long, group = "form")]
    pub(crate) check: bool,
    /// Print the daemon's metrics (Prometheus text)
    #[arg(long, group = "form")]
    pub(crate) metrics: bool,
}

/// List roles and how their credentials come about
#[derive(Args, Debug)]
pub(crate) struct Roles {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
