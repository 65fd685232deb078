//! Peers and processes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rolecall::api::Door;
use tokio::net::UnixStream;

use super::super::needs::WhoIs;
use super::super::visitor::{Admittance, Visitor};
use super::UID;
use crate::lease::scope::Processes;
use crate::peer::{Attestation, Behind, Consumer, Peer, Process, TcpOwner};

/// Peers with a uid; the process of a TCP connection is 4711, unless it is gone.
#[derive(Default)]
pub(in super::super) struct FakeWhoIs {
    pub(in super::super) uid: Mutex<Option<u32>>,
    pub(in super::super) gone: AtomicBool,
    pub(in super::super) searches: AtomicUsize,
}

impl FakeWhoIs {
    pub(in super::super) fn new(uid: Option<u32>) -> Arc<Self> {
        Arc::new(Self {
            uid: Mutex::new(uid),
            ..Self::default()
        })
    }
}

pub(in super::super) fn process(pid: u32) -> Process {
    Process {
        pid,
        uid: UID,
        start_time: u64::from(pid) * 10,
        sid: 40,
        exe: Some("/usr/bin/terraform".into()),
        ..Process::default()
    }
}

impl WhoIs for FakeWhoIs {
    fn of_unix(&self, _stream: &UnixStream) -> Option<(Peer, Behind)> {
        let uid = (*self.uid.lock().unwrap())?;
        Some(unix_peer(uid))
    }

    fn of_tcp(&self, _local: SocketAddr, _remote: SocketAddr) -> Option<TcpOwner> {
        Some(TcpOwner {
            uid: (*self.uid.lock().unwrap())?,
            inode: 99,
            cgroup_id: Some(7),
        })
    }

    fn process_of(&self, _owner: TcpOwner) -> Option<Process> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        (!self.gone.load(Ordering::Relaxed)).then(|| process(4711))
    }
}

pub(in super::super) fn unix_peer(uid: u32) -> (Peer, Behind) {
    let process = Some(Process { uid, ..process(42) });
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process: process.clone(),
        cgroup_id: None,
    };
    (peer, Behind::Known(Consumer { uid, process }))
}

pub(in super::super) fn admittance() -> Admittance {
    Admittance {
        uid: UID,
        ..Admittance::default()
    }
}

pub(in super::super) fn unix_visitor() -> Arc<Visitor> {
    Arc::new(Visitor::of_unix(Some(unix_peer(UID)), &admittance()))
}

pub(in super::super) fn tcp_visitor(door: Door) -> Arc<Visitor> {
    let owner = TcpOwner {
        uid: UID,
        inode: 99,
        cgroup_id: None,
    };
    Arc::new(Visitor::of_tcp(door, Some(owner), &admittance()))
}

/// Processes that live until they are ended: 42, whose parent 41 is, whose session leader 40 is; and 50,
/// another user's.
pub(in super::super) struct FakeProcesses(pub(in super::super) Mutex<Vec<u32>>);

impl Default for FakeProcesses {
    fn default() -> Self {
        Self(Mutex::new(vec![40, 41, 42, 50, 60]))
    }
}

impl Processes for FakeProcesses {
    fn process(&self, pid: u32) -> Option<Process> {
        let live = self.0.lock().unwrap().contains(&pid);
        live.then(|| Process {
            uid: if pid == 50 { UID + 1 } else { UID },
            ..process(pid)
        })
    }

    fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
        pid == ancestor || (pid == 42 && (ancestor == 41 || ancestor == 40 || ancestor == 50))
    }
}
