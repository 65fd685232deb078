//! A listener's connections: how many there may be, which one goes when there are too many, and what
//! each is doing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::guard::{self, Refusal};
use super::wire::Fault;

/// One connection, as seen from outside its task.
#[derive(Debug)]
pub struct Connection {
    /// Zero while a request is answered; else a ticket, drawn when the connection began to wait for a
    /// complete head. The smallest has waited longest. A ticket costs less than reading a clock.
    waiting: AtomicU64,
    tickets: Arc<AtomicU64>,
    heads: AtomicU64,
    inside_head: AtomicBool,
    fault: OnceLock<Fault>,
    unwanted: Notify,
}

impl Connection {
    fn new(tickets: Arc<AtomicU64>) -> Self {
        let connection = Self {
            waiting: AtomicU64::new(0),
            tickets,
            heads: AtomicU64::new(0),
            inside_head: AtomicBool::new(false),
            fault: OnceLock::new(),
            unwanted: Notify::new(),
        };
        connection.wait();
        connection
    }

    fn wait(&self) {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting.store(ticket, Ordering::Relaxed);
    }

    /// How many heads have been complete so far.
    pub fn heads(&self) -> u64 {
        self.heads.load(Ordering::Relaxed)
    }

    /// Whether a request is being answered.
    pub fn is_answering(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Whether part of a head has arrived, and not its end.
    pub fn is_inside_head(&self) -> bool {
        self.inside_head.load(Ordering::Relaxed)
    }

    pub(super) fn inside_head(&self, inside: bool) {
        self.inside_head.store(inside, Ordering::Relaxed);
    }

    pub(super) fn found(&self, fault: Fault) {
        // The first fault is the one that counts.
        let _ = self.fault.set(fault);
    }

    /// Why no further request of this connection is answered, if a fault was found on the wire.
    pub fn fault(&self) -> Option<Refusal> {
        self.fault.get().map(|fault| match fault {
            Fault::BareLineFeed => guard::MALFORMED,
            Fault::DuplicateLength => guard::DUPLICATE_LENGTH,
        })
    }

    /// Returns when the connection must go to make room.
    pub async fn unwanted(&self) {
        self.unwanted.notified().await;
    }
}

/// While it lives, its connection is answering.
#[derive(Debug)]
pub struct Busy(Arc<Connection>);

impl Busy {
    /// A head is complete.
    pub fn begin(connection: &Arc<Connection>) -> Self {
        connection.waiting.store(0, Ordering::Relaxed);
        connection.heads.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connection))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// All connections of a listener.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    tickets: Arc<AtomicU64>,
    live: Mutex<Live>,
    none_left: Notify,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    by_id: HashMap<u64, Arc<Connection>>,
    tasks: usize,
}

impl Connections {
    /// At most `most` at a time.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            tickets: Arc::default(),
            live: Mutex::default(),
            none_left: Notify::new(),
        })
    }

    /// Room for one more. If there is none, the connection that has waited longest for a complete head
    /// is closed; None if all are answering.
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let mut live = self.live();
        if live.by_id.len() >= self.most && !Self::close_longest_waiting(&mut live) {
            return None;
        }
        let id = live.next;
        live.next += 1;
        live.tasks += 1;
        let connection = Arc::new(Connection::new(Arc::clone(&self.tickets)));
        live.by_id.insert(id, Arc::clone(&connection));
        Some(Admitted {
            id,
            connection,
            connections: Arc::clone(self),
        })
    }

    /// Gives a file descriptor back where there are none left. False if all connections are answering.
    pub fn shed(&self) -> bool {
        Self::close_longest_waiting(&mut self.live())
    }

    fn close_longest_waiting(live: &mut Live) -> bool {
        let longest = live
            .by_id
            .iter()
            .map(|(id, connection)| (connection.waiting.load(Ordering::Relaxed), *id))
            .filter(|(ticket, _)| *ticket != 0)
            .min();
        let Some(connection) = longest.and_then(|(_, id)| live.by_id.remove(&id)) else {
            return false;
        };
        connection.unwanted.notify_one();
        true
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.live().by_id.len()
    }

    /// Closes all, whatever they are doing.
    pub fn close_all(&self) {
        for connection in self.live().by_id.values() {
            connection.unwanted.notify_one();
        }
    }

    /// Returns when the last one has gone.
    pub async fn gone(&self) {
        loop {
            let none_left = self.none_left.notified();
            if self.live().tasks == 0 {
                return;
            }
            none_left.await;
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among a listener's connections, given back when dropped.
#[derive(Debug)]
pub struct Admitted {
    id: u64,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Admitted {
    /// The connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut live = self.connections.live();
        live.by_id.remove(&self.id);
        live.tasks -= 1;
        let none_left = live.tasks == 0;
        drop(live);
        if none_left {
            self.connections.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_waiting_goes_first_and_an_answering_one_never() {
        let connections = Connections::new(3);
        let first = connections.admit().unwrap();
        let second = connections.admit().unwrap();
        let third = connections.admit().unwrap();
        let answering = Busy::begin(second.connection());
        drop(Busy::begin(first.connection()));

        let _fourth = connections.admit().unwrap();
        third.connection().unwanted().await;
        let _fifth = connections.admit().unwrap();
        first.connection().unwanted().await;
        assert_eq!(connections.count(), 3);
        assert!(second.connection().is_answering());
        drop(answering);
        assert!(!second.connection().is_answering());
    }

    #[tokio::test]
    async fn nobody_is_admitted_while_all_are_answering() {
        let connections = Connections::new(1);
        let only = connections.admit().unwrap();
        let busy = Busy::begin(only.connection());
        assert!(connections.admit().is_none() && !connections.shed());
        drop(busy);
        assert!(connections.admit().is_some());
    }

    #[tokio::test]
    async fn gone_means_that_every_task_has_ended() {
        let connections = Connections::new(1);
        let first = connections.admit().unwrap();
        let second = connections.admit().unwrap();
        let gone = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.gone().await }
        });
        drop(second);
        tokio::task::yield_now().await;
        assert!(!gone.is_finished());
        drop(first);
        gone.await.unwrap();
    }
}
