//! Reads what there is to know about a pinned process: few small files, through its directory (proc(5)).

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, openat, readlinkat_raw};

use super::consumer::{Link, Tree};
use super::file::File;
use super::handle::{Handle, read_file, read_stat};
use super::stat::Stat;
use super::{Ancestor, Process, cgroup, namespaces, script};

/// What is read of a command line. A longer one (a Java class path) costs a larger second read.
const USUAL_ARGUMENTS: usize = 4096;
const MOST_ARGUMENTS: usize = 128 * 1024;
/// What is kept of `argv[0]` and a script's name.
const LONGEST_NAME: usize = 4096;
/// What is kept of an ancestor's `argv[0]`.
const LONGEST_ANCESTOR: usize = 256;

impl Handle {
    /// What `stat` tells, and the executable: the rest is unknown. None if it is gone.
    pub(super) fn outline(&self) -> Option<Process> {
        Some(self.described_by(self.stat()?.clone()))
    }

    fn described_by(&self, stat: Stat) -> Process {
        let Link { pid, uid, .. } = self.link();
        Process {
            pid,
            uid,
            gid: self.gid(),
            start_time: stat.start_time,
            ppid: stat.ppid,
            sid: stat.sid,
            tty: stat.tty,
            exe: self.exe().map(Path::to_owned),
            ..Process::default()
        }
    }

    /// All facts but its ancestors; None if the process is gone, or became another program since it was first looked at.
    pub(super) fn facts(&self) -> Option<Process> {
        let directory = self.directory()?;
        let outline = self.described_by(read_stat(directory)?);
        let arguments = arguments(directory);
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        let script = self.exe().and_then(|exe| script::of(exe, &argv));
        let own = rustix::process::geteuid().as_raw();
        let groups = text(directory, "cgroup", &mut [0; 4096]);
        let cgroup = groups.as_deref().and_then(cgroup::path);
        let process = Process {
            argv0: argv.first().map(|argv0| clip(argv0, LONGEST_NAME)),
            arguments: super::all_arguments_wanted().then(|| {
                let clipped = argv.iter().map(|argument| clip(argument, LONGEST_NAME));
                clipped.collect()
            }),
            script: script.as_deref().map(|script| clip(script, LONGEST_NAME)),
            cwd: self.path("cwd"),
            cgroup: cgroup.map(str::to_owned),
            unit: cgroup
                .and_then(|path| cgroup::unit(path, own))
                .map(str::to_owned),
            namespaces: namespaces::foreign(directory),
            ..outline
        };
        self.is_same(directory).then_some(process)
    }

    /// What is kept of an ancestor. None if it is gone, or became another program since it was first looked at.
    pub(super) fn ancestor(&self) -> Option<Ancestor> {
        let start_time = self.stat()?.start_time;
        let exe = self.exe().map(Path::to_owned);
        let directory = self.directory()?;
        let mut buffer = [0; USUAL_ARGUMENTS];
        let length = read_file(directory, "cmdline", &mut buffer).unwrap_or(0);
        let line = String::from_utf8_lossy(&buffer[..length]);
        let argv0 = line.split('\0').next().filter(|argv0| !argv0.is_empty());
        self.is_same(directory).then(|| Ancestor {
            pid: self.link().pid,
            start_time,
            exe,
            argv0: argv0.map(|argv0| clip(argv0, LONGEST_ANCESTOR)),
        })
    }

    /// Whether it still runs, and runs what it ran when first looked at: no exec came between the reads.
    fn is_same(&self, directory: BorrowedFd<'_>) -> bool {
        match self.file() {
            Some(file) => File::at(directory, "exe").is_some_and(|now| now.is(file)),
            None => read_stat(directory).is_some(),
        }
    }

    /// Whether this process only carries requests of another: our own client, or a bare `sh -c`.
    pub(super) fn carries(&self) -> bool {
        if self.is_client() {
            return true;
        }
        let Some(exe) = self.exe().filter(|exe| script::may_be_shell(exe)) else {
            return false;
        };
        let arguments = self.directory().map(arguments).unwrap_or_default();
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        script::is_bare_shell(exe, &argv)
    }

    /// Whether one of its descriptors is the socket with this inode; no, if that may not be read.
    pub(super) fn holds_socket(&self, inode: u64) -> bool {
        let wanted = format!("socket:[{inode}]");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptors = self
            .directory()
            .and_then(|directory| openat(directory, "fd", flags, Mode::empty()).ok());
        let Some((descriptors, list)) =
            descriptors.and_then(|it| Some((Dir::read_from(&it).ok()?, it)))
        else {
            return false;
        };
        let mut buffer = [0; 64];
        descriptors.flatten().any(|entry| {
            let length = readlinkat_raw(&list, entry.file_name(), &mut buffer[..]);
            length.is_ok_and(|length| buffer[..length] == *wanted.as_bytes())
        })
    }
}

/// The arguments, each ended by NUL; without the one that was cut, if it is too long.
pub(super) fn arguments(directory: BorrowedFd<'_>) -> String {
    let mut buffer = [0; USUAL_ARGUMENTS];
    let short = read_file(directory, "cmdline", &mut buffer).unwrap_or(0);
    if short < USUAL_ARGUMENTS {
        return String::from_utf8_lossy(&buffer[..short]).into_owned();
    }
    let mut buffer = vec![0; MOST_ARGUMENTS];
    let length = read_file(directory, "cmdline", &mut buffer).unwrap_or(0);
    let whole = if length < MOST_ARGUMENTS {
        length
    } else {
        let end = buffer.iter().rposition(|&byte| byte == 0);
        end.map_or(0, |end| end + 1)
    };
    String::from_utf8_lossy(&buffer[..whole]).into_owned()
}

fn text(directory: BorrowedFd<'_>, name: &str, buffer: &mut [u8]) -> Option<String> {
    let length = read_file(directory, name, buffer)?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn clip(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
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

    fn parent(&mut self, child: &Handle) -> Option<Handle> {
        let ppid = child.link().ppid;
        let parent = Handle::open(ppid)?;
        // Once more: while the child has that parent, the number is the parent's.
        (child.ppid() == Some(ppid)).then_some(parent)
    }

    fn link(node: &Handle) -> Link {
        node.link()
    }

    fn carries(node: &Handle) -> bool {
        node.carries()
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
