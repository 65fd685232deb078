//! Which roles and steps are in force, and what a reload does to them.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::handle::{Handle, Orders, Parent, Standing};
use super::names::Ids;
use super::narrowed::{Wanted, derive};
use super::pin::{Of, Slot};
use super::task::Keeper;
use super::{Entry, Tools, changes};
use crate::clock::{Now, SharedClock};
use crate::recipe::{Fingerprint, Recipe, Role, Source};

/// What all keepers share.
pub(super) struct Shared {
    idle_after: AtomicU64,
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn idle_after(&self) -> Duration {
        Duration::from_millis(self.idle_after.load(Ordering::Relaxed))
    }

    /// Returns when the daemon has been stopping for `grace`.
    pub(super) async fn stopped_for(&self, grace: Duration, clock: &SharedClock) {
        // The sender is in `self`, so this does not fail.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
        clock.sleep_until(clock.now().plus(grace)).await;
    }
}

/// The roles in force, as readers see them.
#[derive(Default)]
pub(super) struct Table {
    pub(super) by_name: HashMap<String, Arc<Entry>>,
    pub(super) by_slug: HashMap<String, Arc<Entry>>,
    pub(super) ordered: Vec<Arc<Entry>>,
    /// By the id of the lease that a role was narrowed for.
    pub(super) narrowed: HashMap<String, Arc<Entry>>,
}

pub(super) struct Registry {
    pub(super) tools: Arc<Tools>,
    pub(super) table: ArcSwap<Table>,
    ids: Arc<Ids>,
    shared: Arc<Shared>,
    pub(super) state: Mutex<State>,
    /// Ends when the last task has: nothing is ever sent.
    ended: Mutex<Option<mpsc::Receiver<Infallible>>>,
}

#[derive(Default)]
pub(super) struct State {
    /// Every task holds a clone. None once the daemon stops.
    pub(super) alive: Option<mpsc::Sender<Infallible>>,
    pub(super) steps: HashMap<Fingerprint, Arc<Handle>>,
    /// What leases want of roles, by their ids.
    pub(super) wanted: BTreeMap<String, Wanted>,
    pins: Vec<Weak<Slot>>,
    /// Pins of `keep_fresh`, by role.
    kept_fresh: HashMap<String, Arc<Slot>>,
}

impl Registry {
    pub(super) fn new(tools: Tools) -> Self {
        let ids = Ids::open(tools.state_directory.clone(), tools.random.clone());
        let (sender, receiver) = mpsc::channel(1);
        Self {
            tools: Arc::new(tools),
            table: ArcSwap::default(),
            ids: Arc::new(ids),
            shared: Arc::new(Shared {
                idle_after: AtomicU64::new(0),
                stopping: watch::Sender::new(false),
            }),
            state: Mutex::new(State {
                alive: Some(sender),
                ..State::default()
            }),
            ended: Mutex::new(Some(receiver)),
        }
    }

    pub(super) fn apply(self: &Arc<Self>, roles: Vec<Role>, idle_after: Duration) -> Vec<String> {
        let mut state = lock(&self.state);
        let Some(alive) = state.alive.clone() else {
            return Vec::new();
        };
        let millis = u64::try_from(idle_after.as_millis()).unwrap_or(u64::MAX);
        self.shared.idle_after.store(millis, Ordering::Relaxed);

        let narrowed = derive(&state.wanted, &roles.iter());
        let users = Users::of(roles.iter(), &narrowed);
        let mut next = Next::default();
        for role in roles {
            let handles = next.chain(&role, &users, &state.steps);
            next.insert(Arc::new(self.entry(role, None, handles)));
        }
        next.table
            .ordered
            .sort_by(|a, b| a.role.name.cmp(&b.role.name));
        self.narrow_into(&mut next, narrowed, &users, &state.steps);
        let (old_table, table) = self.put(&mut state, &alive, next);
        // The configuration was read: failures that it may have caused are forgiven.
        for handle in state.steps.values() {
            handle.reset.store(true, Ordering::SeqCst);
            handle.wake.notify_one();
        }
        changes::lines(&old_table, &table)
    }

    pub(super) fn entry(
        self: &Arc<Self>,
        role: Role,
        lease: Option<String>,
        steps: Vec<Arc<Handle>>,
    ) -> Entry {
        Entry {
            slug: role.name.slug(),
            lease,
            steps,
            registry: Arc::downgrade(self),
            clock: self.tools.clock.clone(),
            role,
        }
    }

    /// Puts `next` in force: new steps get their tasks, those that nobody has any more end. The table before and
    /// the one now.
    pub(super) fn put(
        &self,
        state: &mut State,
        alive: &mpsc::Sender<Infallible>,
        next: Next,
    ) -> (Arc<Table>, Arc<Table>) {
        self.ids.ensure(next.steps.keys());
        let table = Arc::new(next.table);
        let old_table = self.table.swap(table.clone());
        let old_steps = std::mem::replace(&mut state.steps, next.steps);
        for handle in next.begun {
            let alive = alive.clone();
            let keeper = Keeper::new(
                handle,
                self.tools.clone(),
                self.ids.clone(),
                self.shared.clone(),
            );
            tokio::spawn(async move {
                keeper.run().await;
                drop(alive);
            });
        }
        self.set_pins(state, &table, self.tools.clock.now());
        for (fingerprint, handle) in &old_steps {
            if !state.steps.contains_key(fingerprint) {
                handle.end(Standing::Retired);
            }
        }
        (old_table, table)
    }

