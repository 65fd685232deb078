//! Leases: the revocable right of one consumer to one role, with its own token and end.
//!
//! A token is checked by its SHA-256, which is all that is kept of it: comparing hashes tells nobody
//! how much of a guess was right. Leases outlive a restart of the daemon, as the commands that hold
//! their tokens do; a lease ends with its scope, or when it is ended by hand.

pub mod files;
pub mod private;
pub mod scope;
mod store;
mod watch;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall::api::LeaseStatus;
use zeroize::Zeroizing;

use crate::clock::{SharedClock, Timestamp};
use crate::config::ExecFiles;
use crate::ledger::{Event, Record};
use crate::peer::{Consumer, Peer};
use crate::recipe::RoleName;
use crate::secrets::{Random, SharedRandom};
use files::Files;
use scope::{Processes, Scope};
use store::Store;

/// SHA-256 of a lease's token.
type TokenHash = [u8; 32];

/// A standing reader of a role; ends when dropped.
pub type Pin = Box<dyn Any + Send + Sync>;

/// One lease.
#[expect(missing_debug_implementations, reason = "holds a standing reader")]
pub struct Lease {
    id: String,
    role: String,
    slug: String,
    scope: Scope,
    created: Timestamp,
    reason: Option<String>,
    token: TokenHash,
    pin: Mutex<Option<Pin>>,
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

    /// Who it is bound to.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    fn pin(&self, pin: Option<Pin>) {
        *self.pin.lock().unwrap_or_else(PoisonError::into_inner) = pin;
    }

    fn status(&self) -> LeaseStatus {
        LeaseStatus {
            id: self.id.clone(),
            role: self.role.clone(),
            scope: self.scope.to_string(),
            created: self.created.to_string(),
            ends: None,
        }
    }
}

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
    /// Makes a standing reader of a role, if there is such a role.
    pub pin: Arc<dyn Fn(&str) -> Option<Pin> + Send + Sync>,
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
    /// What the lease's command is pointed at.
    pub files: ExecFiles,
    /// Who asked.
    pub peer: Option<Peer>,
    /// Who it is for.
    pub consumer: Option<Consumer>,
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
}

#[derive(Clone, Default)]
struct Table {
    by_token: HashMap<TokenHash, Arc<Lease>>,
    by_id: BTreeMap<String, Arc<Lease>>,
}

impl Table {
    fn with(&self, lease: &Arc<Lease>) -> Self {
        let mut table = self.clone();
        table.by_token.insert(lease.token, Arc::clone(lease));
        table.by_id.insert(lease.id.clone(), Arc::clone(lease));
        table
    }

    fn without(&self, id: &str) -> Option<(Self, Arc<Lease>)> {
        let mut table = self.clone();
        let lease = table.by_id.remove(id)?;
        table.by_token.remove(&lease.token);
        Some((table, lease))
    }
}

impl Leases {
    /// Restores the leases whose processes still live, with a standing reader each, and removes what the
    /// others left. Must run inside the runtime, after the roles are in force.
    pub async fn open(tools: Tools) -> io::Result<Self> {
        let files = Files::open(&tools.runtime_directory)?;
        let store = Store::new(&tools.state_directory);
        let (mut table, mut ended) = (Table::default(), Vec::new());
        for lease in store.load()? {
            if lease.scope.is_alive(&tools.boot_id, &*tools.processes) {
                lease.pin((tools.pin)(&lease.role));
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
    pub async fn create(&self, wanted: Wanted) -> io::Result<(Arc<Lease>, Zeroizing<String>)> {
        let tools = &self.0.tools;
        let token = new_token(&*tools.random);
        let lease = Arc::new(Lease {
            id: new_id(&*tools.random),
            role: wanted.role.as_str().to_owned(),
            slug: wanted.role.slug(),
            scope: wanted.scope,
            created: tools.clock.now().wall,
            reason: wanted.reason,
            token: hash(token.as_bytes()),
            pin: Mutex::new((tools.pin)(wanted.role.as_str())),
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
            self.end(&lease.id, "it could not be written down").await?;
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
    pub async fn end(&self, id: &str, why: &str) -> io::Result<bool> {
        let lease = {
            let _changing = self.0.changing.lock().await;
            let Some((table, lease)) = self.0.table.load().without(id) else {
                return Ok(false);
            };
            self.0.table.store(Arc::new(table));
            lease
        };
        lease.pin(None);
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

    /// Makes new standing readers: to be called when other roles are in force.
    pub fn pin_again(&self) {
        for lease in self.0.table.load().by_id.values() {
            lease.pin((self.0.tools.pin)(&lease.role));
        }
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

/// Runs what syncs files, so that readers do not wait for a disk.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn hash(token: &[u8]) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
    hash
}

/// 256 random bits in characters that every SDK passes on (clients.md section 2).
fn new_token(random: &dyn Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(&mut *bytes);
    Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))
}

fn new_id(random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests;
