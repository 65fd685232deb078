//! The command line's grammar.

mod lease;
pub(crate) mod quick;
mod socket;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
pub(crate) use lease::{Create, Lease, List, Revoke, Terms};
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
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// The daemon's socket [default: $ROLECALL_SOCKET, or the user's own]
    #[arg(long, value_name = "PATH", display_order = 100)]
    pub(crate) socket: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// The command line's; says what is wrong with it and ends the process.
    pub(crate) fn read(words: &[OsString]) -> Self {
        Self::try_read(words).unwrap_or_else(|error| error.exit())
    }

    /// The same, with what is wrong.
    pub(crate) fn try_read(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut grammar = socket::after_commands_too(Self::command());
        let mut matches = grammar.try_get_matches_from_mut(words)?;
        let after = socket::of(&matches);
        let mut arguments =
            Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut grammar))?;
        arguments.socket = after.or(arguments.socket);
        Ok(arguments)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Setup(Setup),
    Process(Process),
    Exec(Exec),
    Env(Env),
    #[command(subcommand)]
    Lease(Lease),
    Status(Status),
    Roles(Roles),
    Whoami(Whoami),
    /// Let a program have the role it asks for
    ///
    /// A role with `confirm` in config.toml asks a person first. Answer in another terminal than the one that
    /// asks: an answer from inside the asking program, its terminal or its lease is refused.
    #[command(verbatim_doc_comment)]
    Approve(Answer),
    /// Refuse a program the role it asks for
    ///
    /// It is refused at once, and for a minute its question is not put again.
    #[command(verbatim_doc_comment)]
    Deny(Answer),
    Lock(Lock),
    Unlock(Unlock),
    Reload(Reload),
    #[command(subcommand)]
    Ledger(Ledger),
    #[command(subcommand)]
    Config(Config),
}

/// Print a role's credentials for `credential_process`
///
/// Put `credential_process = /usr/bin/rolecall process ROLE` into a profile of ~/.aws/config, or let
/// `rolecall setup` do it. Prints one JSON object and nothing else; on failure one line on stderr.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(verbatim_doc_comment)]
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
/// could not be started. (The daemon's own socket goes before `exec`: `rolecall --socket PATH exec`.)
///
/// With --policy, --policy-arn, --read-only or --only the lease is a fence: the command, and what it
/// starts, gets this role as it is narrowed here and nothing else of rolecall's.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Exec {
    /// The role
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Let the command have its credentials while the doors are locked, too
    #[arg(long)]
    pub(crate) through_lock: bool,
    /// Give the command an IMDS endpoint of its own instead
    ///
    /// For programs that ask nothing but instance metadata. It listens on a free port of 127.0.0.1, answers
    /// only the command and what that starts, and closes with it.
    #[arg(long)]
    pub(crate) imds: bool,
    #[command(flatten)]
    pub(crate) own_socket: OwnSocket,
    /// The command and its arguments, after `--`
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A Unix socket of the lease's own.
#[derive(Args, Clone, Debug)]
pub(crate) struct OwnSocket {
    /// Serve this lease on a Unix socket, too, for a container to mount
    ///
    /// On it there is the lease's role and nothing else. It goes into a directory of its own that is
    /// closed to others, and is removed with the lease.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The one uid that may use that socket, as seen outside of the container [default: the daemon's]
    #[arg(long, value_name = "UID", requires = "socket")]
    pub(crate) peer_uid: Option<u32>,
}

/// Show roles, time left, who uses them, and what needs attention
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Print the daemon's answer as JSON
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// Print one line a problem; exit 0 if all is well, 1 if not, 4 if a person must act
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

/// Print shell lines that put a role into the calling shell
///
/// Use it as `eval "$(rolecall env dev)"`; in PowerShell as
/// `rolecall env --format powershell dev | Out-String | Invoke-Expression`. The lines point to rolecall's
/// container endpoint and hold no keys; the lease ends with the shell's session.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Env {
    /// The role
    #[arg(value_parser = NonEmptyStringValueParser::new(), required_unless_present = "unset")]
    pub(crate) role: Option<String>,
    /// For which reader
    #[arg(long, value_enum, default_value_t = EnvFormat::Sh)]
    pub(crate) format: EnvFormat,
    /// Print the session's keys themselves, which end with it and are not renewed
    #[arg(long, conflicts_with = "unset")]
    pub(crate) keys: bool,
    /// Point to an IMDS endpoint that answers only this shell's session
    #[arg(long, conflicts_with_all = ["unset", "keys"])]
    pub(crate) imds: bool,
    /// Print lines that take it all back; needs no daemon
    #[arg(long)]
    pub(crate) unset: bool,
}

/// Who reads the lines of `env`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// sh, dash, bash, zsh, ksh
    Sh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
    /// NAME=value lines as `docker --env-file`, compose, python-dotenv and systemd read them alike: a value
    /// that would need quotes is refused, and nothing can be unset
    Dotenv,
    /// Programs: an object with `set` and `unset`
    Json,
}

/// Ask AWS whom it takes a role's session for (GetCallerIdentity)
#[derive(Args, Debug)]
pub(crate) struct Whoami {
    /// The role
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) role: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `approve` and `deny`.
#[derive(Args, Debug)]
pub(crate) struct Answer {
    /// Which question, as `rolecall status` shows it [default: the only one]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
}

/// Lock the doors: nothing is handed out until `rolecall unlock`
///
/// Renewals go on, so that everything is there after unlocking. Leases pause, except those made with
/// `exec --through-lock`. Every consent is forgotten. The lock outlives a restart of rolecalld.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Lock {
    /// End all leases
    #[arg(long)]
    pub(crate) revoke: bool,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Unlock the doors
#[derive(Args, Debug)]
pub(crate) struct Unlock {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Read the configuration again
#[derive(Args, Debug)]
pub(crate) struct Reload {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show who got what, when, through which door
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    Tail(Tail),
}

/// Show the newest records
#[derive(Args, Debug)]
pub(crate) struct Tail {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) count: usize,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print records as they are, one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Look after the configuration
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    Check(Check),
}

/// Check ~/.aws/config and config.toml, and name every mistake
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Check with this config.toml instead of the daemon's
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Put the profiles of ~/.aws/config behind rolecall
///
/// Moves the definition of each profile that assumes a role to rolecall's config.toml and leaves the
/// profile with its settings and a `credential_process` line. Shows the change and asks first; every
/// other byte of the files is kept, and a copy of each file is left beside it.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Setup {
    /// Profiles to move [default: all that can be moved]
    #[arg(value_name = "PROFILE", conflicts_with = "undo")]
    pub(crate) profiles: Vec<String>,
    /// Show the change and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take back what setup did
    #[arg(long)]
    pub(crate) undo: bool,
    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Move to this config.toml instead of the daemon's
    #[arg(long, value_name = "FILE", conflicts_with = "undo")]
    pub(crate) config: Option<PathBuf>,
}
