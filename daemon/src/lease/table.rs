//! One lease, and the table of all: replaced whole, so that a reader needs no lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rolecall::api::LeaseStatus;

use super::Pin;
use super::doors::{Doors, Held};
use super::scope::Scope;
use super::token::TokenHash;
use crate::clock::Timestamp;

/// One lease.
#[expect(missing_debug_implementations, reason = "holds a standing reader")]
pub struct Lease {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) slug: String,
    pub(super) scope: Scope,
    pub(super) created: Timestamp,
    pub(super) reason: Option<String>,
    pub(super) through_lock: bool,
    pub(super) token: TokenHash,
    pub(super) pin: Mutex<Option<Pin>>,
    pub(super) doors: Doors,
    pub(super) held: Held,
}

impl Lease {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its role's name.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Its role's short name.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Who it is bound to.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Why it was made, in its maker's words.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether it goes on while the doors are locked.
    pub fn through_lock(&self) -> bool {
        self.through_lock
    }

    pub(super) fn pin(&self, pin: Option<Pin>) {
        *self.pin.lock().unwrap_or_else(PoisonError::into_inner) = pin;
    }

    /// For `status`, without its token.
    pub fn status(&self) -> LeaseStatus {
        LeaseStatus {
            id: self.id.clone(),
            role: self.role.clone(),
            scope: self.scope.to_string(),
            created: self.created.to_string(),
            ends: None,
            through_lock: self.through_lock,
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) by_token: HashMap<TokenHash, Arc<Lease>>,
    pub(super) by_id: BTreeMap<String, Arc<Lease>>,
}

impl Table {
    pub(super) fn with(&self, lease: &Arc<Lease>) -> Self {
        let mut table = self.clone();
        table.by_token.insert(lease.token, Arc::clone(lease));
        table.by_id.insert(lease.id.clone(), Arc::clone(lease));
        table
    }

    pub(super) fn without(&self, id: &str) -> Option<(Self, Arc<Lease>)> {
        let mut table = self.clone();
        let lease = table.by_id.remove(id)?;
        table.by_token.remove(&lease.token);
        Some((table, lease))
    }
}
