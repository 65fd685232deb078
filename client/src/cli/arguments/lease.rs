//! The grammar of leases.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::EnvFormat;
use crate::cli::time;

/// What a lease takes away from its role, and when it ends.
#[derive(Args, Debug, Default)]
pub(crate) struct Terms {
    /// Narrow it by this session policy, a JSON file
    #[arg(long, value_name = "FILE", group = "narrower")]
    pub(crate) policy: Option<PathBuf>,
    /// Narrow it by a managed policy; up to ten times
    #[arg(long = "policy-arn", value_name = "ARN", group = "narrower")]
    pub(crate) policy_arns: Vec<String>,
    /// Narrow it by AWS's own ReadOnlyAccess policy
    #[arg(long, group = "narrower")]
    pub(crate) read_only: bool,
    /// Let it have no other role, though no policy narrows this one
    #[arg(long)]
    pub(crate) only: bool,
    /// Ask for shorter sessions than the role's own, 15m or more
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    pub(crate) duration: Option<u64>,
    /// Add a session tag
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
    /// Say why, for the ledger
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// End it after this time, such as 8h, if it has not ended before
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    pub(crate) ttl: Option<u64>,
}

/// Make, list and revoke leases
#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a lease and print the variables that point to it
///
/// The lines hold the lease's token and no keys. The token is good for the processes that the lease
/// is bound to: those of the calling terminal session, unless an option says otherwise. With --policy,
/// --policy-arn, --read-only or --only that session is fenced in: it gets this role as it is narrowed
/// here and nothing else, and the lease can be revoked from another terminal only. (The daemon's own
/// socket goes before `lease`: `rolecall --socket PATH lease create`.)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Create {
    /// The role
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// For any process of the user with this id, at the container endpoint
    #[arg(long, value_name = "UID", group = "peer", requires = "ttl")]
    pub(crate) peer_uid: Option<u32>,
    /// For the processes of yours in this control group: a path as in /proc/PID/cgroup, or a directory
    #[arg(long, value_name = "PATH", group = "peer", requires = "ttl")]
    pub(crate) peer_cgroup: Option<String>,
    /// For any process of yours
    #[arg(long, group = "peer", requires = "ttl")]
    pub(crate) shared: bool,
    /// Serve it on a Unix socket, too, for a container to mount
    ///
    /// On it there is the lease's role and nothing else. It goes into a directory of its own that is
    /// closed to others, and is removed with the lease. With --peer-uid it is for that user.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// For which reader
    #[arg(long, value_enum, default_value_t = EnvFormat::Sh)]
    pub(crate) format: EnvFormat,
}

/// List leases, who they are bound to and when they end
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// End leases: their tokens open nothing from now on
///
/// Sessions that were handed out go on to their own end. What was fenced in stays so until it ends.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Their ids, as `lease list` shows them
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) ids: Vec<String>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
