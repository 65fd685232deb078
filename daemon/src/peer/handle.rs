//! A process that is pinned: what is said of it is said of no other that has its pid later.
//!
//! Two things pin one: a pidfd, and an open `/proc/PID`, whose reads fail once its process was waited for.
//! Something that was read by *number* holds if the process, pinned before, still runs afterwards: until
//! somebody waits for it the number is its own.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat, readlinkat_raw};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::client;
use super::consumer::Link;
use super::file::File;
use super::stat::{self, Stat};
use crate::sys::pidfd;

/// A pinned process, and what it was when first looked at.
pub(super) struct Handle {
    pid: u32,
    /// None where the kernel gives none; then `directory` is there from the start.
    pidfd: Option<OwnedFd>,
    /// `/proc/PID`, once something is read through it.
    directory: OnceLock<Option<OwnedFd>>,
    link: Link,
    gid: u32,
    /// What it runs; None if that may not be looked at (another user's), or if it has ended.
    file: Option<File>,
    exe: OnceLock<Option<PathBuf>>,
    stat: OnceLock<Option<Stat>>,
}

impl Handle {
    /// None if there is no such process.
    pub(super) fn open(pid: u32) -> Option<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(pidfd) => Self::of(pid, pidfd),
            // No process, or another's thread.
            Err(Errno::SRCH | Errno::INVAL) => None,
            // An old kernel, a filter in a container, or no descriptors left.
            Err(_) => Self::open_directory(pid),
        }
    }

    /// The process with this pid and pidfd.
    pub(super) fn of(pid: u32, pidfd: OwnedFd) -> Option<Self> {
        Self::look_at(pid, Some(pidfd), OnceLock::new())
    }

    /// The same as [`Handle::open`], pinned by its directory: what is quicker if all of it is read, and works on every kernel.
    pub(super) fn open_directory(pid: u32) -> Option<Self> {
        Self::open_directory_if(pid, |_| true)
    }

    /// The same, if it is this user's. Of others nothing more is read, which is most of a search's work.
    pub(super) fn open_directory_of(pid: u32, uid: u32) -> Option<Self> {
        Self::open_directory_if(pid, |owner| owner == uid)
    }

    fn open_directory_if(pid: u32, wanted: impl Fn(u32) -> bool) -> Option<Self> {
        let directory = directory(pid)?;
        owner(&directory).filter(|&(uid, _)| wanted(uid))?;
        Self::look_at(pid, None, OnceLock::from(Some(directory)))
    }

    fn look_at(
        pid: u32,
        pidfd: Option<OwnedFd>,
        directory: OnceLock<Option<OwnedFd>>,
    ) -> Option<Self> {
        let mut handle = Self {
            pid,
            pidfd,
            directory,
            link: Link {
                pid,
                ppid: 0,
                uid: 0,
            },
            gid: 0,
            file: None,
            exe: OnceLock::new(),
            stat: OnceLock::new(),
        };
        handle.file = handle.runs_file();
        // After the file, which was asked for by number.
        (handle.link, handle.gid) = handle.now()?;
        Some(handle)
    }

    /// How it hung together with others when first looked at.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Its group when first looked at.
    pub(super) fn gid(&self) -> u32 {
        self.gid
    }

    /// What it ran when first looked at.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Device, number and count of names of the file it ran when first looked at.
    pub(super) fn executable_file(&self) -> Option<(u64, u64, u64)> {
        let file = self.file?;
        let (device, inode) = file.number();
        Some((device, inode, file.names))
    }

    /// How it hangs together with others now, if it is still there, of the same user and program as when first looked at.
    pub(super) fn unchanged(&self) -> Option<Link> {
        let file = self.file.as_ref()?;
        let same = self.runs_file().is_some_and(|now| now.is(file));
        let (link, gid) = self.now()?;
        (same && link.uid == self.link.uid && gid == self.gid).then_some(link)
    }

    /// Its parent now; None if it has ended.
    pub(super) fn ppid(&self) -> Option<u32> {
        self.now().map(|(link, _)| link.ppid)
    }

    /// Whether it has not ended.
    pub(super) fn runs(&self) -> bool {
        match &self.pidfd {
            Some(pidfd) => !has_ended(pidfd),
            None => self.directory().is_some_and(|it| read_stat(it).is_some()),
        }
    }

    /// Whether this is our own client.
    pub(super) fn is_client(&self) -> bool {
        self.file
            .is_some_and(|file| client::is_one(&file, || self.exe()))
    }

    /// The path of the executable when first looked at, as the kernel says it.
    pub(super) fn exe(&self) -> Option<&Path> {
        let read = || {
            let file = self.file.as_ref()?;
            let path = self.path("exe")?;
            let same = self.runs_file().is_some_and(|now| now.is(file));
            (same && self.runs()).then_some(path)
        };
        self.exe.get_or_init(read).as_deref()
    }

    /// `stat` as it was when first read. Of it, the start time stays.
    pub(super) fn stat(&self) -> Option<&Stat> {
        self.stat
            .get_or_init(|| read_stat(self.directory()?))
            .as_ref()
    }

    /// `/proc/PID`; None if it had ended before it could be opened.
    pub(super) fn directory(&self) -> Option<BorrowedFd<'_>> {
        let open = || directory(self.pid).filter(|_| self.runs());
        self.directory.get_or_init(open).as_ref().map(AsFd::as_fd)
    }

    fn now(&self) -> Option<(Link, u32)> {
        let pid = self.pid;
        if let Some(pidfd) = &self.pidfd
            && let Ok(info) = pidfd::info(pidfd)
            && info.pid == pid
        {
            let (ppid, uid) = (info.ppid, info.uid);
            return Some((Link { pid, ppid, uid }, info.gid));
        }
        let directory = self.directory()?;
        let (uid, gid) = owner(directory)?;
        // After the owner, which is root's for a process that is gone.
        let ppid = read_stat(directory)?.ppid;
        Some((Link { pid, ppid, uid }, gid))
    }

    /// What it runs now, asked for by number unless its directory is open.
    fn runs_file(&self) -> Option<File> {
        let (place, path) = self.at("exe");
        File::at(place, path)
    }

    /// Where a link of its is, asked for by number unless its directory is open.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let mut buffer = [0; 4096];
        let (place, path) = self.at(name);
        let (target, rest) = readlinkat_raw(place, path, &mut buffer[..])
            .map(|length| buffer.split_at(length))
            .ok()?;
        // A full buffer is a path that was cut.
        (!rest.is_empty()).then(|| OsStr::from_bytes(target).into())
    }

    fn at(&self, name: &str) -> (BorrowedFd<'_>, PathBuf) {
        match self.directory.get() {
            Some(Some(directory)) => (directory.as_fd(), name.into()),
            _ => (CWD, format!("/proc/{}/{name}", self.pid).into()),
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

fn directory(pid: u32) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).ok()
}

/// Whether the process of a pidfd has ended, waited for or not. If that cannot be asked, it has.
fn has_ended(pidfd: &OwnedFd) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let asked = retry_on_intr(|| poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&at_once)));
    asked != Ok(0)
}

/// Effective uid and gid. Of `/proc/PID` itself the kernel tells them for undumpable processes too.
fn owner(directory: impl AsFd) -> Option<(u32, u32)> {
    let metadata = fstat(directory).ok()?;
    Some((metadata.st_uid, metadata.st_gid))
}

/// None if it has ended, waited for or not.
pub(super) fn read_stat(directory: impl AsFd) -> Option<Stat> {
    let mut buffer = [0; 1024];
    let length = read_file(directory, "stat", &mut buffer)?;
    stat::parse(&buffer[..length])
}

/// Reads a file once, from its start: as much as there is or fits. (`/proc` gives no less.)
pub(super) fn read_file(directory: impl AsFd, name: &str, buffer: &mut [u8]) -> Option<usize> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty()).ok()?;
    retry_on_intr(|| read(&file, &mut *buffer)).ok()
}
