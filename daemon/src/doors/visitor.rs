//! Who is at the other end of one connection, and what they were given on it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rolecall::api::Door;

use super::token::Opened;
use crate::clock::Now;
use crate::peer::{Attestation, Behind, Consumer, Peer, TcpOwner, Waiting};
use crate::session::Served;

/// The other end of a connection.
#[expect(missing_debug_implementations, reason = "points at a session")]
pub struct Visitor {
    /// The door the connection came through.
    pub door: Door,
    /// The owner of a TCP connection, to find its process by.
    pub owner: Option<TcpOwner>,
    /// The rule that refuses everything on this connection.
    pub refused: Option<&'static str>,
    /// The IMDS token that the connection used last.
    pub(super) token: Opened,
    /// What the kernel says; None if it cannot tell, and then nothing is served.
    met: Option<Peer>,
    /// The same with its process, once somebody asks.
    peer: OnceLock<Option<Peer>>,
    /// Whom there is more to know about, until it is read: it holds file descriptors.
    waiting: Mutex<Option<Waiting>>,
    consumer: OnceLock<Consumer>,
    /// The lease whose scope the connection was found to be inside of: looked at once a connection.
    bound: OnceLock<String>,
    given: Mutex<Weak<Served>>,
    given_at: AtomicI64,
    number: u64,
    inside: OnceLock<bool>,
}

/// Numbers connections.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Which uids may use this daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admittance {
    /// The daemon's own.
    pub uid: u32,
    /// Whether uid 0 may use a daemon that is not its own (`allow_root`). The system service is root's to
    /// look after.
    pub root: bool,
    /// Whom the system service serves (`uids`); a user's daemon serves nobody else.
    pub others: Arc<BTreeSet<u32>>,
}

impl Admittance {
    /// The rule that refuses `uid`, if one does. A peer that the kernel cannot tell is refused.
    pub fn refuses(&self, uid: Option<u32>) -> Option<&'static str> {
        match uid {
            Some(uid) if uid == self.uid || (uid == 0 && self.root) => None,
            Some(uid) if self.others.contains(&uid) => None,
            _ => Some("uid"),
        }
    }
}

impl Visitor {
    /// Of a Unix connection.
    pub fn of_unix(known: Option<(Peer, Behind)>, admittance: &Admittance) -> Self {
        let (peer, behind) = known.unzip();
        let (consumer, waiting) = match behind {
            Some(Behind::Known(consumer)) => (OnceLock::from(consumer), None),
            Some(Behind::Waiting(waiting)) => (OnceLock::new(), Some(waiting)),
            None => (OnceLock::new(), None),
        };
        Self {
            door: Door::Socket,
            refused: admittance.refuses(peer.as_ref().map(|peer| peer.uid)),
            met: peer,
            peer: OnceLock::new(),
            owner: None,
            token: Opened::default(),
            waiting: Mutex::new(waiting),
            consumer,
            bound: OnceLock::new(),
            given: Mutex::default(),
            given_at: AtomicI64::new(i64::MIN),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            inside: OnceLock::new(),
        }
    }

    /// Of a loopback TCP connection.
    pub fn of_tcp(door: Door, owner: Option<TcpOwner>, admittance: &Admittance) -> Self {
        Self {
            door,
            refused: admittance.refuses(owner.map(|owner| owner.uid)),
            met: owner.map(|owner| Peer {
                uid: owner.uid,
                attested: Attestation::SockDiag,
                process: None,
                cgroup_id: owner.cgroup_id,
            }),
            peer: OnceLock::new(),
            owner,
            token: Opened::default(),
            waiting: Mutex::default(),
            consumer: OnceLock::new(),
            bound: OnceLock::new(),
            given: Mutex::default(),
            given_at: AtomicI64::new(i64::MIN),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            inside: OnceLock::new(),
        }
    }

    /// Whether this is whom the daemon belongs to: `owner`, its own uid, or root. Everyone else whom it
    /// admits is served, and told nothing of what is not theirs.
    pub fn is_in_charge(&self, owner: u32) -> bool {
        (self.met.as_ref()).is_some_and(|peer| peer.uid == owner || peer.uid == 0)
    }

    /// The peer's uid, if the kernel can tell.
    pub fn known_uid(&self) -> Option<u32> {
        self.met.as_ref().map(|peer| peer.uid)
    }

    /// The peer's uid. The kernel's "nobody" where it cannot tell; nothing is served then.
    pub fn uid(&self) -> u32 {
        self.met.as_ref().map_or(u32::MAX, |peer| peer.uid)
    }

    /// What the kernel says; None if it cannot tell, and then nothing is served.
    ///
    /// The process that connected a Unix socket is read when this is first asked for: ten microseconds or so in `/proc`.
    pub fn peer(&self) -> Option<&Peer> {
        let read = || {
            let mut peer = self.met.clone()?;
            if let Some(waiting) = &*self.waiting() {
                peer.process = waiting.peer();
            }
            Some(peer)
        };
        self.peer.get_or_init(read).as_ref()
    }

    /// Names the connection among all that this daemon has had.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Who the credentials are for, once known.
    pub fn consumer(&self) -> Option<&Consumer> {
        self.consumer.get()
    }

    /// What names the consumer, if [`Visitor::complete`] has something to read of it.
    pub fn waiting_key(&self) -> Option<String> {
        let waiting = self.waiting();
        let known = waiting.as_ref()?.known();
        Some(Consumer::key_of(self.uid(), Some(known)))
    }

    /// Who the credentials are for, with all facts about one that waits: some tens of microseconds in `/proc`,
    /// so after the answer where that can be. None before the process of a TCP connection is found.
    pub fn complete(&self) -> Option<&Consumer> {
        if self.consumer().is_none() && self.waiting().is_some() {
            // What else is read of those that are let go below.
            self.peer();
            if let Some(waiting) = self.waiting().take() {
                self.identify(Consumer {
                    uid: self.uid(),
                    process: Some(waiting.complete()),
                });
            }
        }
        self.consumer()
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether it is inside of the scope of the lease whose own door this is, once that is known.
    pub(super) fn inside(&self) -> Option<bool> {
        self.inside.get().copied()
    }

    /// Says so, once; the first word stays.
    pub(super) fn set_inside(&self, inside: bool) -> bool {
        *self.inside.get_or_init(|| inside)
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
    fn only_the_own_uid_an_allowed_root_and_listed_uids_come_in() {
        let strict = Admittance {
            uid: 1000,
            ..Admittance::default()
        };
        let open = Admittance {
            root: true,
            ..strict.clone()
        };
        let shared = Admittance {
            others: Arc::new([1001].into()),
            ..strict.clone()
        };
        for (admittance, uid, refused) in [
            (&strict, Some(1000), false),
            (&strict, Some(1001), true),
            (&strict, Some(0), true),
            (&strict, None, true),
            (&open, Some(0), false),
            (&open, Some(1001), true),
            (&open, None, true),
            (&shared, Some(1000), false),
            (&shared, Some(1001), false),
            (&shared, Some(1002), true),
            (&shared, Some(0), true),
            (&shared, None, true),
        ] {
            assert_eq!(admittance.refuses(uid).is_some(), refused, "{uid:?}");
        }
    }
}
