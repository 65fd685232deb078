//! Reads `/proc/PID` (proc(5)): few small files, through one handle.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, readlinkat_raw, statat};
use rustix::io::{read, retry_on_intr};

use super::consumer::{Link, Tree};
use super::stat::{self, Stat};
use super::{Process, cgroup, is_client, script};

/// What is read of a command line. A longer one (a Java class path) costs a larger second read.
const USUAL_ARGUMENTS: usize = 4096;
const MOST_ARGUMENTS: usize = 128 * 1024;
/// What is kept of `argv[0]` and a script's name.
const LONGEST_NAME: usize = 4096;

/// An open `/proc/PID`: stays with that process, so that a reused pid makes reads fail, not lie.
pub(super) struct Handle {
    directory: OwnedFd,
    pid: u32,
    uid: u32,
    gid: u32,
    stat: Stat,
    /// As it was when first looked at.
    exe: OnceLock<Option<PathBuf>>,
}

impl Handle {
    /// None if there is no such process.
    pub(super) fn open(pid: u32) -> Option<Self> {
        Self::open_if(pid, |_| true)
    }

    /// The same, if it is this user's. Of others nothing more is read, which is most of a search's work.
    pub(super) fn open_of(pid: u32, uid: u32) -> Option<Self> {
        Self::open_if(pid, |owner| owner == uid)
    }

