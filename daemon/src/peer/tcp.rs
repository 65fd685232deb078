//! The peer of a loopback TCP connection.

use std::net::SocketAddr;

use super::consumer::lineage;
use super::proc::{Handle, Table, pids};
use super::{MOST_ANCESTORS, Process, TcpOwner};

/// The uid of the other end of a loopback TCP connection. None if the kernel does not know it (refuse).
///
/// `local` is our end, `remote` the other; the socket asked about is the *other's*, whose own address is
/// `remote`. Only one that some process still holds (its inode is not 0) and can still read from counts:
/// established, or half closed by its owner after sending the request, as simple clients do. In every
/// other state the answer would go nowhere, or to nobody the kernel can name.
#[cfg(target_os = "linux")]
pub fn of_tcp(local: SocketAddr, remote: SocketAddr) -> Option<TcpOwner> {
    use crate::sys::sock_diag::{self, ESTABLISHED, FIN_WAIT1, FIN_WAIT2};

    let socket = sock_diag::query(remote, local).ok()??;
    let reads = matches!(socket.state, ESTABLISHED | FIN_WAIT1 | FIN_WAIT2);
    (reads && socket.inode != 0).then_some(TcpOwner {
        uid: socket.uid,
        inode: socket.inode,
        cgroup_id: socket.cgroup_id,
    })
}

/// The uid of the other end of a loopback TCP connection. None if the kernel does not know it (refuse):
/// here, always.
#[cfg(not(target_os = "linux"))]
pub fn of_tcp(_local: SocketAddr, _remote: SocketAddr) -> Option<TcpOwner> {
    None
}

/// The process that holds a socket's inode: milliseconds, so off the reading path (a blocking thread).
///
/// Looks among the owner's processes. Of several that share the socket it is the one that started first:
/// children inherit sockets, parents do not. None if none holds it (any more), or may not be looked into.
///
/// New processes are looked at first: who connects, asks and is done is most likely one of them, and must
/// be met before it closes the connection. Once met it is known, whatever becomes of the connection while
/// the others are looked at.
pub fn process_of(owner: TcpOwner) -> Option<Process> {
    let mut pids: Vec<u32> = pids().collect();
    pids.sort_unstable_by(|one, other| other.cmp(one));
    let age = |(_, process): &(Handle, Process)| (process.start_time, process.pid);
    let (handle, process) = pids
        .into_iter()
        .filter_map(|pid| holder(pid, owner))
        .min_by_key(age)?;
    let above = lineage(&mut Table, &handle, MOST_ANCESTORS);
    Some(Process {
        ancestors: above.iter().map_while(Handle::ancestor).collect(),
        ..process
    })
}

/// The process `pid`, if it is the owner's and holds the socket.
fn holder(pid: u32, owner: TcpOwner) -> Option<(Handle, Process)> {
    // Pinned by its directory before its descriptors are listed.
    let handle = Handle::open_directory_of(pid, owner.uid)?;
    if !handle.holds_socket(owner.inode) {
        return None;
    }
    let process = handle.facts()?;
    // Still: else it may have become another program before we read what it is.
    (handle.holds_socket(owner.inode) && handle.runs()).then_some((handle, process))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "tcp_tests.rs"]
mod tests;
