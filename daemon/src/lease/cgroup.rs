//! Control groups: what a scope that is one is, what is in it, and when it is empty (cgroups(7),
//! "Cgroup v2 release notification").

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rolecall::path::cgroup::{Hierarchy, PREFIX};

/// Groups below one that are looked through for an id.
const MOST_GROUPS: usize = 4096;

/// How deep they may lie: the kernel's default for what systemd and containers make is far below.
const DEEPEST: usize = 32;

/// The hierarchy as the daemon sees it; None where there is none.
#[derive(Clone, Debug)]
pub struct Groups(Option<Hierarchy>);

impl Groups {
    /// As this process sees it mounted.
    pub fn mounted() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self(Hierarchy::find(&mounts))
    }

    /// Below a directory; for tests.
    pub fn at(mount: PathBuf) -> Self {
        Self(Some(Hierarchy::at(mount)))
    }

    /// The id of the group at `path`, which is its directory's inode. None if there is no such group, or it cannot
    /// be seen.
    pub fn id(&self, path: &str) -> Option<u64> {
        let metadata = fs::symlink_metadata(self.directory(path)?).ok()?;
        metadata.is_dir().then(|| metadata.ino())
    }

    /// The path of a group given as such, or as a directory.
    pub fn path_of(&self, text: &str) -> Option<String> {
        let hierarchy = self.0.as_ref()?;
        let as_directory = hierarchy.path(Path::new(text));
        as_directory
            .filter(|path| self.id(path).is_some())
            .or_else(|| self.id(text).map(|_| text.to_owned()))
    }

    /// Whether `pid` is in a group that was made for it: of the name that `rolecall exec` gives, and with nobody
    /// else in it.
    pub fn is_own(&self, path: &str, pid: u32) -> bool {
        let named = path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with(PREFIX));
        let members = || fs::read_to_string(self.directory(path)?.join("cgroup.procs")).ok();
        named && members().is_some_and(|members| members.trim() == pid.to_string())
    }

    /// Whether the group with `id` is the one at `path`, or below.
    pub fn has(&self, path: &str, id: u64) -> bool {
        let Some(directory) = self.directory(path) else {
            return false;
        };
        let mut left = MOST_GROUPS;
        found(&directory, id, DEEPEST, &mut left)
    }

    /// Whether any process is in the group at `path` or below. A group that is gone is empty.
    pub fn is_populated(&self, path: &str) -> bool {
        self.events(path)
            .and_then(|file| fs::read_to_string(file).ok())
            .is_some_and(|events| is_populated(&events))
    }

    /// The file that tells when that changes.
    pub fn events(&self, path: &str) -> Option<PathBuf> {
        Some(self.directory(path)?.join("cgroup.events"))
    }

    /// Removes an empty group, and those below that its processes have left behind.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        self.directory(path)
            .map_or(Ok(()), |directory| remove(&directory, DEEPEST))
    }

    fn directory(&self, path: &str) -> Option<PathBuf> {
        self.0.as_ref()?.directory(path)
    }
}

/// Whether the path of a process's group is `path` or below.
pub fn is_below(inner: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    inner
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What `cgroup.events` says.
pub fn is_populated(events: &str) -> bool {
    events.lines().any(|line| line == "populated 1")
}

fn found(directory: &Path, id: u64, depth: usize, left: &mut usize) -> bool {
    *left = left.saturating_sub(1);
    if *left == 0 || depth == 0 {
        return false;
    }
    fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.ino() == id)
        || below(directory).any(|child| found(&child, id, depth - 1, left))
}

fn remove(directory: &Path, depth: usize) -> io::Result<()> {
    if depth > 0 {
        for child in below(directory) {
            remove(&child, depth - 1)?;
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn below(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_holds_those_below_it_and_no_others() {
        let place = tempfile::tempdir().unwrap();
        let groups = Groups::at(place.path().to_owned());
        for path in ["a/b/c", "ab"] {
            fs::create_dir_all(place.path().join(path)).unwrap();
        }
        let id = |path: &str| groups.id(path).unwrap();
        assert!(groups.has("/a", id("/a")) && groups.has("/a", id("/a/b/c")));
        assert!(!groups.has("/a", id("/ab")) && !groups.has("/a/b", id("/a")));
        assert!(groups.has("/", id("/ab")) && !groups.has("/gone", id("/ab")));
        assert!(is_below("/a", "/a") && is_below("/a/b", "/a") && is_below("/x", "/"));
        assert!(!is_below("/ab", "/a") && !is_below("/", "/a"));
        assert_eq!(groups.path_of("/a/b"), Some("/a/b".to_owned()));
        let directory = place.path().join("a/b");
        assert_eq!(
            groups.path_of(directory.to_str().unwrap()),
            Some("/a/b".to_owned())
        );
        assert_eq!(groups.path_of("/gone"), None);
        groups.remove("/a").unwrap();
        assert_eq!(groups.id("/a"), None);
        groups.remove("/a").unwrap();
    }

    #[test]
    fn a_group_is_one_s_own_by_name_and_alone() {
        let place = tempfile::tempdir().unwrap();
        let groups = Groups::at(place.path().to_owned());
        for (path, members, own) in [
            ("rolecall-1", "42\n", true),
            ("rolecall-2", "42\n43\n", false),
            ("rolecall-3", "", false),
            ("user.slice", "42\n", false),
        ] {
            fs::create_dir(place.path().join(path)).unwrap();
            let file = place.path().join(path).join("cgroup.procs");
            super::super::private::create(&file, members.as_bytes()).unwrap();
            assert_eq!(groups.is_own(&format!("/{path}"), 42), own, "{path}");
        }
        assert!(!groups.is_own("/rolecall-4", 42));
    }

    #[test]
    fn emptiness_is_the_kernel_s_word() {
        assert!(is_populated("populated 1\nfrozen 0\n"));
        assert!(!is_populated("populated 0\nfrozen 0\n") && !is_populated(""));
        let groups = Groups(None);
        assert!(!groups.is_populated("/a") && groups.id("/a").is_none());
    }
}
