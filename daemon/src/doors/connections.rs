//! A listener's connections: how many there may be, which one goes when there are too many, and what
//! each is doing (threat T19).
//!
//! Connections of peers who are refused anyway, such as other users', make room before all others and
//! never cost anybody else a place: nobody can push a user's own clients out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::Notify;

use super::guard::{self, Refusal};
use super::wire::Fault;

/// Whether a connection's peer will be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Welcome {
    /// All it gets is a refusal.
    Refused,
    /// It may get what it asks for.
    Served,
}

/// One connection, as seen from outside its task.
#[derive(Debug)]
pub struct Connection {
    /// Zero while a request is answered; else a ticket, drawn when the connection began to wait for a
    /// complete head. The smallest has waited longest. A ticket costs less than reading a clock.
    waiting: AtomicU64,
    welcome: Welcome,
    tickets: Arc<AtomicU64>,
    heads: AtomicU64,
    inside_head: AtomicBool,
    fault: OnceLock<Fault>,
    unwanted: Notify,
}

impl Connection {
    fn new(welcome: Welcome, tickets: Arc<AtomicU64>) -> Self {
        let connection = Self {
            waiting: AtomicU64::new(0),
            welcome,
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
    /// is closed; None if all are answering, or if this one is refused and all others are not.
    pub fn admit(self: &Arc<Self>, welcome: Welcome) -> Option<Admitted> {
        let mut live = self.live();
        if live.by_id.len() >= self.most && !Self::close_longest_waiting(&mut live, welcome) {
            return None;
        }
        let id = live.next;
        live.next += 1;
        live.tasks += 1;
        let connection = Arc::new(Connection::new(welcome, Arc::clone(&self.tickets)));
        live.by_id.insert(id, Arc::clone(&connection));
        Some(Admitted {
            id,
            connection,
            connections: Arc::clone(self),
        })
    }

    fn shed(&self) -> bool {
        Self::close_longest_waiting(&mut self.live(), Welcome::Served)
    }

    /// Closes one for the sake of a connection that is this welcome, if any can go.
    fn close_longest_waiting(live: &mut Live, newcomer: Welcome) -> bool {
        let rank = |(id, connection): (&u64, &Arc<Connection>)| {
            let ticket = connection.waiting.load(Ordering::Relaxed);
            (connection.welcome, ticket, *id)
        };
        let longest = live
            .by_id
            .iter()
            .map(rank)
            .filter(|(welcome, ticket, _)| *ticket != 0 && *welcome <= newcomer)
            .min();
        let Some(connection) = longest.and_then(|(.., id)| live.by_id.remove(&id)) else {
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

/// The connections of all listeners, which share the process's file descriptors.
#[derive(Debug, Default)]
pub struct AllConnections(Mutex<Vec<Weak<Connections>>>);

impl AllConnections {
    /// Another listener's. Those of listeners that are gone are forgotten.
    pub fn add(&self, connections: &Arc<Connections>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|it| it.strong_count() > 0);
        all.push(Arc::downgrade(connections));
    }

    /// Gives a file descriptor back where there are none left: the fullest listener's longest waiting
    /// connection is closed. False if all connections are answering.
    pub fn shed(&self) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        all.sort_by_key(|connections| std::cmp::Reverse(connections.count()));
        all.iter().any(|connections| connections.shed())
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
        let first = connections.admit(Welcome::Served).unwrap();
        let second = connections.admit(Welcome::Served).unwrap();
        let third = connections.admit(Welcome::Served).unwrap();
        let answering = Busy::begin(second.connection());
        drop(Busy::begin(first.connection()));

        let _fourth = connections.admit(Welcome::Served).unwrap();
        third.connection().unwanted().await;
        let _fifth = connections.admit(Welcome::Served).unwrap();
        first.connection().unwanted().await;
        assert_eq!(connections.count(), 3);
        assert!(second.connection().is_answering());
        drop(answering);
        assert!(!second.connection().is_answering());
    }

    #[tokio::test]
    async fn nobody_is_admitted_while_all_are_answering() {
        let connections = Connections::new(1);
        let only = connections.admit(Welcome::Served).unwrap();
        let all = AllConnections::default();
        all.add(&connections);
        let busy = Busy::begin(only.connection());
        assert!(connections.admit(Welcome::Served).is_none() && !all.shed());
        drop(busy);
        assert!(connections.admit(Welcome::Served).is_some());
    }

    #[tokio::test]
    async fn who_is_refused_goes_before_all_others_and_pushes_nobody_out() {
        let connections = Connections::new(3);
        let idle = connections.admit(Welcome::Served).unwrap();
        let refused = connections.admit(Welcome::Refused).unwrap();
        let _newer = connections.admit(Welcome::Served).unwrap();
        let _newest = connections.admit(Welcome::Served).unwrap();
        refused.connection().unwanted().await;
        assert!(connections.admit(Welcome::Refused).is_none());
        let _instead = connections.admit(Welcome::Served).unwrap();
        idle.connection().unwanted().await;
    }

    #[tokio::test]
    async fn where_descriptors_are_short_the_fullest_listener_gives_one_back() {
        let (quiet, full) = (Connections::new(9), Connections::new(9));
        let all = AllConnections::default();
        all.add(&quiet);
        all.add(&full);
        all.add(&Connections::new(9));
        let kept = quiet.admit(Welcome::Served).unwrap();
        let (first, second) = [(); 2]
            .map(|()| full.admit(Welcome::Served).unwrap())
            .into();
        assert!(all.shed());
        first.connection().unwanted().await;
        let _busy = [&second, &kept].map(|it| Busy::begin(it.connection()));
        assert!(!all.shed());
    }

    #[tokio::test]
    async fn gone_means_that_every_task_has_ended() {
        let connections = Connections::new(1);
        let first = connections.admit(Welcome::Served).unwrap();
        let second = connections.admit(Welcome::Served).unwrap();
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
