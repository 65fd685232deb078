//! The peer of a Unix connection.

use tokio::net::UnixStream;

use super::consumer::behind;
use super::kept::Kept;
use super::proc::{Handle, Table};
use super::{Attestation, Behind, Consumer, Peer, Process};

/// The peer of a Unix connection and who is behind it; None if the peer's credentials cannot be had
/// (refuse).
///
/// Reads of `/proc` what may be gone after the answer: all about a peer that asks for itself; of our own
/// client and its ancestors only what leads to the consumer, for that one waits.
///
/// The credentials are those of the process that *connected* (SO_PEERCRED), whoever holds the socket now.
pub fn of_unix(stream: &UnixStream) -> Option<(Peer, Behind)> {
    let credentials = stream.peer_cred().ok()?;
    let uid = credentials.uid();
    // The kernel says 0 for a process outside our pid namespace.
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let handle = pid.filter(|&pid| pid > 0).and_then(Handle::open);
    // Someone else's process under this pid: the peer is gone.
    let handle = handle.filter(|handle| handle.link().uid == uid);
    let known = |process| Behind::Known(Consumer { uid, process });
    let (process, behind) = match &handle {
        Some(client) if client.is_client() => {
            let behind = consumer(client).map_or_else(|| known(None), Behind::Waiting);
            (client.outline(), behind)
        }
        handle => {
            let process = handle.as_ref().and_then(Handle::facts);
            (process.clone(), known(process))
        }
    };
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process,
        cgroup_id: None,
    };
    Some((peer, behind))
}

static LAST_SEEN: Kept = Kept::new();

/// The consumer behind our own client; one that was not found among the kept is looked for once more.
fn consumer(client: &Handle) -> Option<Process> {
    match behind(&LAST_SEEN, client.link()) {
        Some(found) => found.outline(),
        None => behind(&Table, client.link())?.outline(),
    }
}

/// The rest of the facts about a consumer that waits. One that has ended, or has become another program,
/// stays as it was.
pub fn complete(outline: Process) -> Process {
    Handle::open_of(outline.pid, outline.uid)
        .filter(|handle| handle.link().start_time == outline.start_time)
        .and_then(|handle| handle.facts())
        .filter(|facts| facts.exe == outline.exe)
        .unwrap_or(outline)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "unix_tests.rs"]
mod tests;
