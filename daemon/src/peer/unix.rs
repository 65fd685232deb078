//! The peer of a Unix connection.

use tokio::net::UnixStream;

use super::consumer::{Link, behind};
use super::proc::{Handle, Table, is_client};
use super::{Attestation, Consumer, Peer, Process};

/// The peer and the consumer of a Unix connection; reads `/proc` for the peer and, if it is our own
/// client, for its ancestors. None if the peer's credentials cannot be had (refuse).
///
/// The credentials are those of the process that *connected* (SO_PEERCRED), whoever holds the socket now.
pub fn of_unix(stream: &UnixStream) -> Option<(Peer, Consumer)> {
    let credentials = stream.peer_cred().ok()?;
    let uid = credentials.uid();
    // The kernel says 0 for a process outside our pid namespace.
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let process = pid
        .filter(|&pid| pid > 0)
        .and_then(|pid| Handle::open(pid)?.facts())
        // Someone else's process under this pid: the peer is gone.
        .filter(|process| process.uid == uid);
    let consumer = Consumer {
        uid,
        process: process.as_ref().and_then(consumer),
    };
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process,
        cgroup_id: None,
    };
    Some((peer, consumer))
}

fn consumer(peer: &Process) -> Option<Process> {
    if !peer.exe.as_deref().is_some_and(is_client) {
        return Some(peer.clone());
    }
    let client = Link {
        pid: peer.pid,
        ppid: peer.ppid,
        uid: peer.uid,
        start_time: peer.start_time,
    };
    let found = behind(&Table, client)?;
    let process = Handle::open(found.pid)?.facts()?;
    (process.start_time == found.start_time && process.uid == found.uid).then_some(process)
}

#[cfg(all(test, target_os = "linux"))]
#[path = "unix_tests.rs"]
mod tests;
