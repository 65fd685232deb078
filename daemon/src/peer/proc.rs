//! Processes, as Linux tells of them.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(super) use super::facts::{Table, pids};
pub(super) use super::handle::Handle;
use crate::sys::pidfd::{self, Connector};

/// The process that connected `socket`, whose pid was then `pid` (0: outside of our pid namespace). None if it has ended.
pub(super) fn connector(socket: impl AsFd, pid: u32) -> Option<Handle> {
    match pidfd::connector(&socket) {
        _ if pid == 0 => None,
        Connector::Pinned(pidfd) => Handle::of(pid, pidfd),
        Connector::Unknown => None,
        Connector::Unsupported => by_number(socket, pid),
    }
}

/// The same before Linux 6.5: whoever has that pid now, unless the connection's other end is closed, as it is
/// once its process has ended. Left is one that gave its end to another process, and whose pid was given out again.
fn by_number(socket: impl AsFd, pid: u32) -> Option<Handle> {
    let handle = Handle::open(pid)?;
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A hang-up is told without being asked for.
    let asked = poll(
        &mut [PollFd::new(&socket, PollFlags::empty())],
        Some(&at_once),
    );
    (asked == Ok(0)).then_some(handle)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_pid_counts_while_the_other_end_is_open() {
        let own = std::process::id();
        let (near, far) = UnixStream::pair().unwrap();
        assert_eq!(by_number(&near, own).unwrap().link().pid, own);
        assert!(by_number(&near, u32::MAX).is_none());
        far.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(by_number(&near, own).is_some(), "it can still read");
        assert!(connector(&near, 0).is_none());
        drop(far);
        // Another test that just starts a child holds a copy until that becomes its program.
        while by_number(&near, own).is_some() {
            std::thread::yield_now();
        }
    }
}