    /// A standing reader, whatever steps what it reads comes to have.
    pub(super) fn pin(&self, of: Of) -> Arc<Slot> {
        let slot = Arc::new(Slot::new(of));
        let mut state = lock(&self.state);
        slot.aim(&self.steps_of(slot.of()), self.tools.clock.now());
        state.pins.retain(|pin| pin.strong_count() > 0);
        state.pins.push(Arc::downgrade(&slot));
        slot
    }

    pub(super) fn shut_down(&self) {
        let mut state = lock(&self.state);
        state.alive = None;
        // A receiver need not exist yet.
        self.shared.stopping.send_replace(true);
        for handle in state.steps.values() {
            handle.end(Standing::Stopping);
        }
    }

    /// Returns when every task has ended.
    pub(super) async fn stopped(&self) {
        let receiver = lock(&self.ended).take();
        if let Some(mut receiver) = receiver {
            let _: Option<Infallible> = receiver.recv().await;
        }
    }

    fn steps_of(&self, of: &Of) -> Vec<Arc<Handle>> {
        let table = self.table.load();
        let entry = match of {
            Of::Role(name) => table.by_name.get(name),
            Of::Lease(id) => table.narrowed.get(id),
        };
        entry.map_or_else(Vec::new, |entry| entry.steps.clone())
    }

    fn set_pins(&self, state: &mut State, table: &Table, now: Now) {
        let mut kept_fresh = std::mem::take(&mut state.kept_fresh);
        let heeded = self.tools.keep_fresh;
        let roles = table.ordered.iter();
        for entry in roles.filter(|entry| heeded && entry.role.keep_fresh) {
            let name = entry.role.name.as_str();
            let slot = kept_fresh
                .remove(name)
                .unwrap_or_else(|| Arc::new(Slot::new(Of::Role(name.to_owned()))));
            slot.aim(&entry.steps, now);
            state.kept_fresh.insert(name.to_owned(), slot);
        }
        state.pins.retain(|pin| {
            let Some(slot) = pin.upgrade() else {
                return false;
            };
            slot.aim(&self.steps_of(slot.of()), now);
            true
        });
    }
}

/// Who uses each step: names of roles and ids of leases, each joined by `,`.
#[derive(Default)]
pub(super) struct Users(BTreeMap<Fingerprint, (String, String)>);

impl Users {
    pub(super) fn of<'a>(
        roles: impl Iterator<Item = &'a Role>,
        narrowed: &[(String, Role)],
    ) -> Self {
        let mut users = Self::default();
        for role in roles {
            for step in role.recipe.iter().flat_map(|recipe| &recipe.steps) {
                let (names, _) = users.0.entry(step.fingerprint).or_default();
                add(names, role.name.as_str());
            }
        }
        // What comes before its last step is the role's own.
        for (id, role) in narrowed {
            if let Ok(recipe) = &role.recipe {
                let (names, leases) = users.0.entry(recipe.last().fingerprint).or_default();
                add(names, role.name.as_str());
                add(leases, id);
            }
        }
        users
    }
}

fn add(list: &mut String, name: &str) {
    if list.split(',').any(|listed| listed == name) {
        return;
    }
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(name);
}

/// What is about to be in force.
#[derive(Default)]
pub(super) struct Next {
    pub(super) table: Table,
    pub(super) steps: HashMap<Fingerprint, Arc<Handle>>,
    /// Steps that are new.
    begun: Vec<Arc<Handle>>,
}

impl Next {
    fn insert(&mut self, entry: Arc<Entry>) {
        let table = &mut self.table;
        table
            .by_name
            .insert(entry.role.name.to_string(), entry.clone());
        // A role called just so wins over one whose name is only escaped to it, whatever their order.
        if entry.slug == entry.role.name.as_str() {
            table.by_slug.insert(entry.slug.clone(), entry.clone());
        } else {
            table
                .by_slug
                .entry(entry.slug.clone())
                .or_insert_with(|| entry.clone());
        }
        table.ordered.push(entry);
    }

    /// The handles of a role's steps, first to last: kept ones with new orders, new ones where there are none.
    pub(super) fn chain(
        &mut self,
        role: &Role,
        users: &Users,
        old: &HashMap<Fingerprint, Arc<Handle>>,
    ) -> Vec<Arc<Handle>> {
        match &role.recipe {
            Ok(recipe) => self.steps_of(recipe, users, old),
            Err(_) => Vec::new(),
        }
    }

    fn steps_of(
        &mut self,
        recipe: &Recipe,
        users: &Users,
        old: &HashMap<Fingerprint, Arc<Handle>>,
    ) -> Vec<Arc<Handle>> {
        let Source::StaticKeys(keys) = &recipe.source;
        let mut parent = Parent::Keys(keys.clone());
        let mut handles = Vec::with_capacity(recipe.steps.len());
        for step in &recipe.steps {
            let begun = &mut self.begun;
            let handle = self.steps.entry(step.fingerprint).or_insert_with(|| {
                let (roles, leases) = users.0.get(&step.fingerprint).cloned().unwrap_or_default();
                let orders = Orders {
                    call: step.call.clone(),
                    label: step.label.clone(),
                    parent: parent.clone(),
                    roles,
                    leases: Some(leases).filter(|leases| !leases.is_empty()),
                };
                if let Some(handle) = old.get(&step.fingerprint) {
                    handle.set_orders(orders);
                    return handle.clone();
                }
                let handle = Arc::new(Handle::new(step.fingerprint, orders));
                begun.push(handle.clone());
                handle
            });
            parent = Parent::Step(handle.clone());
            handles.push(handle.clone());
        }
        handles
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
