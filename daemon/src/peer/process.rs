//! What is known of a process.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// What the kernel puts behind the path of a file that was deleted.
pub(super) const DELETED: &str = " (deleted)";

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
    /// Session id: the leader's pid. 0 is unknown: the leader is outside of the daemon's pid namespace, and
    /// no two processes with 0 are of one session for that.
    #[serde(skip_serializing_if = "is_unknown")]
    pub sid: u32,
    /// Executable, as the kernel names it: with ` (deleted)` at its end if the file is gone, and in the words of
    /// the process's own mount namespace, in which anybody can have their program as `/usr/bin/aws`.
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
    /// systemd unit, out of the cgroup path: the system's (`deploy.service`), or, below the `user@UID.service` of the
    /// daemon's own user, one of that user's manager (`app.slice/foo.service` is `foo.service`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The namespaces in which it is not the daemon's neighbour, as a process in a container is not. (A daemon
    /// that its service manager put into a mount namespace of its own finds everybody else outside of that.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<Namespace>>,
    /// All arguments; only if configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,
    /// Its parent, that one's parent and so on: eight at most, none from pid 1 on, and none above one that ended
    /// while they were read. Of consumers only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor>,
}

/// A process that another one descends from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ancestor {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start_time: u64,
    /// Executable, as the kernel names it ([`Process::exe`]); not known of another user's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy")]
    pub exe: Option<PathBuf>,
    /// `argv[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv0: Option<String>,
}

/// A kind of namespace (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// User and group ids.
    User,
    /// Process ids.
    Pid,
    /// Mounts: what a path leads to.
    Mnt,
    /// Network: whose loopback it is.
    Net,
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

/// The last part of a path, without the ` (deleted)` the kernel adds when the file was replaced.
pub(super) fn file_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(DELETED).unwrap_or(name))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_unknown(number: &u32) -> bool {
    *number == 0
}

/// Paths are bytes, JSON is not: what is not UTF-8 becomes U+FFFD.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.serialize_str(&path.to_string_lossy()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

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
