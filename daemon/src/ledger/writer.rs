//! The queue to the writer's thread, and the thread.
//!
//! Whoever has a record puts it into the queue; the thread takes all there is at once, appends it in one
//! write and, if somebody waits for it, syncs once for all of them. While nothing is queued, unsynced or
//! waiting for a broken disk, the thread sleeps without a timer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use super::disk::Disk;
use super::line::Body;
use super::record::Record;
use super::recorder::Recorder;
use crate::clock::{Now, SharedClock};

/// Notes that may wait. (Commits are as many as there are tasks that wait for theirs.)
const MOST_QUEUED: usize = 4096;
/// How long a note may be written and not synced.
const SYNC_AFTER: Duration = Duration::from_millis(100);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// What the thread and the handles share.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    error: Mutex<Option<String>>,
    lines: broadcast::Sender<Arc<str>>,
}

#[derive(Debug, Default)]
struct Queue {
    records: Vec<(Now, Body)>,
    waiting: Vec<oneshot::Sender<Option<String>>>,
    /// Notes that found the queue full.
    dropped: u64,
    closed: bool,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            error: Mutex::default(),
            lines: broadcast::Sender::new(256),
        })
    }

    /// Queues a record, or counts it if the queue is full. False if the ledger is closed.
    pub(super) fn note(&self, record: Record, clock: &SharedClock) -> bool {
        let mut queue = self.queue();
        if queue.closed {
            return false;
        }
        if queue.records.len() < MOST_QUEUED {
            // Inside the lock, so that the file's order is the order of time.
            let now = clock.now();
            queue.records.push((now, Body::Record(Box::new(record))));
        } else {
            queue.dropped += 1;
        }
        drop(queue);
        self.wake.notify_one();
        true
    }

    /// Queues a record; the receiver gets None when it is on disk, or why it is not. None if the ledger is
    /// closed.
    pub(super) fn commit(
        &self,
        record: Record,
        clock: &SharedClock,
    ) -> Option<oneshot::Receiver<Option<String>>> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if queue.closed {
            return None;
        }
        let now = clock.now();
        queue.records.push((now, Body::Record(Box::new(record))));
        queue.waiting.push(sender);
        drop(queue);
        self.wake.notify_one();
        Some(receiver)
    }

    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_error(&self, error: Option<&str>) {
        let mut known = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        match (known.as_deref(), error) {
            (None, Some(error)) => tracing::error!(error, "the ledger cannot be written"),
            (Some(_), None) => tracing::info!("the ledger can be written again"),
            (before, after) if before == after => return,
            _ => {}
        }
        *known = error.map(str::to_owned);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.lines.subscribe()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all there is; if that is nothing, waits for something, at most `patience`.
    fn take(&self, patience: Option<Duration>) -> Queue {
        let idle =
            |queue: &mut Queue| queue.records.is_empty() && queue.dropped == 0 && !queue.closed;
        let queue = self.queue();
        let mut queue = match patience {
            None => self
                .wake
                .wait_while(queue, idle)
                .unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                self.wake
                    .wait_timeout_while(queue, patience, idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        let closed = queue.closed;
        let taken = std::mem::take(&mut *queue);
        queue.closed = closed;
        Queue { closed, ..taken }
    }
}

/// The thread: runs until [`Shared::close`], and writes what is queued then.
pub(super) fn run<D: Disk>(shared: &Shared, mut recorder: Recorder<D>, clock: &SharedClock) {
    let mut retry = FIRST_RETRY;
    // When the oldest unsynced line was written.
    let mut unsynced_since: Option<Duration> = None;
    loop {
        let before = clock.now();
        let until_sync = unsynced_since
            .map(|since| SYNC_AFTER.saturating_sub(before.boot.saturating_sub(since)));
        let patience = until_sync.or(recorder.is_waiting().then_some(retry));
        let mut batch = shared.take(patience);
        let now = clock.now();
        let came = !batch.records.is_empty();
        if batch.dropped > 0 {
            let gap = Body::gap(Some(batch.dropped), "records were lost: too many at once");
            batch.records.push((now, gap));
        }
        if came || recorder.is_waiting() || batch.dropped > 0 {
            let lines = recorder.write(&batch.records, now);
            if shared.lines.receiver_count() > 0 {
                for line in lines {
                    // An error only says that the last subscriber has left meanwhile.
                    let _ = shared.lines.send(line.into());
                }
            }
        }
        if recorder.is_unsynced() && unsynced_since.is_none() {
            unsynced_since = Some(now.boot);
        }
        // No record came: the time was up.
        let due = unsynced_since
            .is_some_and(|since| !came || now.boot.saturating_sub(since) >= SYNC_AFTER);
        if due || batch.closed || !batch.waiting.is_empty() || recorder.error().is_some() {
            recorder.sync();
            unsynced_since = None;
        }
        shared.set_error(recorder.error());
        for waiting in batch.waiting {
            // Who no longer waits does not need to know.
            let _ = waiting.send(recorder.error().map(str::to_owned));
        }
        retry = if recorder.is_waiting() && !came {
            (retry * 2).min(LAST_RETRY)
        } else {
            FIRST_RETRY
        };
        if batch.closed {
            return;
        }
    }
}
