//! Connecting, and making sure of who listens.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Deadline, Error};
use crate::path::SERVER_UID_VARIABLE;

/// Connects to the socket at `path`, which must be held by a process of the calling user (or of
/// `ROLECALL_SERVER_UID`), or be the system service's: a squatter in its place could hand out an attacker's
/// credentials.
pub(super) fn connect(path: &Path, deadline: &Deadline) -> Result<UnixStream, Error> {
    let own = expected_owner()?;
    let stream = open(path, deadline).map_err(|source| Error::Unreachable {
        path: path.to_owned(),
        source,
    })?;
    let found = owner(path, &stream, own).map_err(Error::Io)?;
    if found == own || crate::path::is_system_service(path, found) {
        Ok(stream)
    } else {
        Err(Error::Foreign {
            path: path.to_owned(),
            found,
            own,
        })
    }
}

/// The calling user, or whom `ROLECALL_SERVER_UID` names: in a user namespace the daemon's user outside has
/// another number.
fn expected_owner() -> Result<u32, Error> {
    match std::env::var_os(SERVER_UID_VARIABLE).filter(|value| !value.is_empty()) {
        None => Ok(rustix::process::getuid().as_raw()),
        Some(value) => value
            .to_str()
            .and_then(|it| it.parse().ok())
            .ok_or_else(|| {
                Error::Io(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{SERVER_UID_VARIABLE} is not the number of a user"),
                ))
            }),
    }
}

/// std's connect waits without end while the daemon's backlog is full; SO_SNDTIMEO bounds it (unix(7)).
#[cfg(target_os = "linux")]
fn open(path: &Path, deadline: &Deadline) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let left = deadline.remaining().ok_or(io::ErrorKind::TimedOut)?;
    set_socket_timeout(&socket, Timeout::Send, Some(left))?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &address))?;
    Ok(UnixStream::from(socket))
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path, _deadline: &Deadline) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// The uid that listens, as it was when it began to listen (SO_PEERCRED).
#[cfg(target_os = "linux")]
fn owner(path: &Path, stream: &UnixStream, own: u32) -> io::Result<u32> {
    if !sees_every_process() {
        return file_owner(path, own);
    }
    let credentials = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(credentials.uid.as_raw())
}

/// Whether this is the machine's first process namespace, whose inode is fixed (`PROC_PID_INIT_INO`). In any other
/// a server may be out of sight: its pid is 0 then, which rustix's credentials cannot hold.
#[cfg(target_os = "linux")]
fn sees_every_process() -> bool {
    let namespace = std::fs::read_link("/proc/self/ns/pid");
    namespace.is_ok_and(|it| it.as_os_str() == "pid:[4026531836]")
}

/// Without SO_PEERCRED: the owner of the socket's file, which lies in the per-user temporary directory.
#[cfg(not(target_os = "linux"))]
fn owner(path: &Path, _stream: &UnixStream, own: u32) -> io::Result<u32> {
    file_owner(path, own)
}

/// The owner of the socket's file, and of the link that leads to it; one who is not `own`, if there is one. Nobody
/// else can make a file of ours: only in a directory that is a stranger's could it be swapped for another.
fn file_owner(path: &Path, own: u32) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;

    let link = std::fs::symlink_metadata(path)?.uid();
    let file = std::fs::metadata(path)?.uid();
    Ok(if link == own { file } else { link })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_stranger_s_link_is_a_stranger() {
        let place = tempfile::tempdir().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let (file, link) = (place.path().join("s"), place.path().join("l"));
        let _listener = std::os::unix::net::UnixListener::bind(&file).unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(file_owner(&file, own).unwrap(), own);
        assert_eq!(file_owner(&link, own).unwrap(), own);
        assert!(file_owner(&place.path().join("none"), own).is_err());
        if own == 0 {
            std::os::unix::fs::lchown(&link, Some(65_533), None).unwrap();
            assert_eq!(file_owner(&link, own).unwrap(), 65_533);
        }
    }
}
