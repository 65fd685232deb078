//! Leases: the revocable right of one consumer to one role, with its own token and end.
//!
//! A token is checked by its SHA-256, which is all that is kept of it: comparing hashes tells nobody
//! how much of a guess was right. Leases outlive a restart of the daemon, as the commands that hold
//! their tokens do; a lease ends with its scope, at its time, or when it is ended by hand. A fence that it was stays
//! until nobody is inside any more.

pub mod cgroup;
pub mod doors;
mod fences;
pub mod files;
pub mod inside;
pub mod private;
pub mod scope;
mod store;
mod table;
mod token;
mod tools;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rolecall::api::LeaseStatus;
use zeroize::Zeroizing;

use crate::config::ExecFiles;
use crate::ledger::{Event, Record};
use crate::peer::{Consumer, Peer};
use crate::recipe::{Narrowing, RoleName};
use doors::{Doors, Held};
pub use fences::Fenced;
use files::Files;
use scope::Scope;
use store::Store;
pub use table::Lease;
use table::Table;
pub(crate) use token::hex;
use token::{hash, new_id, new_token};
pub use tools::{MakePin, Pin, Tools};

/// Why a lease has ended that had a time.
const TIME_IS_OVER: &str = "its time is over";

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No live lease has it.
    Unknown,
    /// It is a lease's, for another role.
    OtherRole,
}

/// What a new lease is to be.
#[expect(missing_debug_implementations, reason = "copies of files with keys")]
pub struct Wanted {
    /// What [`Leases::prepare`] gave.
    pub prepared: Prepared,
    /// The role.
    pub role: RoleName,
    /// Who it is bound to, checked by [`scope::resolve`].
    pub scope: Scope,
    /// Whether its scope may have nothing else, though no policy narrows it.
    pub only: bool,
    /// After how long it ends.
    pub ttl: Option<Duration>,
    /// Why, for the ledger.
    pub reason: Option<String>,
    /// Whether it goes on while the doors are locked.
    pub through_lock: bool,
    /// What the lease's command is pointed at.
    pub files: ExecFiles,
    /// Who asked.
    pub peer: Option<Peer>,
    /// Who it is for.
    pub consumer: Option<Consumer>,
    /// The doors of its own.
    pub doors: Doors,
}

/// A lease to be: its id, and its standing reader, with which its sessions begin and end.
#[expect(missing_debug_implementations, reason = "holds a standing reader")]
pub struct Prepared {
    id: String,
    narrowing: Narrowing,
    pin: Pin,
}

impl Prepared {
    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// All live leases. Cheap to clone.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Leases(Arc<Inner>);

struct Inner {
    tools: Tools,
    files: Files,
    store: Store,
    table: ArcSwap<Table>,
    /// Held while the table is replaced and while it is written, so that the file is never older than
    /// the last change that was answered.
    changing: tokio::sync::Mutex<()>,
    /// Sockets of leases that ended while no daemon ran.
    leftovers: Mutex<Vec<PathBuf>>,
}

impl Leases {
    /// Restores the leases whose processes still live, with a standing reader each, and removes what the
    /// others left. Must run inside the runtime.
    pub async fn open(tools: Tools) -> io::Result<Self> {
        let files = Files::open(&tools.runtime_directory)?;
        let store = Store::new(&tools.state_directory);
        let (mut table, mut ended) = (Table::default(), Vec::new());
        let (loaded, now) = (store.load()?, tools.clock.now());
        for lease in loaded.leases {
            let lease = Arc::new(lease);
            if !lease.scope.is_alive(tools.place()) {
                ended.push((lease, "ended while the daemon was not running"));
            } else if lease.is_over(now) {
                table = table.with_fence(&lease);
                ended.push((lease, TIME_IS_OVER));
            } else {
                lease.pin(Some((tools.pin)(&lease.role, &lease.id, &lease.narrowing)));
                table = table.with(&lease);
            }
        }
        for fence in loaded.fences {
            if fence.scope.is_alive(tools.place()) {
                table = table.with_fence(&Arc::new(fence));
            }
        }
        files.keep_only(|id| table.by_id.contains_key(id))?;
        let ended_fences = table.ended().cloned();
        let restored: Vec<_> = (table.by_id.values().cloned())
            .chain(ended_fences)
            .collect();
        let leases = Self(Arc::new(Inner {
            tools,
            files,
            store,
            table: ArcSwap::from_pointee(table),
            changing: tokio::sync::Mutex::default(),
            leftovers: Mutex::new(sockets_of(&ended)),
        }));
        if !ended.is_empty() {
            leases.save().await?;
        }
        for (lease, why) in &ended {
            leases.record_end(lease, why);
        }
        for lease in restored {
            leases.watch(lease);
        }
        Ok(leases)
    }

