//! In which namespaces a process is: those that tell a container from the rest of the machine.

use std::os::fd::AsFd;
use std::sync::OnceLock;

use super::Namespace;
use rustix::fs::{AtFlags, CWD, statat};

const LINKS: [(Namespace, &str); 4] = [
    (Namespace::User, "ns/user"),
    (Namespace::Pid, "ns/pid"),
    (Namespace::Mnt, "ns/mnt"),
    (Namespace::Net, "ns/net"),
];

/// Device and inode, by which the kernel tells namespaces apart.
type Ids = [(u64, u64); LINKS.len()];

/// Those of `directory`, a `/proc/PID`, that are not the daemon's own. None if that may not be looked at.
pub(super) fn foreign(directory: impl AsFd) -> Option<Vec<Namespace>> {
    static OWN: OnceLock<Option<Ids>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let own = rustix::fs::openat(CWD, "/proc/self", flags, rustix::fs::Mode::empty());
        ids(own.ok()?)
    });
    Some(differing((*own)?, ids(directory)?))
}

fn ids(directory: impl AsFd) -> Option<Ids> {
    let mut ids = Ids::default();
    for (id, (_, link)) in ids.iter_mut().zip(LINKS) {
        let found = statat(&directory, link, AtFlags::empty()).ok()?;
        *id = (found.st_dev, found.st_ino);
    }
    Some(ids)
}

fn differing(own: Ids, other: Ids) -> Vec<Namespace> {
    let pairs = own.iter().zip(other);
    LINKS
        .into_iter()
        .zip(pairs)
        .filter_map(|((kind, _), (own, other))| (*own != other).then_some(kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_differ_are_named() {
        let own = [(4, 1), (4, 2), (4, 3), (4, 4)];
        assert_eq!(differing(own, own), []);
        let other = [(4, 1), (4, 9), (5, 3), (4, 4)];
        assert_eq!(differing(own, other), [Namespace::Pid, Namespace::Mnt]);
        let json = serde_json::to_string(&differing(own, [(0, 0); 4])).unwrap();
        assert_eq!(json, r#"["user","pid","mnt","net"]"#);
    }
}
