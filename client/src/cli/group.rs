//! A control group of this process's own, for the command it becomes: whatever that starts stays in it, orphans and
//! daemons too. It can be made wherever the user owns the group that this process is in: below a systemd user
//! manager, and where a container was given its groups.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rolecall::path::cgroup::{Hierarchy, PREFIX, of_process};

/// The group; this process is in it.
#[derive(Debug)]
pub(super) struct OwnGroup {
    directory: PathBuf,
    parent: PathBuf,
}

impl OwnGroup {
    /// Makes it and moves this process there. None where that cannot be done, which nobody is told: there are other
    /// ways to know the command's processes.
    pub(super) fn enter() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let parent = Hierarchy::find(&mounts)?.directory(of_process(&groups)?)?;
        Self::enter_below(parent).ok()
    }

    fn enter_below(parent: PathBuf) -> io::Result<Self> {
        // A process id is used again, and its group's name may still be there.
        let name = format!("{PREFIX}{}", std::process::id());
        let names = (0..8).map(|n| {
            if n == 0 {
                name.clone()
            } else {
                format!("{name}.{n}")
            }
        });
        let mut made = Err(io::ErrorKind::AlreadyExists.into());
        for name in names {
            let directory = parent.join(name);
            made = DirBuilder::new().create(&directory).map(|()| directory);
            if !matches!(&made, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
                break;
            }
        }
        let group = Self {
            directory: made?,
            parent,
        };
        match move_to(&group.directory) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.leave();
                Err(error)
            }
        }
    }

    /// Moves this process back and removes the group. What cannot be undone is left: an empty group does nothing.
    pub(super) fn leave(self) {
        if move_to(&self.parent).is_ok() {
            let _ = fs::remove_dir(&self.directory);
        }
    }
}

/// cgroups(7): 0 stands for the process that writes it.
fn move_to(directory: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(directory.join("cgroup.procs"))?;
    file.write_all(b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_group_can_be_entered_none_is_left() {
        let place = tempfile::tempdir().unwrap();
        // An ordinary directory: what is made in it has no cgroup.procs.
        assert!(OwnGroup::enter_below(place.path().to_owned()).is_err());
        // Moving back fails as well here, so the directory stays, as it would where the kernel refuses.
        let kept = place.path().join("cgroup.procs");
        fs::File::create(kept).unwrap();
        assert!(OwnGroup::enter_below(place.path().to_owned()).is_err());
        let left = fs::read_dir(place.path()).unwrap().flatten();
        let groups: Vec<_> = left.filter(|entry| entry.path().is_dir()).collect();
        assert_eq!(groups.len(), 1, "the first one alone");
        assert!(OwnGroup::enter_below(place.path().join("none")).is_err());
    }
}
