//! Connecting, and making sure of who listens.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Deadline, Error};
use crate::path::SERVER_UID_VARIABLE;

/// Connects to the socket at `path`, which must be held by a process of the calling user (or of `ROLECALL_SERVER_UID`), or be the
/// system service's: a squatter in its place could hand out an attacker's credentials.
pub(super) fn connect(path: &Path, deadline: &Deadline) -> Result<UnixStream, Error> {
    let own = expected_owner()?;
    let stream = open(path, deadline).map_err(|source| Error::Unreachable {
        path: path.to_owned(),
        source,
    })?;
    let found = owner(path, &stream).map_err(Error::Io)?;
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
fn owner(_path: &Path, stream: &UnixStream) -> io::Result<u32> {
    // Not rustix's: where the daemon is outside of our process namespace its pid is 0, which that cannot hold.
    let (uid, _) = unix_cred::get_peer_ids(stream)?;
    Ok(uid)
}

/// Without SO_PEERCRED: the owner of the socket's file, which lies in the per-user temporary directory.
#[cfg(not(target_os = "linux"))]
fn owner(path: &Path, _stream: &UnixStream) -> io::Result<u32> {
    file_owner(path)
}

fn file_owner(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;

    Ok(std::fs::symlink_metadata(path)?.uid())
}
