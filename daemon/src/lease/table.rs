//! One lease, and the table of all: replaced whole, so that a reader needs no lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rolecall::api::LeaseStatus;

use super::Pin;
use super::doors::{Doors, Held};
use super::scope::Scope;
use super::token::TokenHash;
use crate::clock::{Now, Timestamp};
use crate::recipe::Narrowing;

/// One lease.
#[expect(missing_debug_implementations, reason = "holds a standing reader")]
pub struct Lease {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) slug: String,
    pub(super) scope: Scope,
    pub(super) narrowing: Narrowing,
    pub(super) only: bool,
    pub(super) created: Timestamp,
    /// On both clocks, of the boot that its scope is of.
    pub(super) ends: Option<Now>,
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

    /// Whether that is its role, by name or by slug.
    pub fn is_for(&self, role: &str) -> bool {
        role == self.role || role == self.slug
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

    /// Whether its sessions are not its role's but narrower ones of its own.
    pub fn is_narrowed(&self) -> bool {
        !self.narrowing.is_empty()
    }

    /// Whether what is inside its scope may have nothing but this lease (DESIGN, "Confinement"): made so with
    /// `only` or by a policy, for a scope of its own. A scope without one says who may use the token, and no more.
    pub fn is_fence(&self) -> bool {
        self.scope.leader().is_some() && (self.only || self.narrowing.has_policy())
    }

    /// Whether its time is over, by either clock (DESIGN rule 7).
    pub fn is_over(&self, now: Now) -> bool {
        self.ends.is_some_and(|ends| now.reached(ends))
    }

    pub(super) fn pin(&self, pin: Option<Pin>) {
        let before = std::mem::replace(
            &mut *self.pin.lock().unwrap_or_else(PoisonError::into_inner),
            pin,
        );
        drop(before);
    }

    /// What it was made for and lets one have, for the ledger.
    pub(super) fn description(&self) -> Option<String> {
        let parts = [
            self.reason.clone(),
            self.narrowing.summary(),
            self.ends.map(|ends| format!("ends {}", ends.wall)),
            self.is_fence().then(|| "nothing else inside".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// For `status`, without its token.
    pub(super) fn status(&self, ended: bool) -> LeaseStatus {
        LeaseStatus {
            id: self.id.clone(),
            role: self.role.clone(),
            scope: self.scope.to_string(),
            created: self.created.to_string(),
            ends: self.ends.map(|ends| ends.wall.to_string()),
            through_lock: self.through_lock,
            binding: self.scope.binding(),
            policy: self.narrowing.summary(),
            reason: self.reason.clone(),
            fence: self.is_fence(),
            ended,
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) by_token: HashMap<TokenHash, Arc<Lease>>,
    pub(super) by_id: BTreeMap<String, Arc<Lease>>,
    /// Those that are fences, the ended ones too whose scope still is there: what is inside must not get more
    /// because it gets nothing any more.
    pub(super) fences: Vec<Arc<Lease>>,
}

impl Table {
    pub(super) fn with(&self, lease: &Arc<Lease>) -> Self {
        let mut table = self.with_fence(lease);
        table.by_token.insert(lease.token, Arc::clone(lease));
        table.by_id.insert(lease.id.clone(), Arc::clone(lease));
        table
    }

    /// With what is left of a lease that has ended.
    pub(super) fn with_fence(&self, lease: &Arc<Lease>) -> Self {
        let mut table = self.clone();
        table
            .fences
            .extend(lease.is_fence().then(|| Arc::clone(lease)));
        table
    }

    /// Without a lease; its fence stays.
    pub(super) fn without(&self, id: &str) -> Option<(Self, Arc<Lease>)> {
        let mut table = self.clone();
        let lease = table.by_id.remove(id)?;
        table.by_token.remove(&lease.token);
        Some((table, lease))
    }

    /// Without a lease's fence; None if it has none.
    pub(super) fn without_fence(&self, id: &str) -> Option<Self> {
        let fenced = self.fences.iter().any(|fence| fence.id == id);
        fenced.then(|| {
            let mut table = self.clone();
            table.fences.retain(|fence| fence.id != id);
            table
        })
    }

    /// The fences whose leases have ended.
    pub(super) fn ended(&self) -> impl Iterator<Item = &Arc<Lease>> {
        let fences = self.fences.iter();
        fences.filter(|fence| !self.by_id.contains_key(&fence.id))
    }
}
