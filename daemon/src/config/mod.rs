//! `config.toml` and AWS's shared files become settings, roles and listeners.
//!
//! Files are read once (`file`), `config.toml` becomes a tree of values with their lines (`tree`,
//! `toml_file`), AWS's files go through AWS's own reader beside an index of their lines (`shared`,
//! `index`). A role's definition is `[roles.NAME]` over `[profile NAME]`, key by key
//! (`definition`); `resolve` follows `source_profile` to the keys it begins with, `call` and
//! `endpoint` make the calls of its recipe. `setup` and `exec` write such files anew.
//!
//! # What counts as a role
//!
//! Every `[roles.NAME]` table, and every profile that yields a session: one with `role_arn`, and (known,
//! but not built yet, so unusable) one with `sso_*`, `login_session` or another program's
//! `credential_process`. A profile that holds nothing but keys is a source. A profile whose
//! `credential_process` is our own line stands for the role the line names, by its name or its short
//! name, wherever a `source_profile` points at it. Two roles with one short name are reported; the short
//! name means the role that is so called, else the first by name.
//!
//! # Where a value comes from
//!
//! 1. `[roles.NAME]` wins over the profile of that name, key by key; the credentials file wins over the
//!    config file. `session_name` of `[roles.NAME]` wins over `role_session_name` of the profile.
//! 2. Keys that AWS does not know (`policy`, `session_tags`, `keep_fresh`, …) are read from `config.toml`
//!    only; `~/.aws/config` means what the AWS CLI says it means.
//! 3. An empty value is no value.
//! 4. `[environment]` wins over the daemon's environment; an empty variable is not set.
//! 5. `source_profile` means that profile's own keys if it has some, else its role, as in the AWS CLI; a
//!    role may name itself if its profile has keys.
//! 6. Endpoint: `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`, `endpoint_url` of `sts` in the role's
//!    `services` section, the role's `endpoint_url`; none if `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` or
//!    `ignore_configured_endpoint_urls` is true. Plain http only to loopback.
//! 7. Region for STS: role, then what it comes from (nearest first), `AWS_REGION`, `AWS_DEFAULT_REGION`,
//!    the default of the ARN's partition. A role's own region must be of that partition; others that are
//!    not are passed over. Region and endpoint are those of the role asked for, for every call of its
//!    recipe.
//!
//! # Keys of a role
//!
//! | key | value | limits |
//! | --- | --- | --- |
//! | `role_arn` | ARN of an IAM role | needed |
//! | `source_profile` | profile or role | needed |
//! | `duration_seconds` | whole seconds | 900 to 43200, default 3600; at most 3600 where chained, with a note |
//! | `external_id` | text | 2 to 1,224 of letters, digits, `_+=,.@:/-` |
//! | `role_session_name` | used verbatim | 2 to 64 of letters, digits, `_+=,.@-` |
//! | `session_name` | template | `{user}`, `{host}`, `{id}`; default `{user}@{host}.{id}` |
//! | `source_identity` | text | as `role_session_name`, not beginning with `aws:` |
//! | `session_tags` | table of texts | 50; keys 1 to 128, values to 256, told apart without case |
//! | `transitive_session_tags` | list of tag keys | each in `session_tags` |
//! | `policy` | JSON file, from `config.toml`'s directory | 2,048 characters without blanks |
//! | `policy_arns` | list of ARNs | 10 |
//! | `region`, `output`, `services`, `endpoint_url` | as in a profile | |
//! | `keep_fresh` | boolean | default false |
//! | `confirm` | `"never"` | the default; the other values are not built yet |
//!
//! Every other key of DESIGN's is read, and makes its role unusable: never served without its rule.
//!
//! # The system service
//!
//! It reads `config.toml`, and the shared files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`
//! name, else `aws-config` and `credentials` in `config.toml`'s directory; nobody's `~/.aws`. `uids` lists
//! who may connect. Every way into a role names a uid or a unit, or the role is unusable (`system`).
//!
//! # What a mistake does
//!
//! `config.toml` that is not TOML, an unknown key anywhere in it, a mistake outside `[roles]`, a shared
//! file that AWS's reader refuses, that is not UTF-8 or that belongs to another user: nothing new comes
//! into force. A mistake in a role's value: that role, and those that come from it, are unusable. A
//! listener for a role that does not exist: it is left out. All are errors with file, line and key; what
//! is merely not built yet, and a file that others may write, is a warning.

mod call;
mod client_line;
mod definition;
mod endpoint;
mod environment;
mod exec;
mod file;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
mod index;
pub mod keys;
mod load;
mod problem;
mod resolve;
mod rules;
mod setup;
mod shared;
mod system;
#[cfg(test)]
mod testing;
mod toml_file;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::ConfigProblem;

pub use self::exec::{ExecFiles, KeptFiles, exec_files};
pub use self::file::Stamps;
pub use self::load::load;
pub use self::setup::plan_setup;
use crate::recipe::Role;

/// What configuration is read from, gathered once at start.
#[derive(Clone, Debug)]
pub struct Sources {
    /// `config.toml`; need not exist.
    pub config: PathBuf,
    /// The daemon's environment, of which `HOME`, `AWS_*` and proxies matter.
    pub environment: BTreeMap<String, OsString>,
    /// Home directory, for `~`.
    pub home: Option<PathBuf>,
    /// Whether this is the system service, which reads nobody's `~/.aws` (see `system`).
    pub system: bool,
}
/// The top-level keys of `config.toml`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long without a real read pins keep a step fresh.
    pub idle_after: Duration,
    /// Log filter.
    pub log: String,
    /// What happens when the ledger cannot be written.
    pub ledger_on_error: LedgerOnError,
    /// Whether uid 0 may use a user's daemon.
    pub allow_root: bool,
    /// Whom the system service serves.
    pub uids: Arc<BTreeSet<u32>>,
    /// Whether the ledger has every argument of a process; they may hold other programs' secrets.
    pub ledger_arguments: bool,
    /// Variables that the service manager does not pass on; they win over the process's own.
    pub environment: BTreeMap<String, String>,
}

/// Of `environment` only the names: a proxy's URL may hold a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("idle_after", &self.idle_after)
            .field("log", &self.log)
            .field("ledger_on_error", &self.ledger_on_error)
            .field("allow_root", &self.allow_root)
            .field("uids", &self.uids)
            .field("ledger_arguments", &self.ledger_arguments)
            .field("environment", &self.environment.keys())
            .finish()
    }
}

/// `ledger_on_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerOnError {
    /// Buffer up to 1 MiB, then leave a gap record.
    #[default]
    Serve,
    /// Issue nothing.
    Refuse,
}

/// One `[[imds]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImdsListener {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The one role it serves.
    pub role: String,
}

/// A configuration that can be put in force.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Config {
    /// Top-level keys.
    pub settings: Settings,
    /// Every role, unusable ones too, sorted by name.
    pub roles: Vec<Role>,
    /// IMDS listeners.
    pub imds: Vec<ImdsListener>,
}

/// What reading the files gave.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Loaded {
    /// None if the files as they are cannot be put in force (syntax, an unknown key): the old
    /// configuration stays.
    pub config: Option<Config>,
    /// What `exec` falls back on later; with `config`.
    pub kept: Option<KeptFiles>,
    /// Everything found, errors first.
    pub problems: Vec<ConfigProblem>,
    /// Files that were read, in order of reading.
    pub files: Vec<PathBuf>,
    /// To notice changes by.
    pub stamps: Stamps,
}
