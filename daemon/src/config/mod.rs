//! `config.toml` and AWS's shared files become settings, roles and listeners.
//!
//! Files are read once ([`file`]), `config.toml` becomes a tree of values with their lines ([`tree`],
//! [`toml_file`]), AWS's files go through AWS's own reader beside an index of their lines ([`shared`],
//! [`index`]). A role's definition is `[roles.NAME]` over `[profile NAME]`, key by key
//! ([`definition`]); [`resolve`] follows `source_profile` to the keys it begins with and makes the
//! recipe. [`setup`] and [`exec`] write such files anew.

mod call;
mod client_line;
mod definition;
mod endpoint;
mod environment;
mod exec;
mod file;
mod index;
mod keys;
mod load;
mod problem;
mod resolve;
mod setup;
mod shared;
#[cfg(test)]
mod testing;
mod toml_file;
mod tree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rolecall::api::ConfigProblem;

pub use self::exec::{ExecFiles, exec_files};
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
    /// Every role, unusable ones too, by name.
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
    /// Everything found, errors first.
    pub problems: Vec<ConfigProblem>,
    /// Files that were read, in order of reading.
    pub files: Vec<PathBuf>,
    /// To notice changes by.
    pub stamps: Stamps,
}