    /// The lease that `token` belongs to, if it is for the role with this slug. No lock, no wait.
    pub fn verify(&self, token: &[u8], slug: &str) -> Result<Arc<Lease>, Denied> {
        let table = self.0.table.load();
        let lease = table.by_token.get(&hash(token)).ok_or(Denied::Unknown)?;
        if lease.is_over(self.0.tools.clock.now()) {
            return Err(Denied::Unknown);
        }
        if lease.slug == slug {
            Ok(Arc::clone(lease))
        } else {
            Err(Denied::OtherRole)
        }
    }

    /// Begins a lease of the role of that name: what is narrowed for it can be read from now on, until the value or
    /// the lease made of it is gone.
    pub fn prepare(&self, role: &str, narrowing: Narrowing) -> Prepared {
        let tools = &self.0.tools;
        let id = new_id(&*tools.random);
        Prepared {
            pin: (tools.pin)(role, &id, &narrowing),
            id,
            narrowing,
        }
    }

    /// Makes a lease, on disk before it is answered. The second value is its token, which is kept nowhere.
    ///
    /// Goes on to its end even if nobody waits for it any more: a lease that is in force is also written
    /// down and watched.
    pub async fn create(&self, wanted: Wanted) -> io::Result<(Arc<Lease>, Zeroizing<String>)> {
        let leases = self.clone();
        unhurt(async move { leases.make(wanted).await }).await
    }

    async fn make(&self, wanted: Wanted) -> io::Result<(Arc<Lease>, Zeroizing<String>)> {
        let tools = &self.0.tools;
        let token = new_token(&*tools.random);
        let now = tools.clock.now();
        let lease = Arc::new(Lease {
            id: wanted.prepared.id,
            role: wanted.role.as_str().to_owned(),
            slug: wanted.role.slug(),
            scope: wanted.scope,
            narrowing: wanted.prepared.narrowing,
            only: wanted.only,
            created: now.wall,
            ends: wanted.ttl.map(|ttl| now.plus(ttl)),
            reason: wanted.reason,
            through_lock: wanted.through_lock,
            token: hash(token.as_bytes()),
            pin: Mutex::new(Some(wanted.prepared.pin)),
            doors: wanted.doors,
            held: Held::default(),
        });
        let (files, id) = (self.0.files.clone(), lease.id.clone());
        let (contents, copy) = (wanted.files, token.clone());
        off_the_runtime(move || files.write(&id, &contents, &copy)).await?;
        {
            let _changing = self.0.changing.lock().await;
            self.0
                .table
                .store(Arc::new(self.0.table.load().with(&lease)));
        }
        if let Err(error) = self.save().await {
            // Its command does not start, so there is nothing to fence in.
            self.lift(&lease.id).await;
            self.cease(&lease.id, "it could not be written down")
                .await?;
            return Err(error);
        }
        (tools.note)(Record {
            event: Event::Lease,
            role: Some(lease.role.clone()),
            lease: Some(lease.id.clone()),
            peer: wanted.peer,
            consumer: wanted.consumer,
            message: lease.description(),
            ..Record::default()
        });
        self.watch(Arc::clone(&lease));
        Ok((lease, token))
    }

