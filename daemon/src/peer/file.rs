//! Which file a process runs.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
use rustix::path::Arg;

/// A file, as the kernel tells it from others, and who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    device: u64,
    inode: u64,
    /// When it last changed in any way, its names and its mode included: seconds and nanoseconds.
    changed: (i64, u32),
    /// How many names it has; 0 if it was deleted.
    pub(super) names: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

impl File {
    /// The file that a path leads to, through the links that `/proc` makes too.
    pub(super) fn at(place: impl AsFd, path: impl Arg) -> Option<Self> {
        // As the kernel knows it: a file server that does not answer would hold up everybody.
        let found = statx(
            place,
            path,
            AtFlags::STATX_DONT_SYNC,
            StatxFlags::BASIC_STATS,
        )
        .ok()?;
        Some(Self {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
            names: u64::from(found.stx_nlink),
            uid: found.stx_uid,
            gid: found.stx_gid,
            mode: u32::from(found.stx_mode),
        })
    }

    /// The file of that name in our own view.
    pub(super) fn here(path: &Path) -> Option<Self> {
        Self::at(CWD, path)
    }

    /// The device of its file system and its number there.
    pub(super) fn number(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether it is the same file, whatever was done to it.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    #[cfg(test)]
    pub(super) fn with_mode(uid: u32, gid: u32, mode: u32) -> Self {
        Self {
            device: 1,
            inode: 2,
            changed: (3, 4),
            names: 1,
            uid,
            gid,
            mode,
        }
    }
}
