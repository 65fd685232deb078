//! Who is at the other end of one connection, and what they were given on it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rolecall::api::Door;

use super::token::Opened;
use crate::clock::Now;
use crate::peer::{self, Attestation, Behind, Consumer, Peer, Process, TcpOwner};
use crate::session::Served;

/// The other end of a connection.
#[expect(missing_debug_implementations, reason = "points at a session")]
pub struct Visitor {
    /// The door the connection came through.
    pub door: Door,
    /// What the kernel says; None if it cannot tell, and then nothing is served.
    pub peer: Option<Peer>,
    /// The owner of a TCP connection, to find its process by.
    pub owner: Option<TcpOwner>,
    /// The rule that refuses everything on this connection.
    pub refused: Option<&'static str>,
    /// The IMDS token that the connection used last.
    pub(super) token: Opened,
    waiting: Option<Process>,
    consumer: OnceLock<Consumer>,
    /// The lease whose scope the connection was found to be inside of: looked at once a connection.
    bound: OnceLock<String>,
    given: Mutex<Weak<Served>>,
    given_at: AtomicI64,
}

/// Which uids may use this daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admittance {
    /// The daemon's own.
    pub uid: u32,
    /// Whether uid 0 may use a daemon that is not its own (`allow_root`).
    pub root: bool,
}

impl Admittance {
    /// The rule that refuses `uid`, if one does. A peer that the kernel cannot tell is refused.
    pub fn refuses(self, uid: Option<u32>) -> Option<&'static str> {
        match uid {
            Some(uid) if uid == self.uid || (uid == 0 && self.root) => None,
            _ => Some("uid"),
        }
    }
}

impl Visitor {
    /// Of a Unix connection.
    pub fn of_unix(known: Option<(Peer, Behind)>, admittance: Admittance) -> Self {
        let (peer, behind) = known.unzip();
        let (consumer, waiting) = match behind {
            Some(Behind::Known(consumer)) => (OnceLock::from(consumer), None),
            Some(Behind::Waiting(outline)) => (OnceLock::new(), Some(outline)),
            None => (OnceLock::new(), None),
        };
        Self {
            door: Door::Socket,
            refused: admittance.refuses(peer.as_ref().map(|peer| peer.uid)),
            peer,
            owner: None,
            token: Opened::default(),
            waiting,
            consumer,
            bound: OnceLock::new(),
            given: Mutex::default(),
            given_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Of a loopback TCP connection.
    pub fn of_tcp(door: Door, owner: Option<TcpOwner>, admittance: Admittance) -> Self {
        Self {
            door,
            refused: admittance.refuses(owner.map(|owner| owner.uid)),
            peer: owner.map(|owner| Peer {
                uid: owner.uid,
                attested: Attestation::SockDiag,
                process: None,
                cgroup_id: owner.cgroup_id,
            }),
            owner,
            token: Opened::default(),
            waiting: None,
            consumer: OnceLock::new(),
            bound: OnceLock::new(),
            given: Mutex::default(),
            given_at: AtomicI64::new(i64::MIN),
        }
    }

    /// The peer's uid. The kernel's "nobody" where it cannot tell; nothing is served then.
    pub fn uid(&self) -> u32 {
        self.peer.as_ref().map_or(u32::MAX, |peer| peer.uid)
    }

    /// Who the credentials are for, once known.
    pub fn consumer(&self) -> Option<&Consumer> {
        self.consumer.get()
    }

    /// What names the consumer, if [`Visitor::complete`] has something to read of it.
    pub fn waiting_key(&self) -> Option<String> {
        let outline = self.waiting.as_ref()?;
        let consumer = || Consumer {
            uid: self.uid(),
            process: Some(outline.clone()),
        };
        self.consumer().is_none().then(|| consumer().key())
    }

    /// Who the credentials are for, with all facts about an ancestor that waits: some tens of
    /// microseconds in `/proc`, so after the answer where that can be. None before the process of a TCP
    /// connection is found.
    pub fn complete(&self) -> Option<&Consumer> {
        if let Some(outline) = self.waiting.as_ref() {
            let complete = || Consumer {
                uid: self.uid(),
                process: Some(peer::complete(outline.clone())),
            };
            return Some(self.consumer.get_or_init(complete));
        }
        self.consumer()
    }

    /// Says who the consumer is, once; the first word stays.
    pub fn identify(&self, consumer: Consumer) -> &Consumer {
        self.consumer.get_or_init(|| consumer)
    }

    /// Whether it was found inside the scope of the lease of that id, on this connection.
    pub fn is_bound(&self, lease: &str) -> bool {
        self.bound.get().is_some_and(|bound| bound == lease)
    }

    /// Remembers that it was, of the first lease.
    pub fn bind(&self, lease: &str) {
        self.bound.get_or_init(|| lease.to_owned());
    }

    /// Remembers that `served` was given at `now`: whether it is another session than the last one on
    /// this connection, and whether that is worth noting for `status` (once a second).
    pub fn given(&self, served: &Arc<Served>, now: Now) -> (bool, bool) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        // A weak pointer keeps the address from being used again, so equal means the same.
        let another = !std::ptr::eq(given.as_ptr(), Arc::as_ptr(served));
        if another {
            *given = Arc::downgrade(served);
        }
        drop(given);
        let second = now.wall.as_secs();
        let before = self.given_at.swap(second, Ordering::Relaxed);
        (another, another || before != second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_uid_and_an_allowed_root_come_in() {
        let strict = Admittance {
            uid: 1000,
            root: false,
        };
        let open = Admittance {
            root: true,
            ..strict
        };
        for (admittance, uid, refused) in [
            (strict, Some(1000), false),
            (strict, Some(1001), true),
            (strict, Some(0), true),
            (strict, None, true),
            (open, Some(0), false),
            (open, Some(1001), true),
            (open, None, true),
        ] {
            assert_eq!(admittance.refuses(uid).is_some(), refused, "{uid:?}");
        }
    }
}
