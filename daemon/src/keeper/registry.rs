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
use super::pin::Slot;
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
}

pub(super) struct Registry {
    pub(super) tools: Arc<Tools>,
    pub(super) table: ArcSwap<Table>,
    ids: Arc<Ids>,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Ends when the last task has: nothing is ever sent.
    ended: Mutex<Option<mpsc::Receiver<Infallible>>>,
}

#[derive(Default)]
struct State {
    /// Every task holds a clone. None once the daemon stops.
    alive: Option<mpsc::Sender<Infallible>>,
    steps: HashMap<Fingerprint, Arc<Handle>>,
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

        let users = users(&roles);
        let mut steps = HashMap::new();
        let mut begun = Vec::new();
        let mut table = Table::default();
        for role in roles {
            let handles = match &role.recipe {
                Ok(recipe) => chain(recipe, &users, &state.steps, &mut steps, &mut begun),
                Err(_) => Vec::new(),
            };
            let entry = Arc::new(Entry {
                slug: role.name.slug(),
                steps: handles,
                registry: Arc::downgrade(self),
                clock: self.tools.clock.clone(),
                role,
            });
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
        table.ordered.sort_by(|a, b| a.role.name.cmp(&b.role.name));
        self.ids.ensure(steps.keys());

        let table = Arc::new(table);
        let old_table = self.table.swap(table.clone());
        let old_steps = std::mem::replace(&mut state.steps, steps);
        let now = self.tools.clock.now();
        for handle in begun {
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
        self.set_pins(&mut state, &table, now);
        for (fingerprint, handle) in &old_steps {
            if state.steps.contains_key(fingerprint) {
                handle.reset.store(true, Ordering::SeqCst);
                handle.wake.notify_one();
            } else {
                handle.end(Standing::Retired);
            }
        }
        changes::lines(&old_table, &table)
    }

    /// A standing reader of a role, whatever steps it comes to have.
    pub(super) fn pin(&self, role: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot::new(role));
        let mut state = lock(&self.state);
        slot.aim(&self.steps_of(role), self.tools.clock.now());
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

    fn steps_of(&self, role: &str) -> Vec<Arc<Handle>> {
        let table = self.table.load();
        let entry = table.by_name.get(role);
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
                .unwrap_or_else(|| Arc::new(Slot::new(name)));
            slot.aim(&entry.steps, now);
            state.kept_fresh.insert(name.to_owned(), slot);
        }
        state.pins.retain(|pin| {
            let Some(slot) = pin.upgrade() else {
                return false;
            };
            slot.aim(&self.steps_of(slot.role()), now);
            true
        });
    }
}

/// Names of the roles that use each step, joined by `,`.
fn users(roles: &[Role]) -> BTreeMap<Fingerprint, String> {
    let mut users: BTreeMap<Fingerprint, String> = BTreeMap::new();
    for role in roles {
        for step in role.recipe.iter().flat_map(|recipe| &recipe.steps) {
            let names = users.entry(step.fingerprint).or_default();
            if !names.is_empty() {
                names.push(',');
            }
            names.push_str(role.name.as_str());
        }
    }
    users
}

/// The handles of a recipe's steps, first to last: kept ones with new orders, new ones where there are none.
fn chain(
    recipe: &Recipe,
    users: &BTreeMap<Fingerprint, String>,
    old: &HashMap<Fingerprint, Arc<Handle>>,
    new: &mut HashMap<Fingerprint, Arc<Handle>>,
    begun: &mut Vec<Arc<Handle>>,
) -> Vec<Arc<Handle>> {
    let Source::StaticKeys(keys) = &recipe.source;
    let mut parent = Parent::Keys(keys.clone());
    let mut handles = Vec::with_capacity(recipe.steps.len());
    for step in &recipe.steps {
        let handle = new.entry(step.fingerprint).or_insert_with(|| {
            let orders = Orders {
                call: step.call.clone(),
                label: step.label.clone(),
                parent: parent.clone(),
                roles: users.get(&step.fingerprint).cloned().unwrap_or_default(),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
