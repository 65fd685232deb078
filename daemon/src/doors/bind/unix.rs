//! The Unix socket (threat T12): a lock first, so that two daemons never take turns removing each
//! other's socket; then nothing is removed that is not a dead socket of our own; then a rename, so that
//! the path never leads nowhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::lease::private;
use crate::secrets::Random;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Who can reach the socket at all; whom it serves is decided by the kernel's word on each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This user alone: mode 0600 in a directory of mode 0700.
    Own,
    /// Everybody: mode 0666 in a directory of mode 0755, which this user owns so that nobody else can put
    /// another socket in its place. The system service, whose `uids` modes could not express.
    Everyone,
}

/// A bound socket and the lock that goes with it.
#[derive(Debug)]
pub struct Bound {
    /// Non-blocking, ready for tokio.
    pub listener: UnixListener,
    /// Held for as long as this lives.
    pub lock: Lock,
}

/// The lock beside the socket; removes the socket when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    socket: PathBuf,
    identity: (u64, u64),
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only what this daemon put there; the lock is still held.
        let ours = fs::symlink_metadata(&self.socket)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if ours {
            let _ = fs::remove_file(&self.socket);
        }
    }
}

/// Binds `path` in a directory of this user's (made if it is missing), with the modes of `reach`.
///
/// Errors say what is in the way: another daemon (with its pid), a file that is no socket, somebody
/// else's socket, a directory that is open to others.
pub fn unix(path: &Path, reach: Reach, random: &dyn Random) -> io::Result<Bound> {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
        .ok_or_else(|| refused(path, "is no absolute path"))?;
    let mode = match reach {
        Reach::Own => {
            private::directory(directory)?;
            0o600
        }
        Reach::Everyone => {
            private::public_directory(directory)?;
            0o666
        }
    };
    let lock = lock(path)?;
    remove_stale(path)?;
    let temporary = private::beside(path, random);
    let listener = listen(&temporary)?;
    let placed = fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::symlink_metadata(&temporary))
        .and_then(|metadata| fs::rename(&temporary, path).map(|()| metadata));
    let metadata = placed.inspect_err(|_| {
        // Best effort; the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
    })?;
    Ok(Bound {
        listener,
        lock: Lock {
            _file: lock,
            socket: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
        },
    })
}

/// Takes `<socket>.lock`, and writes our pid into it for the message of whoever comes second.
fn lock(path: &Path) -> io::Result<File> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path.with_file_name(name))?;
    if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if errno != Errno::WOULDBLOCK {
            return Err(errno.into());
        }
        let mut pid = String::new();
        // A pid that cannot be read is left out.
        let _ = (&file).take(16).read_to_string(&mut pid);
        return Err(in_use(path, pid.trim()));
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Removes what is a dead socket of our own; whatever else is there is an error.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(refused(path, "exists and is no socket; move it away"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(
            path,
            "is another user's socket; choose another path",
        ));
    }
    match connect(path) {
        // Somebody listens and does not accept.
        Ok(()) | Err(Errno::AGAIN) => Err(in_use(path, "")),
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        Err(errno) => Err(errno.into()),
    }
}

/// Connects and lets go, without waiting: a container may write into the directory of its lease's socket, and a
/// listener there whose queue is full would keep a restarted daemon from everybody.
fn connect(path: &Path) -> Result<(), Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::net::connect(&socket, &address)
}

/// The mode of a socket's file comes from the umask, which cannot be changed for one thread; so it is
/// set after this. Meanwhile it is 0600 at most (the daemon's umask is 077).
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => {
            refused(path, "is too long for a socket; choose a shorter path")
        }
        _ => error,
    })?;
    // std asks for 128; listening again only changes that.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

pub(super) fn in_use(path: &Path, pid: &str) -> io::Error {
    let who = if pid.is_empty() {
        "another rolecalld".to_owned()
    } else {
        format!("another rolecalld (pid {pid})")
    };
    io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("{who} is serving this socket: {}", path.display()),
    )
}

pub(super) fn refused(path: &Path, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{} {what}", path.display()),
    )
}
