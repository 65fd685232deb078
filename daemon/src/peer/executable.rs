//! Which file a process runs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Process;
use super::proc::Handle;

/// An executable: its path with all links resolved, and the file that is found there.
///
/// The path alone would not do: in a mount namespace of its own, which every user may make, a process can
/// have any file under any name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Where it is.
    pub path: PathBuf,
    /// The device of its file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl Executable {
    /// The one at `path`, links resolved; None if there is none. Asks the file system, so off the reading
    /// path.
    pub fn at(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let metadata = path.metadata().ok()?;
        Some(Self {
            path,
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// The one that `process` runs. None if it has ended, has become another program, runs a file that was
    /// replaced meanwhile, or may not be looked into.
    pub fn of(process: &Process) -> Option<Self> {
        let path = process.exe.clone()?;
        let handle = Handle::open_directory_of(process.pid, process.uid)?;
        if handle.outline()?.start_time != process.start_time {
            return None;
        }
        let (device, inode, links) = handle.executable_file()?;
        // After the file: so that file and path are of the same program.
        let same = handle.unchanged().is_some() && handle.exe() == Some(path.as_path());
        // A file without a name was replaced, whatever stands where it was.
        (same && links > 0).then_some(Self {
            path,
            device,
            inode,
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::process::{Child, Command};

    use super::*;
    use crate::peer::{process, spawn};

    fn started(program: &Path) -> (Child, Process) {
        let mut command = Command::new(program);
        let child = spawn(command.arg("60"));
        let resolved = program.canonicalize().unwrap();
        let facts = loop {
            // Until the exec is over.
            match process(child.id()) {
                Some(facts) if facts.exe.as_deref() == Some(resolved.as_path()) => break facts,
                _ => std::thread::yield_now(),
            }
        };
        (child, facts)
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_runs_the_file_behind_all_links() {
        let place = tempfile::tempdir().unwrap();
        let (copy, link) = (place.path().join("copy"), place.path().join("link"));
        fs::copy("/bin/sleep", &copy).unwrap();
        std::os::unix::fs::symlink(&copy, &link).unwrap();
        let (child, facts) = started(&link);
        assert_eq!(Executable::of(&facts), Executable::at(&link));
        assert_eq!(Executable::at(&link), Executable::at(&copy));
        assert_ne!(
            Executable::at(&copy),
            Executable::at(Path::new("/bin/sleep"))
        );
        assert_eq!(Executable::at(&place.path().join("none")), None);

        // Of a process that is not the one that was seen, nothing is told.
        let another = Process {
            start_time: facts.start_time + 1,
            ..facts.clone()
        };
        assert_eq!(Executable::of(&another), None);
        end(child);
        assert_eq!(Executable::of(&facts), None);
    }

    #[test]
    fn a_replaced_executable_is_none() {
        let place = tempfile::tempdir().unwrap();
        let (copy, other) = (place.path().join("copy"), place.path().join("other"));
        fs::copy("/bin/sleep", &copy).unwrap();
        fs::copy("/bin/sleep", &other).unwrap();
        let (child, before) = started(&copy);
        fs::rename(&other, &copy).unwrap();
        let after = process(child.id()).unwrap();
        assert_eq!(Executable::of(&before), None);
        assert_eq!(Executable::of(&after), None);
        end(child);
    }
}
