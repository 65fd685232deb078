//! Who is asking: facts about a connection's other end, and the consumer behind it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

/// What the kernel says about the other end of a connection, and what `/proc` adds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Start time in clock ticks since boot: with the pid it names one process.
    pub start_time: u64,
    /// Parent.
    pub ppid: u32,
    /// Session id: the leader's pid.
    pub sid: u32,
    /// Executable.
    pub exe: Option<PathBuf>,
    /// `argv[0]`.
    pub argv0: Option<String>,
    /// The script behind an interpreter, as given.
    pub script: Option<String>,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// Controlling terminal, `pts/3`.
    pub tty: Option<String>,
    /// cgroup v2 path.
    pub cgroup: Option<String>,
    /// systemd unit, out of the cgroup path.
    pub unit: Option<String>,
    /// All arguments; only if configured.
    pub arguments: Option<Vec<String>>,
}

/// How a peer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// SO_PEERCRED on the Unix socket.
    Peercred,
    /// sock_diag on loopback TCP.
    SockDiag,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its uid.
    pub uid: u32,
    /// How that is known.
    pub attested: Attestation,
    /// The process, if it could be told.
    pub process: Option<Process>,
    /// Id of its cgroup (sock_diag).
    pub cgroup_id: Option<u64>,
}

/// Who the credentials are for: the peer, or, when the peer is our own client, its nearest ancestor
/// that is neither `rolecall` nor a bare `sh -c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// Its uid.
    pub uid: u32,
    /// The process; None is "unknown", never a guess.
    pub process: Option<Process>,
}

/// Who owns the other end of a loopback TCP connection, as one exact sock_diag query tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOwner {
    /// Creator of the socket.
    pub uid: u32,
    /// The socket's inode, to find the process by.
    pub inode: u64,
    /// Id of the cgroup that made it.
    pub cgroup_id: Option<u64>,
}

/// The peer and the consumer of a Unix connection; reads `/proc` for the peer and, if it is our own
/// client, for its ancestors. None if the peer's credentials cannot be had (refuse).
pub fn of_unix(_stream: &tokio::net::UnixStream) -> Option<(Peer, Consumer)> {
    todo!()
}

/// The uid of the other end of a loopback TCP connection. None if the kernel does not know it (refuse).
pub fn of_tcp(_local: SocketAddr, _remote: SocketAddr) -> Option<TcpOwner> {
    todo!()
}

/// The process that holds a socket's inode: milliseconds, so off the reading path (a blocking thread).
pub fn process_of(_owner: TcpOwner) -> Option<Process> {
    todo!()
}

/// Whether the process `pid` is `ancestor` or descends from it, now.
pub fn descends_from(_pid: u32, _ancestor: u32) -> bool {
    todo!()
}

/// Facts about one process. None if it is gone.
pub fn process(_pid: u32) -> Option<Process> {
    todo!()
}
