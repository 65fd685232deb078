//! Standing readers: they follow their role's name through reloads.

use std::sync::{Arc, Mutex, PoisonError};

use super::handle::Handle;
use crate::clock::Now;

/// What a pin holds on to: what it reads, and the steps that has now.
pub(super) struct Slot {
    of: Of,
    steps: Mutex<Vec<Arc<Handle>>>,
}

/// What a standing reader reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The role of this name.
    Role(String),
    /// What was narrowed for the lease of this id.
    Lease(String),
}

impl Slot {
    pub(super) fn new(of: Of) -> Self {
        Self {
            of,
            steps: Mutex::default(),
        }
    }

    pub(super) fn of(&self) -> &Of {
        &self.of
    }

    /// Pins `steps` instead of those pinned before. A step that stays pinned is not pinned anew: a reload
    /// is no read.
    pub(super) fn aim(&self, steps: &[Arc<Handle>], now: Now) {
        let mut held = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let among =
            |all: &[Arc<Handle>], one: &Arc<Handle>| all.iter().any(|h| Arc::ptr_eq(h, one));
        for step in steps.iter().filter(|step| !among(&held, step)) {
            step.pin(now);
        }
        for step in held.iter().filter(|step| !among(steps, step)) {
            step.unpin();
        }
        *held = steps.to_vec();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.aim(&[], Now::default());
    }
}

/// A standing reader (`keep_fresh`, a listener, a live lease): counts until dropped, or until
/// `idle_after` has passed without a real read. It stays with its role's name through reloads.
#[derive(Clone)]
pub struct Pin(pub(super) Option<Arc<Slot>>);

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pin")
            .field(&self.0.as_ref().map(|slot| slot.of()))
            .finish()
    }
}
