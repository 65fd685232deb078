//! Handles on processes (pidfd): who connected a Unix socket, and what the kernel says of whom a handle is on.
//!
//! A pid is a number that another process may have a moment later; a pidfd stays with its process. The
//! calls here are those that rustix has no function for. Layouts: `linux/pidfd.h`, unix(7).

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// The process that connected a Unix socket.
#[derive(Debug)]
pub enum Connector {
    /// A handle on it.
    Pinned(OwnedFd),
    /// It has ended, and its pid may be another's by now; or there are no file descriptors left.
    Unknown,
    /// The kernel cannot tell (before Linux 6.5).
    Unsupported,
}

/// Who connected `socket` (`SO_PEERPIDFD`), whoever holds it now.
///
/// Kernels differ in what they say of a process that was waited for: `EINVAL` or `ESRCH`, or (since 6.16) a handle on it.
pub fn connector(socket: impl AsFd) -> Connector {
    let mut handle: libc::c_int = -1;
    let mut length = libc::socklen_t::try_from(size_of_val(&handle)).unwrap_or(0);
    // SAFETY: both pointers are to live locals, and `length` is the size of the first.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut handle).cast(),
            &raw mut length,
        )
    };
    if done == 0 && handle >= 0 {
        // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
        return Connector::Pinned(unsafe { OwnedFd::from_raw_fd(handle) });
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::ENOPROTOOPT) => Connector::Unsupported,
        _ => Connector::Unknown,
    }
}

/// What the kernel says of a process, in our namespaces' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Process id.
    pub pid: u32,
    /// Parent.
    pub ppid: u32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
}

/// What a process is now (`PIDFD_GET_INFO`, Linux 6.13): one call for what three files of `/proc` say.
///
/// An error if it was waited for, if its parent is outside of our pid namespace, or if the kernel is older.
pub fn info(handle: impl AsFd) -> io::Result<Info> {
    const WANTED: u64 = (libc::PIDFD_INFO_PID | libc::PIDFD_INFO_CREDS) as u64;
    // SAFETY: `pidfd_info` is a plain C struct of integers, for which all zeroes are valid.
    let mut info: libc::pidfd_info = unsafe { std::mem::zeroed() };
    info.mask = WANTED;
    // SAFETY: the request's number carries the size of the struct that the pointer is to, which is all that the kernel fills.
    let done = unsafe {
        libc::ioctl(
            handle.as_fd().as_raw_fd(),
            libc::PIDFD_GET_INFO,
            &raw mut info,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    if info.mask & WANTED != WANTED {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Info {
        // The process's, also of a handle on one of its threads.
        pid: info.tgid,
        ppid: info.ppid,
        uid: info.euid,
        gid: info.egid,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn a_connection_s_other_end_is_pinned_where_the_kernel_can() {
        let (near, _far) = UnixStream::pair().unwrap();
        match connector(&near) {
            Connector::Pinned(handle) => {
                // Older kernels have the first and not the second.
                if let Ok(info) = info(&handle) {
                    assert_eq!(info.pid, std::process::id());
                }
            }
            other => assert!(matches!(other, Connector::Unsupported), "{other:?}"),
        }
    }

    #[test]
    fn a_socket_of_another_kind_has_no_connector() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!matches!(connector(&stream), Connector::Pinned(_)));
    }

    #[test]
    fn we_are_who_we_are() {
        let own = Pid::from_raw(std::process::id().cast_signed()).unwrap();
        let handle = pidfd_open(own, PidfdFlags::empty()).unwrap();
        let Ok(own) = info(&handle) else {
            eprintln!("skipped: PIDFD_GET_INFO came with Linux 6.13");
            return;
        };
        let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_pid().cast_unsigned());
        let expected = Info {
            pid: std::process::id(),
            ppid: parent,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        assert_eq!(own, expected);
        let (no_process, _) = UnixStream::pair().unwrap();
        assert!(info(&no_process).is_err());
    }
}
