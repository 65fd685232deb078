//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Keeps AWS role sessions fresh and hands them to every AWS SDK and CLI on this computer.
///
/// Stays in the foreground and logs to standard error (or the journal). TERM or INT drains and stops, twice
/// stops at once; HUP reloads; USR1 writes a status report to the log; USR2 turns debug logging on and off.
#[derive(Clone, Debug, Parser)]
#[command(name = "rolecalld", version)]
pub struct Options {
    /// Configuration; need not exist [default: $XDG_CONFIG_HOME/rolecall/config.toml]
    #[arg(long, value_name = "FILE", env = "ROLECALL_CONFIG")]
    pub config: Option<PathBuf>,

    /// Socket; its directory must be private to this user [default: $XDG_RUNTIME_DIR/rolecall/rolecall.sock]
    #[arg(long, value_name = "PATH", env = "ROLECALL_SOCKET")]
    pub socket: Option<PathBuf>,

    /// Ledger, lease hashes, session-name ids, container port [default: $XDG_STATE_HOME/rolecall]
    #[arg(long, value_name = "DIR", env = "ROLECALL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,

    /// Be the system service: serve this computer's users and units by rules in /etc/rolecall/config.toml, on
    /// /run/rolecall/rolecall.sock, with state in /var/lib/rolecall; nobody's ~/.aws is read
    #[arg(long)]
    pub system: bool,

    /// Serve only the socket, only for configuration, and stop after a minute (`rolecall setup` starts this where no
    /// daemon runs)
    #[arg(long, hide = true, conflicts_with = "system")]
    pub once: bool,

    /// Let debuggers and core dumps at this process; for developers
    #[arg(long)]
    pub allow_dump: bool,
}