    /// Ends a lease: its token opens nothing from now on, its files are removed. False if there is none.
    /// Goes on to its end even if nobody waits for it any more.
    pub async fn end(&self, id: &str, why: &'static str) -> io::Result<bool> {
        let (leases, id) = (self.clone(), id.to_owned());
        unhurt(async move { leases.cease(&id, why).await }).await
    }

    async fn cease(&self, id: &str, why: &str) -> io::Result<bool> {
        let lease = {
            let _changing = self.0.changing.lock().await;
            let Some((table, lease)) = self.0.table.load().without(id) else {
                return Ok(false);
            };
            self.0.table.store(Arc::new(table));
            lease
        };
        lease.pin(None);
        lease.let_go();
        self.record_end(&lease, why);
        let (files, ended) = (self.0.files.clone(), lease.id.clone());
        off_the_runtime(move || files.remove(&ended)).await?;
        self.save().await?;
        Ok(true)
    }

    /// All live leases.
    pub fn list(&self) -> Vec<LeaseStatus> {
        let table = self.0.table.load();
        let live = table.by_id.values().map(|lease| lease.status(false));
        live.chain(table.ended().map(|fence| fence.status(true)))
            .collect()
    }

    /// What people are told of one.
    pub fn status(&self, lease: &Lease) -> LeaseStatus {
        lease.status(!self.is_live(lease))
    }

    /// All live leases themselves.
    pub fn live(&self) -> Vec<Arc<Lease>> {
        self.0.table.load().by_id.values().cloned().collect()
    }

    /// Where sockets of leases may lie that ended while no daemon ran. Once.
    pub fn take_leftovers(&self) -> Vec<PathBuf> {
        let mut leftovers = (self.0.leftovers.lock()).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut leftovers)
    }

    /// The paths of a lease's files.
    pub fn files(&self) -> &Files {
        &self.0.files
    }

    async fn save(&self) -> io::Result<()> {
        let _changing = self.0.changing.lock().await;
        let leases = self.clone();
        off_the_runtime(move || {
            let table = leases.0.table.load();
            let random = &*leases.0.tools.random;
            leases
                .0
                .store
                .save(table.by_id.values(), table.ended(), random)
        })
        .await
    }

    fn watch(&self, lease: Arc<Lease>) {
        let leases = self.clone();
        tokio::spawn(async move {
            let (id, tools) = (&lease.id, &leases.0.tools);
            let over = tokio::select! {
                () = watch::ended(&lease.scope, tools) => false,
                () = watch::over(&lease, tools) => true,
            };
            if over {
                leases.end_or_warn(id, TIME_IS_OVER).await;
                if !lease.is_fence() {
                    return;
                }
                watch::ended(&lease.scope, tools).await;
            }
            leases
                .end_or_warn(id, watch::what_ended(&lease.scope))
                .await;
            if leases.lift(id).await
                && let Err(error) = leases.save().await
            {
                tracing::warn!(lease = id, %error, "cleaning up after a fence failed");
            }
            watch::clean(&lease.scope, tools).await;
        });
    }

    async fn end_or_warn(&self, id: &str, why: &'static str) {
        if let Err(error) = self.end(id, why).await {
            tracing::warn!(lease = id, %error, "cleaning up after a lease failed");
        }
    }

    fn record_end(&self, lease: &Lease, why: &str) {
        (self.0.tools.note)(Record {
            event: Event::LeaseEnd,
            role: Some(lease.role.clone()),
            lease: Some(lease.id.clone()),
            message: Some(why.to_owned()),
            ..Record::default()
        });
    }
}

fn sockets_of(ended: &[(Arc<Lease>, &str)]) -> Vec<PathBuf> {
    let sockets = (ended.iter()).filter_map(|(lease, _)| lease.doors.socket.as_ref());
    sockets.map(|socket| socket.path.clone()).collect()
}

/// Runs to the end, whatever becomes of whoever waits: a request's future is dropped when its
/// connection is.
async fn unhurt<T: Send + 'static>(
    work: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Runs what syncs files, so that readers do not wait for a disk.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
