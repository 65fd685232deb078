//! Who is asking: facts about a connection's other end, and the consumer behind it.
//!
//! A Unix connection comes with the peer's pid and uid (`SO_PEERCRED`) and a handle on its process
//! (`SO_PEERPIDFD`), a loopback TCP connection with the uid and inode of the socket at its other end
//! (`sock_diag`); `/proc` adds the rest. What cannot be read is None, never a guess. Where `/proc` does not
//! exist, processes are unknown and TCP is refused.
//!
//! A pid is given out again once its process was waited for. So every process is pinned before anything is read
//! of it, and every parent is asked for again after it was opened: a race ends in "unknown", never in another's name.
//!
//! All of it is what one user's processes say about themselves: `argv`, the working directory and, with
//! some effort, the executable are theirs to choose. The uid is not. A Unix peer is who *connected*: one that
//! hands its connection on, or becomes another program, is asked for whoever goes on with it.

mod ancestors;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod client;
mod consumer;
mod executable;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod file;
#[cfg(target_os = "linux")]
mod handle;
mod kept;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(not(target_os = "linux"))]
#[path = "no_proc.rs"]
mod proc;
mod process;
#[cfg(all(test, target_os = "linux"))]
mod races;
pub mod rules;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod stat;
mod tcp;
mod unix;

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

pub use self::ancestors::ancestors;
pub use self::executable::Executable;
pub use self::process::{Ancestor, Namespace, Process};
pub use self::tcp::{of_tcp, process_of};
pub use self::unix::{Waiting, of_unix};

/// How many ancestors of a process are told.
const MOST_ANCESTORS: usize = 8;

/// Whether [`Process::arguments`] is filled in.
static ALL_ARGUMENTS: AtomicBool = AtomicBool::new(false);

/// Puts `ledger_arguments` in force.
pub fn want_all_arguments(wanted: bool) {
    ALL_ARGUMENTS.store(wanted, Ordering::Relaxed);
}

#[cfg(target_os = "linux")]
fn all_arguments_wanted() -> bool {
    ALL_ARGUMENTS.load(Ordering::Relaxed)
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Id of its cgroup (sock_diag).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_id: Option<u64>,
}

/// Who the credentials are for: the peer, or, when the peer is our own client, its nearest ancestor
/// that is neither `rolecall` nor a bare `sh -c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// Its uid.
    pub uid: u32,
    /// The process; None is "unknown", never a guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

impl Consumer {
    /// Names this consumer and no other of this boot: `uid:pid:start`, or `uid:unknown`.
    pub fn key(&self) -> String {
        Self::key_of(self.uid, self.process.as_ref())
    }

    /// The same of one that is not put together yet.
    pub fn key_of(uid: u32, process: Option<&Process>) -> String {
        match process {
            Some(process) => format!("{uid}:{}:{}", process.pid, process.start_time),
            None => format!("{uid}:unknown"),
        }
    }

    /// What a person would call it: the script's or executable's file name, or `uid 1000` if nothing
    /// more is known.
    pub fn name(&self) -> String {
        let name = self.process.as_ref().and_then(Process::name);
        name.map_or_else(|| format!("uid {}", self.uid), str::to_owned)
    }
}

/// Who is behind a Unix connection, as far as it is known before the answer.
#[derive(Clone, Debug)]
pub enum Behind {
    /// All that can be known.
    Known(Consumer),
    /// One that is pinned, and of which [`Waiting::complete`] reads the rest.
    Waiting(Waiting),
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

/// Facts about one process, but not its ancestors. None if it is gone.
pub fn process(pid: u32) -> Option<Process> {
    proc::Handle::open_directory(pid)?.facts()
}

/// The process `pid` as the consumer behind a connection, to be read whole later: for tests of the doors.
#[cfg(test)]
pub(crate) fn waiting(pid: u32) -> Option<Waiting> {
    Waiting::of(proc::Handle::open(pid)?)
}

/// When a process started, in clock ticks since boot. None if it is gone.
pub fn started(pid: u32) -> Option<u64> {
    Some(proc::Handle::open(pid)?.outline()?.start_time)
}

/// Whether the process `pid` is `ancestor` or descends from it, now.
///
/// Both are pids: whoever remembers `ancestor` compares its start time first. An orphan descends from
/// whoever took it in, not from the process that started it.
pub fn descends_from(pid: u32, ancestor: u32) -> bool {
    proc::Handle::open(pid)
        .is_some_and(|process| consumer::descends(&mut proc::Table, process, ancestor))
}

/// Whether an executable, by its name, runs scripts: then its own path says little about what it does.
#[cfg(target_os = "linux")]
pub fn is_interpreter(exe: &std::path::Path) -> bool {
    script::is_interpreter(exe)
}

/// Whether an executable runs scripts: of no process here anything is known.
#[cfg(not(target_os = "linux"))]
pub fn is_interpreter(_exe: &std::path::Path) -> bool {
    false
}

/// Starts a script that was just written: until every other thread that forked meanwhile has reached its
/// exec, the kernel may still count the file as open for writing.
#[cfg(test)]
fn spawn(command: &mut std::process::Command) -> std::process::Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now();
            }
            result => return result.unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn consumer(exe: Option<&str>, argv0: Option<&str>, script: Option<&str>) -> Consumer {
        let process = Process {
            pid: 7,
            start_time: 99,
            exe: exe.map(PathBuf::from),
            argv0: argv0.map(str::to_owned),
            script: script.map(str::to_owned),
            ..Process::default()
        };
        Consumer {
            uid: 1000,
            process: Some(process),
        }
    }

    #[test]
    fn consumers_have_names_and_keys() {
        let python = Some("/usr/bin/python3.12");
        let table = [
            (consumer(python, None, Some("/srv/job.py")), "job.py"),
            (consumer(python, None, Some("-m pytest")), "-m pytest"),
            (consumer(python, Some("py"), None), "python3.12"),
            (consumer(Some("/opt/tf (deleted)"), Some("tf2"), None), "tf"),
            (consumer(None, Some("x"), None), "x"),
            (consumer(None, None, None), "uid 1000"),
        ];
        for (consumer, expected) in table {
            assert_eq!(consumer.name(), expected);
            assert_eq!(consumer.key(), "1000:7:99");
        }
        let unknown = Consumer {
            uid: 5,
            process: None,
        };
        assert_eq!(
            (unknown.name(), unknown.key()),
            ("uid 5".into(), "5:unknown".into())
        );
    }
}
