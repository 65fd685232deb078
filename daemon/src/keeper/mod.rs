//! One task a step: issues its session, renews it, answers for it.

use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Problem, RoleState, RoleStatus};

use crate::clock::{Now, SharedClock};
use crate::issue::Issuer;
use crate::ledger::Ledger;
use crate::recipe::Role;
use crate::secrets::SharedRandom;
use crate::session::Served;

/// What keepers work with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Tools {
    /// Time.
    pub clock: SharedClock,
    /// Jitter and ids.
    pub random: SharedRandom,
    /// The caller of AWS.
    pub issuer: Arc<dyn Issuer>,
    /// The ledger.
    pub ledger: Ledger,
    /// Where session-name ids are kept.
    pub state_directory: std::path::PathBuf,
    /// Called before an attempt: reloads the configuration if a file has changed (DESIGN rule 12).
    pub freshen: Arc<dyn Freshen>,
}

/// Looks whether configuration files changed, and reloads if so.
pub trait Freshen: Send + Sync {
    /// Returns when the files as they are now are in force, or were found wanting.
    fn freshen(&self) -> crate::clock::BoxFuture<'_, ()>;
}

/// Every role and every step's keeper. Cheap to clone.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Keepers {}

impl Keepers {
    /// No roles yet.
    pub fn new(_tools: Tools) -> Self {
        todo!()
    }

    /// Puts `roles` in force: unchanged steps keep their sessions, removed ones end. Returns what
    /// changed, one line each.
    pub fn apply(&self, _roles: Vec<Role>, _idle_after: Duration) -> Vec<String> {
        todo!()
    }

    /// A role by name: a pointer load and a hash look-up.
    pub fn role(&self, _name: &str) -> Option<Arc<Entry>> {
        todo!()
    }

    /// A role by its slug (HTTP doors).
    pub fn role_by_slug(&self, _slug: &str) -> Option<Arc<Entry>> {
        todo!()
    }

    /// All roles, by name.
    pub fn roles(&self) -> Vec<Arc<Entry>> {
        todo!()
    }

    /// Ends all waiting and stops all tasks (drain).
    pub fn shut_down(&self) {
        todo!()
    }
}

/// A role in force.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Entry {
    /// The role.
    pub role: Role,
}

impl Entry {
    /// The session, if a valid one is held: no lock, no wait. Counts as a read of the step and its
    /// parents, and wakes the keeper if a renewal is due.
    pub fn read(&self, _now: Now) -> Option<Arc<Served>> {
        todo!()
    }

    /// The session, waiting at most `limit` for AWS (which this call itself may ask).
    pub async fn wait(&self, _limit: Duration) -> Result<Arc<Served>, NoSession> {
        todo!()
    }

    /// Counts as a reader until dropped (or `idle_after` without a real read), and issues at once.
    pub fn pin(&self) -> Pin {
        todo!()
    }

    /// For `status` and `roles`, without consumers (the doors know those).
    pub fn status(&self, _now: Now) -> RoleStatus {
        todo!()
    }

    /// What it is doing.
    pub fn state(&self, _now: Now) -> RoleState {
        todo!()
    }
}

/// A standing reader: `keep_fresh`, a listener, a live lease.
#[derive(Debug)]
pub struct Pin {}

/// Why there is no session to give (DESIGN, table of answers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// AWS is still being asked, or the daemon is stopping.
    NotReady(Problem),
    /// Known, but cannot work as configured.
    Unusable(Problem),
    /// AWS cannot be reached; nothing valid is held.
    AwsUnavailable(Problem),
    /// AWS refuses; nothing valid is held.
    AwsDenied(Problem),
    /// The ledger cannot be written and the configuration says to refuse.
    LedgerUnavailable(Problem),
}

impl NoSession {
    /// What the socket and container doors say.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::NotReady(problem)
            | Self::Unusable(problem)
            | Self::AwsUnavailable(problem)
            | Self::AwsDenied(problem)
            | Self::LedgerUnavailable(problem) => problem,
        }
    }
}