    fn open_if(pid: u32, wanted: impl Fn(u32) -> bool) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        let (uid, gid) = owner(&directory).filter(|&(uid, _)| wanted(uid))?;
        // After the owner, which is root's for a process that is gone.
        let stat = read_stat(&directory)?;
        Some(Self {
            directory,
            pid,
            uid,
            gid,
            stat,
            exe: OnceLock::new(),
        })
    }

    /// How it hangs together with others.
    pub(super) fn link(&self) -> Link {
        Link {
            pid: self.pid,
            ppid: self.stat.ppid,
            uid: self.uid,
            start_time: self.stat.start_time,
        }
    }

    /// Whether this is our own client.
    pub(super) fn is_client(&self) -> bool {
        self.exe().is_some_and(is_client)
    }

    /// What opening it told, and the executable: the rest is None. None if it is gone.
    pub(super) fn outline(&self) -> Option<Process> {
        let exe = self.exe().map(Path::to_owned);
        (exe.is_some() || self.runs()).then(|| Process {
            pid: self.pid,
            uid: self.uid,
            gid: self.gid,
            start_time: self.stat.start_time,
            ppid: self.stat.ppid,
            sid: self.stat.sid,
            tty: self.stat.tty.clone(),
            exe,
            ..Process::default()
        })
    }

    /// All facts; None if the process is gone, or became another program since it was first looked at.
    pub(super) fn facts(&self) -> Option<Process> {
        let outline = self.outline()?;
        let arguments = self.arguments();
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        let script = self.exe().and_then(|exe| script::of(exe, &argv));
        let groups = self.text("cgroup", &mut [0; 4096]);
        let cgroup = groups.as_deref().and_then(cgroup::path);
        let process = Process {
            argv0: argv.first().map(|argv0| clip(argv0)),
            arguments: super::all_arguments_wanted()
                .then(|| argv.iter().map(|argument| clip(argument)).collect()),
            script: script.as_deref().map(clip),
            cwd: self.path("cwd"),
            cgroup: cgroup.map(str::to_owned),
            unit: cgroup.and_then(cgroup::unit).map(str::to_owned),
            ..outline
        };
        // The same executable once more: it still runs, and no exec came between. Its start time cannot
        // change behind an open handle.
        let same = self.path("exe") == process.exe;
        (same && (process.exe.is_some() || self.runs())).then_some(process)
    }

    /// Whether it has not ended since the handle was opened.
    pub(super) fn runs(&self) -> bool {
        read_stat(&self.directory).is_some()
    }

    /// Whether it still runs, as the same user and program as when it was first looked at.
    pub(super) fn is_unchanged(&self) -> bool {
        owner(&self.directory) == Some((self.uid, self.gid))
            && self
                .exe()
                .is_some_and(|exe| self.path("exe").as_deref() == Some(exe))
    }

    /// Device, number and count of links of the file it runs, whatever its name.
    pub(super) fn executable_file(&self) -> Option<(u64, u64, u64)> {
        let file = statat(&self.directory, "exe", AtFlags::empty()).ok()?;
        Some((file.st_dev, file.st_ino, file.st_nlink))
    }

    /// Its executable, as when it was first looked at.
    pub(super) fn exe(&self) -> Option<&Path> {
        self.exe.get_or_init(|| self.path("exe")).as_deref()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let mut buffer = [0; 4096];
        let (target, rest) = readlinkat_raw(&self.directory, name, &mut buffer[..])
            .map(|length| buffer.split_at(length))
            .ok()?;
        // A full buffer is a path that was cut.
        (!rest.is_empty()).then(|| OsStr::from_bytes(target).into())
    }

    /// The arguments, each ended by NUL; without the one that was cut, if it is too long.
    fn arguments(&self) -> String {
        let mut buffer = [0; USUAL_ARGUMENTS];
        let short = read_file(&self.directory, "cmdline", &mut buffer).unwrap_or(0);
        if short < USUAL_ARGUMENTS {
            return String::from_utf8_lossy(&buffer[..short]).into_owned();
        }
        let mut buffer = vec![0; MOST_ARGUMENTS];
        let length = read_file(&self.directory, "cmdline", &mut buffer).unwrap_or(0);
        let whole = if length < MOST_ARGUMENTS {
            length
        } else {
            let end = buffer.iter().rposition(|&byte| byte == 0);
            end.map_or(0, |end| end + 1)
        };
        String::from_utf8_lossy(&buffer[..whole]).into_owned()
    }

    fn text(&self, name: &str, buffer: &mut [u8]) -> Option<String> {
        let length = read_file(&self.directory, name, buffer)?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Whether this process only carries requests of another: our own client, or a bare `sh -c`.
    fn carries(&self) -> bool {
        let Some(exe) = self.exe() else {
            return false;
        };
        if is_client(exe) {
            return true;
        }
        if !script::may_be_shell(exe) {
            return false;
        }
        let arguments = self.arguments();
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        script::is_bare_shell(exe, &argv)
    }

    /// Whether one of its descriptors is the socket with this inode; no, if that may not be read.
    pub(super) fn holds_socket(&self, inode: u64) -> bool {
        let wanted = format!("socket:[{inode}]");
        let path = format!("/proc/{}/fd", self.pid);
        // By path, since the standard library lists no open directory: the caller's facts, read through
        // the handle afterwards, fail if the pid changed hands.
        let Ok(entries) = std::fs::read_dir(path) else {
            return false;
        };
        let mut buffer = [0; 64];
        entries.flatten().any(|entry| {
            let Ok(number) = entry.file_name().into_string() else {
                return false;
            };
            let name = format!("fd/{number}");
            let length = readlinkat_raw(&self.directory, name, &mut buffer[..]);
            length.is_ok_and(|length| buffer[..length] == *wanted.as_bytes())
        })
    }
}

/// Effective uid and gid. Of `/proc/PID` itself the kernel tells them for undumpable processes too.
fn owner(directory: &OwnedFd) -> Option<(u32, u32)> {
    let metadata = fstat(directory).ok()?;
    Some((metadata.st_uid, metadata.st_gid))
}

fn read_stat(directory: &OwnedFd) -> Option<Stat> {
    let mut buffer = [0; 1024];
    let length = read_file(directory, "stat", &mut buffer)?;
    stat::parse(&buffer[..length])
}

/// Reads a file once, from its start: as much as there is or fits. (`/proc` gives no less.)
fn read_file(directory: &OwnedFd, name: &str, buffer: &mut [u8]) -> Option<usize> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty()).ok()?;
    retry_on_intr(|| read(&file, &mut *buffer)).ok()
}

/// The pids there are.
pub(super) fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes that run now.
pub(super) struct Table;

impl Tree for Table {
    type Node = Handle;

    fn node(&self, pid: u32) -> Option<Handle> {
        Handle::open(pid)
    }

    fn link(node: &Handle) -> Link {
        node.link()
    }

    fn carries(node: &Handle) -> bool {
        node.carries()
    }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(LONGEST_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
#[path = "proc_tests.rs"]
mod tests;
