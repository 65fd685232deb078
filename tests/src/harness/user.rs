//! Whom a program or a connection belongs to.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

/// A user of this machine, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

impl User {
    /// The superuser.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// Who the tests run as.
    pub fn current() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }

    /// Whom the daemon and its clients belong to: `nobody` when the tests run as root, whom no file
    /// mode and no check would stop; else whoever runs the tests.
    pub fn unprivileged() -> Self {
        if is_root() {
            Self {
                uid: 65_534,
                gid: 65_534,
            }
        } else {
            Self::current()
        }
    }

    /// Somebody else, without privileges. Only root can become another: None for everyone else, and
    /// the test has nothing to say.
    pub fn other() -> Option<Self> {
        is_root().then_some(Self {
            uid: 65_533,
            gid: 65_533,
        })
    }

    /// Makes `command` run as this user, without any other group.
    pub fn apply(self, command: &mut Command) {
        if self != Self::current() {
            // As root, the standard library clears the supplementary groups too.
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives a file to this user.
    pub(crate) fn own(self, path: &Path) -> std::io::Result<()> {
        if self == Self::current() {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }

    /// Runs `work` as this user, in a thread of its own: what the kernel says about a connection made
    /// there is this user's. The process (its `/proc` entry, its executable) stays the test's.
    ///
    /// # Panics
    /// When `work` does, or when the tests do not run as root and this is another user.
    #[cfg(target_os = "linux")]
    pub fn act<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        use rustix::process::{Gid, Uid};
        use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

        if self == Self::current() {
            return work();
        }
        let become_user = move || {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                become_user().expect("only root can act as another user");
                work()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs `work`; other systems than Linux have no users of single threads.
    ///
    /// # Panics
    /// When this is another user.
    #[cfg(not(target_os = "linux"))]
    pub fn act<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        assert_eq!(self, Self::current(), "only on Linux");
        work()
    }
}

/// Whether the tests run as root, who can become anybody: not the root of a user namespace that knows
/// one user only, as `tests/isolated` makes it for who is not root.
pub fn is_root() -> bool {
    geteuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map").map_or(true, |map| knows_everybody(&map))
}

/// Each line of the map is: first id inside, first id outside, how many.
fn knows_everybody(map: &str) -> bool {
    map.lines().any(|line| {
        let count = line.split_whitespace().nth(2);
        count
            .and_then(|it| it.parse().ok())
            .is_some_and(|count: u64| count > 65_535)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn root_of_one_user_is_not_root() {
        assert!(knows_everybody("         0          0 4294967295\n"));
        assert!(!knows_everybody("         0       1000          1\n"));
        assert!(!knows_everybody(""));
    }

    #[test]
    fn acting_as_another_user_ends_with_the_work() {
        let Some(other) = User::other() else { return };
        let (reader, _writer) = other.act(|| {
            assert_eq!(User::current(), other);
            assert!(std::fs::read_dir("/root").is_err());
            std::os::unix::net::UnixStream::pair().expect("a pair")
        });
        let peer = rustix::net::sockopt::socket_peercred(&reader).expect("credentials");
        assert_eq!(peer.uid.as_raw(), other.uid);
        assert!(is_root());
    }
}
