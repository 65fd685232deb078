//! The append-only record of every attempt, every session, its first serve to each consumer, every
//! refusal (DESIGN rule 11).
//!
//! One JSON object a line in `ledger.jsonl`, numbered by `seq` through restarts and rotations. Everyone
//! hands records to one thread (`writer`), which numbers them (`recorder`) and appends them (`disk`);
//! readers go to the files themselves (`query`). A record has no field a secret could be in.

mod disk;
mod line;
mod query;
mod record;
mod recorder;
mod rotate;
mod seen;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::broadcast;

pub use self::record::{Event, Record, SessionRecord};

use self::disk::LedgerFile;
use self::line::Origin;
use self::recorder::Recorder;
use self::seen::Seen;
use self::writer::Shared;
use crate::clock::{SharedClock, Timestamp};
use crate::config::LedgerOnError;
use crate::sys::host;

/// Hands records to the writer's thread. Cheap to clone; the thread ends with the last clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    clock: SharedClock,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    renaming: Arc<RwLock<()>>,
    refuse: AtomicBool,
    seen: Mutex<Seen>,
    counts: [AtomicU64; Event::ALL.len()],
}

impl Ledger {
    /// Opens (or makes, 0600) `directory/ledger.jsonl` and starts the writer's thread. If the file cannot
    /// be opened, [`Self::error`] says why, and every record tries again.
    pub fn open(directory: PathBuf, clock: SharedClock, on_error: LedgerOnError) -> Self {
        Self::open_with_limit(directory, clock, on_error, rotate::LIMIT)
    }

    fn open_with_limit(
        directory: PathBuf,
        clock: SharedClock,
        on_error: LedgerOnError,
        limit: u64,
    ) -> Self {
        let mut file = directory;
        file.push("ledger.jsonl");
        let renaming = Arc::default();
        let origin = Origin {
            boot_id: host::boot_id(),
            host: host::name(),
        };
        let disk = LedgerFile::new(file.clone(), limit, Arc::clone(&renaming));
        let recorder = Recorder::open(disk, origin, clock.now());
        let shared = Shared::new();
        shared.set_error(recorder.error());
        let thread = std::thread::Builder::new().name("ledger".into()).spawn({
            let (shared, clock) = (Arc::clone(&shared), Arc::clone(&clock));
            move || writer::run(&shared, recorder, &clock)
        });
        if let Err(error) = &thread {
            shared.close();
            shared.set_error(Some(&format!("its thread could not be started: {error}")));
        }
        let inner = Inner {
            file,
            clock,
            shared,
            thread: Mutex::new(thread.ok()),
            renaming,
            refuse: AtomicBool::new(on_error == LedgerOnError::Refuse),
            seen: Mutex::default(),
            counts: Default::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Writes a record and waits until it is on disk. An error only under `ledger_on_error = "refuse"`;
    /// even then the record is kept, and written when the file can be written again. Who stops waiting
    /// stops nothing.
    pub async fn commit(&self, record: Record) -> Result<(), Unwritable> {
        self.count(record.event);
        let failure = match self.inner.shared.commit(record, &self.inner.clock) {
            Some(done) => done.await.unwrap_or_else(|_| Some(CLOSED.to_owned())),
            None => Some(self.error().unwrap_or_else(|| CLOSED.to_owned())),
        };
        match failure {
            Some(reason) if self.inner.refuse.load(Ordering::Relaxed) => Err(Unwritable(reason)),
            _ => Ok(()),
        }
    }

    /// Queues a record; written at once and on disk within 100 ms. Never waits: what finds the queue full
    /// (4096 records) is counted in a gap record.
    pub fn note(&self, record: Record) {
        self.count(record.event);
        if !self.inner.shared.note(record, &self.inner.clock) {
            tracing::debug!("a record came after the ledger was closed");
        }
    }

    /// Whether `consumer` gets session `access_key_id` for the first time; remembers it if so. Old
    /// sessions are forgotten after `end`.
    pub fn first_serve(&self, access_key_id: &str, consumer: &str, end: Timestamp) -> bool {
        let now = self.inner.clock.now().wall;
        let mut seen = self
            .inner
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        seen.first(access_key_id, consumer, end, now)
    }

    /// Every record as its JSON line, from now on (`GET /v1/events`). Who is more than 256 behind loses the
    /// oldest. While the file cannot be written, numbers are provisional.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.inner.shared.subscribe()
    }

    /// The last `count` records after `after` (a sequence number), oldest first, as JSON lines. Reads from
    /// the end: a few records cost microseconds, many belong on a blocking thread.
    pub fn tail(&self, count: usize, after: Option<u64>) -> io::Result<Vec<String>> {
        let files = {
            let _renaming = self
                .inner
                .renaming
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            rotate::open_all(&self.inner.file)?
        };
        query::tail(files, count, after)
    }

    /// How many records of each kind this daemon has made, for metrics.
    pub fn counts(&self) -> Vec<(Event, u64)> {
        let counts = self.inner.counts.iter();
        Event::ALL
            .into_iter()
            .zip(counts.map(|count| count.load(Ordering::Relaxed)))
            .collect()
    }

    /// The file being written.
    pub fn file(&self) -> PathBuf {
        self.inner.file.clone()
    }

    /// Why it cannot be written, if it cannot.
    pub fn error(&self) -> Option<String> {
        self.inner.shared.error()
    }

    /// Changes what happens on errors (reload).
    pub fn set_on_error(&self, on_error: LedgerOnError) {
        let refuse = on_error == LedgerOnError::Refuse;
        self.inner.refuse.store(refuse, Ordering::Relaxed);
    }

    /// Writes what is queued and ends the thread. Records that come later are not written.
    pub fn close(&self) {
        self.inner.close();
    }

    fn count(&self, event: Event) {
        if let Some(at) = Event::ALL.iter().position(|&other| other == event) {
            self.inner.counts[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}

const CLOSED: &str = "the daemon is stopping";

impl Inner {
    fn close(&self) {
        self.shared.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // It cannot have panicked and we be here: a panic ends the process.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The ledger cannot be written and `ledger_on_error = "refuse"`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the ledger cannot be written: {0}")]
pub struct Unwritable(pub String);

#[cfg(test)]
mod tests;
