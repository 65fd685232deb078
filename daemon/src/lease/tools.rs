//! What leases work with.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use super::cgroup::Groups;
use super::scope::{Place, Processes};
use crate::clock::SharedClock;
use crate::ledger::Record;
use crate::recipe::Narrowing;
use crate::secrets::SharedRandom;

/// A standing reader of a role; ends when dropped.
pub type Pin = Box<dyn Any + Send + Sync>;

/// Makes a standing reader of the role of that name, narrowed for the lease of that id if it takes something away,
/// whether or not there is such a role now: a reload may bring it back.
pub type MakePin = dyn Fn(&str, &str, &Narrowing) -> Pin + Send + Sync;

/// All of it.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Tools {
    /// Time.
    pub clock: SharedClock,
    /// Ids and tokens.
    pub random: SharedRandom,
    /// Facts about processes.
    pub processes: Arc<dyn Processes>,
    /// Writes to the ledger.
    pub note: Arc<dyn Fn(Record) + Send + Sync>,
    /// Makes standing readers.
    pub pin: Arc<MakePin>,
    /// Control groups.
    pub groups: Groups,
    /// Names this boot.
    pub boot_id: String,
    /// Where leases are remembered.
    pub state_directory: PathBuf,
    /// Where the files of leases are.
    pub runtime_directory: PathBuf,
}

impl Tools {
    /// What scopes are looked up in.
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            processes: &*self.processes,
            groups: &self.groups,
            boot_id: &self.boot_id,
        }
    }
}
