//! The peer of a Unix connection.

use tokio::net::UnixStream;

use super::consumer::behind;
use super::proc::{Handle, Table};
use super::{Attestation, Consumer, Peer, Process, is_client};

/// The peer and the consumer of a Unix connection; reads `/proc` for the peer and, if it is our own
/// client, for its ancestors. None if the peer's credentials cannot be had (refuse).
///
/// The credentials are those of the process that *connected* (SO_PEERCRED), whoever holds the socket now.
pub fn of_unix(stream: &UnixStream) -> Option<(Peer, Consumer)> {
    let credentials = stream.peer_cred().ok()?;
    let uid = credentials.uid();
    // The kernel says 0 for a process outside our pid namespace.
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let handle = pid.filter(|&pid| pid > 0).and_then(Handle::open);
    // Someone else's process under this pid: the peer is gone.
    let handle = handle.filter(|handle| handle.link().uid == uid);
    let process = handle.as_ref().and_then(Handle::facts);
    let consumer = Consumer {
        uid,
        process: handle
            .zip(process.as_ref())
            .and_then(|(handle, process)| consumer(&handle, process)),
    };
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process,
        cgroup_id: None,
    };
    Some((peer, consumer))
}

fn consumer(peer: &Handle, process: &Process) -> Option<Process> {
    if process.exe.as_deref().is_some_and(is_client) {
        return behind(&Table, peer.link())?.facts();
    }
    Some(process.clone())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "unix_tests.rs"]
mod tests;
