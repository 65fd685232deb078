//! `config.toml` and AWS's shared files become settings, roles and listeners.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rolecall::api::ConfigProblem;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What the files looked like when they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<()>);

impl Stamps {
    /// Whether a file has come, gone or changed since (by device, inode, size and change time).
    pub fn changed(&self) -> bool {
        false
    }
}

/// Reads everything.
pub fn load(_sources: &Sources) -> Loaded {
    todo!()
}

/// The files `exec` points its command at (DESIGN, "container").
#[expect(missing_debug_implementations, reason = "copies of files with keys")]
pub struct ExecFiles {
    /// Copy of the shared config whose `[default]` has the role's settings and no credential keys.
    pub config: zeroize::Zeroizing<String>,
    /// Copy of the shared credentials file without `[default]`'s keys.
    pub credentials: zeroize::Zeroizing<String>,
}

/// Makes the copies for `role`.
pub fn exec_files(_sources: &Sources, _role: &str) -> std::io::Result<ExecFiles> {
    todo!()
}

/// What `setup` would change.
pub fn plan_setup(
    _sources: &Sources,
    _request: &rolecall::api::SetupRequest,
) -> Result<rolecall::api::SetupPlan, rolecall::api::Problem> {
    todo!()
}
