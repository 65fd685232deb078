//! Leases: the revocable right of one consumer to one role, with its own token and end.
//!
//! A token is checked by its SHA-256, which is all that is kept of it: comparing hashes tells nobody
//! how much of a guess was right. Leases outlive a restart of the daemon, as the commands that hold
//! their tokens do; a lease ends with its scope, or when it is ended by hand.

pub mod binding;
pub mod doors;
pub mod files;
pub mod private;
pub mod scope;
mod store;
mod table;
mod token;
mod watch;

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rolecall::api::LeaseStatus;
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::config::ExecFiles;
use crate::ledger::{Event, Record};
use crate::peer::{Consumer, Peer};
use crate::recipe::RoleName;
use crate::secrets::SharedRandom;
use doors::{Doors, Held};
use files::Files;
use scope::{Processes, Scope};
use store::Store;
pub use table::Lease;
use table::Table;
pub(crate) use token::hex;
use token::{hash, new_id, new_token};

/// A standing reader of a role; ends when dropped.
pub type Pin = Box<dyn Any + Send + Sync>;

/// Makes a standing reader of the role of that name, whether or not there is such a role now: a reload may
/// bring it back.
pub type MakePin = dyn Fn(&str) -> Pin + Send + Sync;

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No live lease has it.
    Unknown,
    /// It is a lease's, for another role.
    OtherRole,
}

/// What leases work with.
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
    /// Names this boot.
    pub boot_id: String,
    /// Where leases are remembered.
    pub state_directory: PathBuf,
    /// Where the files of leases are.
    pub runtime_directory: PathBuf,
}

/// What a new lease is to be.
#[expect(missing_debug_implementations, reason = "copies of files with keys")]
pub struct Wanted {
    /// The role.
    pub role: RoleName,
    /// Who it is bound to, checked by [`scope::resolve`].
    pub scope: Scope,
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
        for lease in store.load()? {
            if lease.scope.is_alive(&tools.boot_id, &*tools.processes) {
                lease.pin(Some((tools.pin)(&lease.role)));
                table = table.with(&Arc::new(lease));
            } else {
                ended.push(lease);
            }
        }
        files.keep_only(|id| table.by_id.contains_key(id))?;
        let restored: Vec<_> = table.by_id.values().cloned().collect();
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
        for lease in &ended {
            leases.record_end(lease, "ended while the daemon was not running");
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
        if lease.slug == slug {
            Ok(Arc::clone(lease))
        } else {
            Err(Denied::OtherRole)
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
        let lease = Arc::new(Lease {
            id: new_id(&*tools.random),
            role: wanted.role.as_str().to_owned(),
            slug: wanted.role.slug(),
            scope: wanted.scope,
            created: tools.clock.now().wall,
            reason: wanted.reason,
            through_lock: wanted.through_lock,
            token: hash(token.as_bytes()),
            pin: Mutex::new(Some((tools.pin)(wanted.role.as_str()))),
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
            message: lease.reason.clone(),
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
        table.by_id.values().map(|lease| lease.status()).collect()
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

    /// What a scope is checked against.
    pub fn processes(&self) -> &dyn Processes {
        &*self.0.tools.processes
    }

    /// Names this boot.
    pub fn boot_id(&self) -> &str {
        &self.0.tools.boot_id
    }

    async fn save(&self) -> io::Result<()> {
        let _changing = self.0.changing.lock().await;
        let leases = self.clone();
        off_the_runtime(move || {
            let table = leases.0.table.load();
            let random = &*leases.0.tools.random;
            leases.0.store.save(table.by_id.values(), random)
        })
        .await
    }

    fn watch(&self, lease: Arc<Lease>) {
        let leases = self.clone();
        tokio::spawn(async move {
            watch::ended(&lease.scope, &leases.0.tools).await;
            if let Err(error) = leases.end(&lease.id, "its process ended").await {
                tracing::warn!(lease = lease.id, %error, "cleaning up after a lease failed");
            }
        });
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

fn sockets_of(leases: &[Lease]) -> Vec<PathBuf> {
    let sockets = leases
        .iter()
        .filter_map(|lease| lease.doors.socket.as_ref());
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
