//! Who is asking: facts about a connection's other end, and the consumer behind it.
//!
//! A Unix connection comes with the peer's pid and uid (`SO_PEERCRED`), a loopback TCP connection with
//! the uid and inode of the socket at its other end (`sock_diag`); `/proc` adds the rest. What cannot be
//! read is None, never a guess. Where `/proc` does not exist, processes are unknown and TCP is refused.
//!
//! All of it is what one user's processes say about themselves: `argv`, the working directory and, with
//! some effort, the executable are theirs to choose. The uid is not.

#[cfg(target_os = "linux")]
mod cgroup;
mod consumer;
mod kept;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(not(target_os = "linux"))]
#[path = "no_proc.rs"]
mod proc;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod stat;
mod tcp;
mod unix;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Serialize, Serializer};

pub use self::tcp::{of_tcp, process_of};
pub use self::unix::{complete, of_unix};

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
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy")]
    pub exe: Option<PathBuf>,
    /// `argv[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv0: Option<String>,
    /// The script behind an interpreter, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy")]
    pub cwd: Option<PathBuf>,
    /// Controlling terminal, `pts/3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// cgroup v2 path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// systemd unit, out of the cgroup path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// All arguments; only if configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,
}

impl Process {
    /// What a person would call it: the script's file name, else the executable's, else `argv[0]`.
    pub fn name(&self) -> Option<&str> {
        let script = self.script.as_deref().map(|script| {
            // A module (`-m pytest`) or class is its own name.
            let file = Path::new(script).file_name();
            file.and_then(|name| name.to_str()).unwrap_or(script)
        });
        script
            .or_else(|| file_name(self.exe.as_deref()?))
            .or(self.argv0.as_deref())
    }
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
        match &self.process {
            Some(process) => format!("{}:{}:{}", self.uid, process.pid, process.start_time),
            None => format!("{}:unknown", self.uid),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// All that can be known.
    Known(Consumer),
    /// An ancestor that waits for our own client: who it is, without the facts that [`complete`] reads.
    Waiting(Process),
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

/// Facts about one process. None if it is gone.
pub fn process(pid: u32) -> Option<Process> {
    proc::Handle::open(pid)?.facts()
}

/// When a process started, in clock ticks since boot. None if it is gone.
pub fn started(pid: u32) -> Option<u64> {
    Some(proc::Handle::open(pid)?.link().start_time)
}

/// Whether the process `pid` is `ancestor` or descends from it, now.
///
/// Both are pids: whoever remembers `ancestor` compares its start time first. An orphan descends from
/// whoever took it in, not from the process that started it.
pub fn descends_from(pid: u32, ancestor: u32) -> bool {
    consumer::descends(&proc::Table, pid, ancestor)
}

/// Whether an executable is our own client: by its file name, which is cheap, and as honest as anything
/// one user's processes say about each other. A stranger of that name only has its parent named instead.
#[cfg(target_os = "linux")]
fn is_client(exe: &Path) -> bool {
    file_name(exe) == Some("rolecall")
}

/// The last part of a path, without the ` (deleted)` the kernel adds when the file was replaced.
fn file_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name))
}

/// Paths are bytes, JSON is not: what is not UTF-8 becomes U+FFFD.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.serialize_str(&path.to_string_lossy()),
        None => serializer.serialize_none(),
    }
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
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

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

    #[test]
    fn a_path_that_is_not_utf8_still_makes_json() {
        let process = Process {
            exe: Some(OsStr::from_bytes(b"/bin/\xff").into()),
            ..Process::default()
        };
        let json = serde_json::to_value(&process).unwrap();
        assert_eq!(json["exe"], "/bin/\u{fffd}");
        assert!(json.get("cwd").is_none());
    }
}
