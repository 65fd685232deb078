//! Where control groups are in the file system (cgroups(7)).

use std::path::{Path, PathBuf};

/// The names of the groups that `rolecall exec` makes begin so.
pub const PREFIX: &str = "rolecall-";

/// The cgroup v2 hierarchy as one process sees it mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    mount: PathBuf,
    root: String,
}

impl Hierarchy {
    /// Mounted at `mount`, from its root on.
    pub fn at(mount: PathBuf) -> Self {
        Self {
            mount,
            root: "/".to_owned(),
        }
    }

    /// Out of `/proc/self/mountinfo` (proc_pid_mountinfo(5)); None if no cgroup v2 is mounted, or at a path that
    /// the kernel escapes.
    pub fn find(mountinfo: &str) -> Option<Self> {
        mountinfo.lines().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            if kind.split(' ').next()? != "cgroup2" {
                return None;
            }
            let mut fields = mount.split(' ').skip(3);
            let (root, point) = (fields.next()?, fields.next()?);
            (!root.contains('\\') && !point.contains('\\')).then(|| Self {
                mount: point.into(),
                root: root.to_owned(),
            })
        })
    }

    /// The directory of the group at `path`, as `/proc/PID/cgroup` names it; None if it is not below what is
    /// mounted.
    pub fn directory(&self, path: &str) -> Option<PathBuf> {
        let below = if self.root == "/" {
            path.strip_prefix('/')?
        } else {
            match path.strip_prefix(&self.root)? {
                "" => "",
                rest => rest.strip_prefix('/')?,
            }
        };
        let plain = below.is_empty()
            || below
                .split('/')
                .all(|part| !matches!(part, "" | "." | ".."));
        plain.then(|| self.mount.join(below))
    }

    /// The path of the group whose directory this is.
    pub fn path(&self, directory: &Path) -> Option<String> {
        let below = directory.strip_prefix(&self.mount).ok()?.to_str()?;
        let root = self.root.trim_end_matches('/');
        Some(match below {
            "" if root.is_empty() => "/".to_owned(),
            "" => root.to_owned(),
            below => format!("{root}/{below}"),
        })
    }
}

/// The v2 line of `/proc/PID/cgroup`: `0::/path`.
pub fn of_process(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_found_among_the_mounts() {
        let hybrid = "30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      41 30 0:37 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        let found = Hierarchy::find(hybrid).unwrap();
        let directory = |path: &str| found.directory(path);
        assert_eq!(directory("/a/b"), Some("/sys/fs/cgroup/unified/a/b".into()));
        assert_eq!(directory("/"), Some("/sys/fs/cgroup/unified/".into()));
        for path in ["a", "/../a", "/a/../b", "//a", ""] {
            assert_eq!(directory(path), None, "{path}");
        }
        assert_eq!(
            found.path(Path::new("/sys/fs/cgroup/unified/a")),
            Some("/a".into())
        );
        assert_eq!(
            found.path(Path::new("/sys/fs/cgroup/unified")),
            Some("/".into())
        );
        assert_eq!(found.path(Path::new("/elsewhere")), None);
        assert_eq!(Hierarchy::find("1 1 0:1 / /proc rw - proc proc rw\n"), None);
    }

    #[test]
    fn a_container_sees_a_part_of_it() {
        let part = "1 1 0:1 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let found = Hierarchy::find(part).unwrap();
        assert_eq!(
            found.directory("/docker/1/a"),
            Some("/sys/fs/cgroup/a".into())
        );
        assert_eq!(found.directory("/docker/1"), Some("/sys/fs/cgroup/".into()));
        assert_eq!(found.directory("/docker/12"), None);
        assert_eq!(
            found.path(Path::new("/sys/fs/cgroup/a")),
            Some("/docker/1/a".into())
        );
        assert_eq!(
            found.path(Path::new("/sys/fs/cgroup")),
            Some("/docker/1".into())
        );
    }

    #[test]
    fn the_v2_line() {
        assert_eq!(of_process("12:cpu:/a\n0::/b\n"), Some("/b"));
        assert_eq!(of_process("12:cpu:/a\n"), None);
    }
}
