//! The Unix socket of one lease: nothing is removed that is not a dead socket of our own, and nothing is ever
//! replaced.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::unix::{in_use, listen, refused, remove_stale};
use crate::lease::private;
use crate::secrets::Random;

/// A lease's socket in its place; removed when dropped, if it is still the one that was put there.
#[derive(Debug)]
pub struct Placed {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for Placed {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if ours {
            // What cannot be removed answers nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds `path`: for this user alone, mode 0600 in a directory that is closed to others; or `for_another` uid,
/// mode 0666 in a directory that others cannot write to, where the peer's credentials decide who is served.
///
/// # Errors
///
/// Says what is in the way: a live socket, a file that is no socket, somebody else's, a directory that is open
/// to others.
pub fn lease_socket(
    path: &Path,
    for_another: bool,
    random: &dyn Random,
) -> io::Result<(UnixListener, Placed)> {
    let directory = path
        .parent()
        .filter(|_| path.is_absolute() && path.file_name().is_some())
        .ok_or_else(|| refused(path, "is no absolute path of a socket"))?;
    let mode = if for_another {
        private::directory_to_pass(directory)?;
        0o666
    } else {
        private::directory(directory)?;
        0o600
    };
    remove_stale(path)?;
    let temporary = private::beside(path, random);
    let listener = listen(&temporary)?;
    let placed = fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::symlink_metadata(&temporary))
        .and_then(|metadata| {
            renameat_with(CWD, &temporary, CWD, path, RenameFlags::NOREPLACE)?;
            Ok(Placed {
                path: path.to_owned(),
                identity: (metadata.dev(), metadata.ino()),
            })
        });
    let placed = placed.map_err(|error| {
        // Best effort; the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        match error.kind() {
            io::ErrorKind::AlreadyExists => in_use(path, ""),
            _ => error,
        }
    })?;
    Ok((listener, placed))
}

/// Removes the dead socket of a lease that ended while no daemon ran. What is something else stays.
pub fn remove_leftover(path: &Path) {
    if let Err(error) = remove_stale(path) {
        tracing::warn!(%error, "the socket of an ended lease is not removed");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::secrets::SeededRandom;

    fn bind(path: &Path, for_another: bool) -> io::Result<(UnixListener, Placed)> {
        lease_socket(path, for_another, &SeededRandom::new(7))
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn it_is_there_for_as_long_as_it_is_held() {
        let place = tempfile::tempdir().unwrap();
        for (for_another, modes) in [(false, (0o700, 0o600)), (true, (0o711, 0o666))] {
            let path = place.path().join(format!("{for_another}/dev.sock"));
            let held = bind(&path, for_another).unwrap();
            assert_eq!((mode(path.parent().unwrap()), mode(&path)), modes);
            UnixStream::connect(&path).unwrap();
            drop(held);
            assert!(!path.exists());
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        }
    }

    #[test]
    fn nothing_that_is_not_ours_is_touched() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let path = place.path().join("dev.sock");
        private::create(&path, b"a file").unwrap();
        assert!(bind(&path, false).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a file");
        fs::remove_file(&path).unwrap();

        let live = bind(&path, false).unwrap();
        let error = bind(&path, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        // Somebody put another one there meanwhile: dropping ours leaves it.
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(live);
        assert!(path.exists());
        drop(other);
        // A dead one of our own goes.
        drop(bind(&path, false).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_listener_that_accepts_nobody_holds_nothing_up() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let path = place.path().join("dev.sock");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        // Its queue has room for one, and for no more.
        let _first = UnixStream::connect(&path).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || said.send(bind(&path, false).map(drop)));
        let bound = heard.recv_timeout(std::time::Duration::from_mins(1));
        let error = bound.expect("it does not wait").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
    }

    #[test]
    fn the_directory_must_keep_others_out() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("d");
        private::directory(&directory).unwrap();
        for (mode, own, another) in [
            (0o700, true, true),
            (0o711, false, true),
            (0o755, false, true),
            (0o775, false, false),
            (0o777, false, false),
        ] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            let path = directory.join("s");
            assert_eq!(bind(&path, false).is_ok(), own, "{mode:o}");
            assert_eq!(bind(&path, true).is_ok(), another, "{mode:o}");
        }
        assert!(bind(Path::new("relative/s"), false).is_err());
        assert!(bind(Path::new("/"), false).is_err());
    }
}
