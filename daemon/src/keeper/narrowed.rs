//! Roles narrowed for leases: each has a last step of its own, derived anew whenever the configuration changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use super::handle::Handle;
use super::pin::{Of, Slot};
use super::registry::{Next, Registry, Users, lock};
use crate::recipe::{Fingerprint, Narrowing, Role, Unusable};

/// What a lease wants of a role.
pub(super) struct Wanted {
    role: String,
    narrowing: Narrowing,
}

/// A role narrowed for one lease, and a standing reader of it: both end when this is dropped.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Narrowed {
    id: String,
    registry: Weak<Registry>,
    _reader: Arc<Slot>,
}

impl Narrowed {
    pub(super) fn new(
        registry: &Arc<Registry>,
        id: &str,
        role: &str,
        narrowing: Narrowing,
    ) -> Self {
        let wanted = Wanted {
            role: role.to_owned(),
            narrowing,
        };
        registry.set_wanted(id, Some(wanted));
        Self {
            id: id.to_owned(),
            registry: Arc::downgrade(registry),
            _reader: registry.pin(Of::Lease(id.to_owned())),
        }
    }
}

impl Drop for Narrowed {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.set_wanted(&self.id, None);
        }
    }
}

/// The narrowed roles among `roles`, with the ids of their leases. One that a changed configuration no longer
/// lets be narrowed so cannot work: never is it served as it is.
pub(super) fn derive<'a>(
    wanted: &BTreeMap<String, Wanted>,
    roles: &(impl Iterator<Item = &'a Role> + Clone),
) -> Vec<(String, Role)> {
    let one = |(id, wanted): (&String, &Wanted)| {
        let role = roles
            .clone()
            .find(|role| role.name.as_str() == wanted.role)?;
        let narrowed = wanted.narrowing.of(role).unwrap_or_else(|error| Role {
            recipe: Err(Unusable {
                reason: error.to_string(),
                hint: error.hint(),
            }),
            ..role.clone()
        });
        Some((id.clone(), narrowed))
    };
    wanted.iter().filter_map(one).collect()
}

impl Registry {
    /// Puts the narrowed roles into `next`, after those that are configured.
    pub(super) fn narrow_into(
        self: &Arc<Self>,
        next: &mut Next,
        narrowed: Vec<(String, Role)>,
        users: &Users,
        old: &HashMap<Fingerprint, Arc<Handle>>,
    ) {
        for (id, role) in narrowed {
            let handles = next.chain(&role, users, old);
            let entry = Arc::new(self.entry(role, Some(id.clone()), handles));
            next.table.narrowed.insert(id, entry);
        }
    }

    /// What the lease `id` wants from now on; the configured roles stay as they are.
    fn set_wanted(self: &Arc<Self>, id: &str, wanted: Option<Wanted>) {
        let mut state = lock(&self.state);
        match wanted {
            Some(wanted) => state.wanted.insert(id.to_owned(), wanted),
            None => state.wanted.remove(id),
        };
        let Some(alive) = state.alive.clone() else {
            return;
        };
        let mut next = Next::default();
        {
            let table = self.table.load();
            next.table.by_name.clone_from(&table.by_name);
            next.table.by_slug.clone_from(&table.by_slug);
            next.table.ordered.clone_from(&table.ordered);
        }
        for handle in next.table.ordered.iter().flat_map(|entry| &entry.steps) {
            next.steps.insert(handle.fingerprint, handle.clone());
        }
        let roles: Vec<Role> = (next.table.ordered.iter())
            .map(|entry| entry.role.clone())
            .collect();
        let narrowed = derive(&state.wanted, &roles.iter());
        let users = Users::of(roles.iter(), &narrowed);
        self.narrow_into(&mut next, narrowed, &users, &state.steps);
        self.put(&mut state, &alive, next);
    }
}
