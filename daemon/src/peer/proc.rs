//! Reads `/proc/PID` (proc(5)): few small files, through one handle.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat, readlinkat_raw};
use rustix::io::{Errno, read};

use super::consumer::{Link, Tree};
use super::stat::{self, Stat};
use super::{Process, cgroup, script};

/// What is read of a command line. A longer one (a Java class path) costs a larger second read.
const USUAL_ARGUMENTS: usize = 4096;
const MOST_ARGUMENTS: usize = 128 * 1024;
/// What is kept of `argv[0]` and a script's name.
const LONGEST_NAME: usize = 4096;

/// An open `/proc/PID`: stays with that process, so that a reused pid makes reads fail, not lie.
pub(super) struct Handle {
    directory: OwnedFd,
    pid: u32,
}

impl Handle {
    /// None if there is no such process.
    pub(super) fn open(pid: u32) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        Some(Self { directory, pid })
    }

    /// All facts; None if the process is gone or became another program while they were read.
    pub(super) fn facts(&self) -> Option<Process> {
        let stat = self.stat()?;
        let (uid, gid) = self.owner()?;
        let exe = self.link("exe");
        let arguments = self.arguments();
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        let script = exe.as_deref().and_then(|exe| script::of(exe, &argv));
        let groups = self.text("cgroup", &mut [0; 4096]);
        let cgroup = groups.as_deref().and_then(cgroup::path);
        let process = Process {
            pid: self.pid,
            uid,
            gid,
            start_time: stat.start_time,
            ppid: stat.ppid,
            sid: stat.sid,
            argv0: argv.first().map(|argv0| clip(argv0)),
            script: script.as_deref().map(clip),
            cwd: self.link("cwd"),
            tty: stat.tty,
            cgroup: cgroup.map(str::to_owned),
            unit: cgroup.and_then(cgroup::unit).map(str::to_owned),
            arguments: None,
            exe,
        };
        // The same executable once more: no exec came between. Its start time cannot have changed behind
        // an open handle; that it still runs is what is left to see.
        (self.link("exe") == process.exe && self.stat().is_some()).then_some(process)
    }

    fn stat(&self) -> Option<Stat> {
        let mut buffer = [0; 1024];
        let length = self.read("stat", &mut buffer).ok()?;
        stat::parse(&buffer[..length])
    }

    /// Effective uid and gid. Of `/proc/PID` itself the kernel tells them for undumpable processes too,
    /// and says 0 once the process is gone.
    fn owner(&self) -> Option<(u32, u32)> {
        let metadata = fstat(&self.directory).ok()?;
        Some((metadata.st_uid, metadata.st_gid))
    }

    fn link(&self, name: &str) -> Option<PathBuf> {
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
        let short = self.read("cmdline", &mut buffer).unwrap_or(0);
        if short < USUAL_ARGUMENTS {
            return String::from_utf8_lossy(&buffer[..short]).into_owned();
        }
        let mut buffer = vec![0; MOST_ARGUMENTS];
        let length = self.read("cmdline", &mut buffer).unwrap_or(0);
        let whole = if length < MOST_ARGUMENTS {
            length
        } else {
            let end = buffer.iter().rposition(|&byte| byte == 0);
            end.map_or(0, |end| end + 1)
        };
        String::from_utf8_lossy(&buffer[..whole]).into_owned()
    }

    fn text(&self, name: &str, buffer: &mut [u8]) -> Option<String> {
        let length = self.read(name, buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Reads a file from its start until it ends or the buffer is full.
    fn read(&self, name: &str, buffer: &mut [u8]) -> io::Result<usize> {
        let file = openat(
            &self.directory,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut length = 0;
        while length < buffer.len() {
            match read(&file, &mut buffer[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(length)
    }

    /// Whether this process only carries requests of another: our own client, or a bare `sh -c`.
    fn carries(&self) -> bool {
        let Some(exe) = self.link("exe") else {
            return false;
        };
        if is_client(&exe) {
            return true;
        }
        let arguments = self.arguments();
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        script::is_bare_shell(&exe, &argv)
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

    /// Whether the process belongs to `uid`.
    pub(super) fn is_owned_by(&self, uid: u32) -> bool {
        self.owner().is_some_and(|(owner, _)| owner == uid)
    }
}

/// Whether an executable is our own client: by its file name, which is cheap, and as honest as anything
/// one user's processes say about each other. A stranger of that name only has its parent named instead.
pub(super) fn is_client(exe: &Path) -> bool {
    super::file_name(exe) == Some("rolecall")
}

/// The pids there are.
pub(super) fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes that run now.
pub(super) struct Table;

impl Tree for Table {
    fn link(&self, pid: u32) -> Option<Link> {
        let handle = Handle::open(pid)?;
        let (uid, _) = handle.owner()?;
        let stat = handle.stat()?;
        Some(Link {
            pid,
            ppid: stat.ppid,
            uid,
            start_time: stat.start_time,
        })
    }

    fn carries(&self, pid: u32) -> bool {
        Handle::open(pid).is_some_and(|handle| handle.carries())
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
