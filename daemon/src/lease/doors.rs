//! The doors of a lease's own: what is remembered of them, and what is held open for it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Lease, Pin};

/// Which doors a lease has of its own. Remembered with the lease, so that a restarted daemon opens the same
/// ones: programs that run hold their addresses.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Doors {
    /// The port of 127.0.0.1 of its IMDS listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imds_port: Option<u16>,
    /// Its Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<SocketDoor>,
}

/// A lease's Unix socket.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SocketDoor {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// The one uid it serves; the daemon's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_uid: Option<u32>,
}

impl Doors {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What is held until a lease ends.
pub(super) struct Held(Mutex<Option<Vec<Pin>>>);

impl Default for Held {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Lease {
    /// The doors of its own.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Keeps `guard` until the lease ends; drops it at once if it has ended.
    pub fn hold(&self, guard: Pin) {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut() {
            held.push(guard);
        }
    }

    /// Drops everything that was held: the lease has ended.
    pub(super) fn let_go(&self) {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.take();
        drop(held);
    }
}
