//! Files that are this user's alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use crate::secrets::Random;

/// Largest file that is read; ten thousand leases fit.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Writes `bytes` to `path`, all or nothing, mode 0600: a temporary file beside it, synced and renamed.
pub fn write(path: &Path, bytes: &[u8], random: &dyn Random) -> io::Result<()> {
    let temporary = beside(path, random);
    let written = create(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort; the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes the file `path`, which must not exist, mode 0600, with `bytes` in it, synced.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name beside `path` that nobody else uses.
pub fn beside(path: &Path, random: &dyn Random) -> PathBuf {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_le_bytes(bytes)));
    path.with_file_name(name)
}

/// The file's bytes; None if there is no such file. Refuses links, other owners' files and files that
/// others may write to.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || !is_ours(metadata.uid()) || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} is not a file of this user's alone; remove it",
                path.display()
            ),
        ));
    }
    if metadata.len() > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{} is larger than 16 MiB; remove it", path.display()),
        ));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes sure that `path` is a directory of this user's alone, making it and its parents where they
/// are missing. A link, another owner or a mode that lets others in is refused (threat T1).
pub fn directory(path: &Path) -> io::Result<()> {
    make(path)?;
    check(path, 0o077, "is open to other users; run chmod 0700 on it")
}

/// The same for a directory that everybody may look into and nobody else may change.
pub fn public_directory(path: &Path) -> io::Result<()> {
    if make(path)? {
        // The umask has taken these away.
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    check(
        path,
        0o022,
        "can be changed by other users; run chmod 0755 on it",
    )
}

/// The same for a directory of which others need to know a name inside: what another uid must reach.
pub fn directory_to_pass(path: &Path) -> io::Result<()> {
    if make(path)? {
        // The umask has taken these away.
        fs::set_permissions(path, fs::Permissions::from_mode(0o711))?;
    }
    check(
        path,
        0o022,
        "can be changed by other users; run chmod 0711 on it",
    )
}

/// Makes the directory and its parents; whether it was missing.
fn make(path: &Path) -> io::Result<bool> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses what is no directory of ours, or has one of the bits of `closed` in its mode.
fn check(path: &Path, closed: u32, hint: &str) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let refused = |what: &str| {
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} {what}", path.display()),
        )
    };
    let opened = open(path, flags, Mode::empty()).map_err(|errno| match errno {
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
            refused("is not a directory; remove it or choose another place")
        }
        errno => errno.into(),
    })?;
    let metadata = File::from(opened).metadata()?;
    if !is_ours(metadata.uid()) {
        return Err(refused("belongs to another user; choose another directory"));
    }
    if metadata.mode() & closed != 0 {
        return Err(refused(hint));
    }
    Ok(())
}

fn is_ours(uid: u32) -> bool {
    uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::secrets::SeededRandom;

    #[test]
    fn what_is_written_is_private_whole_and_readable_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        assert_eq!(read(&path).unwrap(), None);
        for bytes in [&b"one"[..], b"two, longer"] {
            write(&path, bytes, &SeededRandom::new(1)).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), bytes);
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_and_files_that_others_may_write_to_are_not_read() {
        let place = tempfile::tempdir().unwrap();
        let (path, link) = (place.path().join("file"), place.path().join("link"));
        write(&path, b"x", &SeededRandom::new(1)).unwrap();
        symlink(&path, &link).unwrap();
        assert!(read(&link).is_err());
        assert!(read(place.path()).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_public_directory_is_ours_to_change_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        public_directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
        for (mode, fits) in [(0o711, true), (0o700, true), (0o775, false), (0o757, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(public_directory(&path).is_ok(), fits, "{mode:o}");
        }
    }

    #[test]
    fn directories_are_made_private_and_open_ones_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/c");
        directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        directory(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(directory(&path).is_err());
        let link = place.path().join("link");
        symlink(place.path().join("a"), &link).unwrap();
        assert!(directory(&link).is_err());
        create(&place.path().join("file"), b"").unwrap();
        assert!(directory(&place.path().join("file")).is_err());
    }
}
