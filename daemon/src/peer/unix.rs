//! The peer of a Unix connection.

use std::sync::Arc;

use tokio::net::UnixStream;

use super::consumer::{behind, lineage};
use super::kept::{Kept, Node};
use super::proc::{Handle, connector};
use super::{Attestation, Behind, Consumer, MOST_ANCESTORS, Peer, Process};

/// The processes last seen above our clients and other consumers.
static LAST_SEEN: Kept = Kept::new();

/// Who is behind a Unix connection, pinned, with what is known of them before the answer.
#[derive(Clone, Debug)]
pub struct Waiting {
    consumer: Arc<Handle>,
    known: Process,
    /// Our own client, which waits for the consumer's answer. None if the consumer asks for itself: then
    /// `known` lacks its ancestors only.
    client: Option<Arc<Handle>>,
}

/// The peer of a Unix connection and who is behind it; None if the peer's credentials cannot be had
/// (refuse).
///
/// Reads of `/proc` what may be gone after the answer: all about a peer that asks for itself; of our own
/// client and its ancestors only what leads to the consumer, for that one waits. [`Waiting`] reads the rest.
///
/// The credentials are those of the process that *connected* (`SO_PEERCRED`, pinned by `SO_PEERPIDFD`), whoever
/// holds the socket now. If it has ended, its pid may be another's: it is unknown then.
pub fn of_unix(stream: &UnixStream) -> Option<(Peer, Behind)> {
    let credentials = stream.peer_cred().ok()?;
    let uid = credentials.uid();
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process: None,
        cgroup_id: None,
    };
    let unknown = Behind::Known(Consumer { uid, process: None });
    let mut walk = LAST_SEEN.walk();
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let connector = pid
        .and_then(|pid| connector(stream, pid))
        // It became another user since, or (on old kernels) is someone else's under this pid.
        .filter(|handle| handle.link().uid == uid);
    let Some(connector) = connector else {
        return Some((peer, unknown));
    };
    let asks = Node::new(connector);
    let waiting = if asks.handle.is_client() {
        behind(&mut walk, &asks).and_then(|consumer| {
            Some(Waiting {
                known: consumer.handle.outline()?,
                consumer: consumer.handle,
                client: Some(Arc::clone(&asks.handle)),
            })
        })
    } else {
        asks.handle.facts().map(|known| Waiting {
            known,
            consumer: Arc::clone(&asks.handle),
            client: None,
        })
    };
    let Some(waiting) = waiting else {
        let process = asks
            .handle
            .is_client()
            .then(|| asks.handle.outline())
            .flatten();
        return Some((Peer { process, ..peer }, unknown));
    };
    Some((peer, Behind::Waiting(waiting)))
}

impl Waiting {
    /// A consumer that waits for a client nobody asks about.
    #[cfg(test)]
    pub(super) fn of(consumer: Handle) -> Option<Self> {
        let consumer = Arc::new(consumer);
        Some(Self {
            known: consumer.outline()?,
            client: Some(Arc::clone(&consumer)),
            consumer,
        })
    }

    /// The consumer, as far as it is known by now: at least what names it.
    pub fn known(&self) -> &Process {
        &self.known
    }

    /// The process that connected: our own client, or the consumer itself. None if it is gone.
    pub fn peer(&self) -> Option<Process> {
        match &self.client {
            Some(client) => client.outline(),
            None => Some(self.known.clone()),
        }
    }

    /// The consumer with all facts. One that has ended, or has become another program, stays as it was.
    pub fn complete(&self) -> Process {
        let facts = self.client.as_ref().and_then(|_| self.consumer.facts());
        let known = facts.unwrap_or_else(|| self.known.clone());
        let mut walk = LAST_SEEN.walk();
        let above = Node::again(&self.consumer)
            .map(|consumer| lineage(&mut walk, &consumer, MOST_ANCESTORS))
            .unwrap_or_default();
        let ancestors = above.iter().map_while(|node| node.handle.ancestor());
        Process {
            ancestors: ancestors.collect(),
            ..known
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "unix_tests.rs"]
mod tests;
