//! Reading and replacing files: whole or not at all, with a copy beside them, and all of them or none.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cli::escape;
use crate::cli::failure::Failure;

/// The largest file that is read: configurations are a thousandth of it.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A file's text, wiped after use: it may hold keys. None if there is no such file.
pub(super) type Text = Option<Zeroizing<String>>;

/// One file's change. No Debug: the texts may hold keys.
pub(super) struct Change {
    /// The file itself, links resolved.
    pub(super) path: PathBuf,
    /// As it is.
    pub(super) before: Text,
    /// As it is to be; None removes it.
    pub(super) after: Text,
}

/// The file that `path` leads to: a link to a configuration in a repository of dotfiles stays one.
pub(super) fn real_path(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        other => other,
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<Text, Failure> {
    let failed =
        |error: io::Error| Failure::caused(format!("cannot read {}", path.display()), &error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(Failure::new(format!(
            "{} is larger than 16 MiB",
            path.display()
        )));
    }
    // All the room at once: text that outgrew its buffer would leave keys behind.
    let room = usize::try_from(size).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let mut limited = (&mut file).take(MAX_FILE);
    limited.read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Lower-case hex SHA-256.
pub(super) fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Makes all changes, or, if one fails, none. `stamp` names the copies of the files as they were;
/// without one no copies are made. The copies' paths.
pub(super) fn write(changes: &[Change], stamp: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let mut copies = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if let Err(failure) = write_one(change, stamp, &mut copies) {
            return Err(roll_back(&changes[..index], failure));
        }
    }
    Ok(copies)
}

fn write_one(
    change: &Change,
    stamp: Option<&str>,
    copies: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    let path = &change.path;
    let current = read(path)?;
    if current != change.before {
        return Err(
            Failure::new(format!("{} was changed meanwhile", path.display())).hint("run it again"),
        );
    }
    let failed =
        |error: io::Error| Failure::caused(format!("cannot write {}", path.display()), &error);
    if let (Some(before), Some(stamp)) = (&change.before, stamp) {
        copies.push(copy(path, before, stamp).map_err(failed)?);
    }
    match &change.after {
        Some(after) => replace(path, after).map_err(failed),
        None => fs::remove_file(path).map_err(failed),
    }
}

/// Takes back what was done, as far as nobody else has changed it since.
fn roll_back(done: &[Change], failure: Failure) -> Failure {
    let mut failure = failure;
    for change in done.iter().rev() {
        let restored = read(&change.path)
            .and_then(|current| {
                if current == change.after {
                    Ok(())
                } else {
                    Err(Failure::new("it was changed meanwhile"))
                }
            })
            .and_then(|()| {
                let restored = match &change.before {
                    Some(before) => replace(&change.path, before),
                    None => fs::remove_file(&change.path),
                };
                restored.map_err(|error| Failure::caused("the system refuses", &error))
            });
        if let Err(error) = restored {
            let path = escape::line(&change.path.to_string_lossy());
            let _ = write!(
                failure.message,
                "; {path} could not be put back: {}",
                error.message
            );
        }
    }
    failure
}

/// `config.before-rolecall-20260101T000000Z` beside the file, with its mode and owner.
fn copy(path: &Path, text: &str, stamp: &str) -> io::Result<PathBuf> {
    let metadata = fs::metadata(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut attempt = 1;
    loop {
        let suffix = match attempt {
            1 => String::new(),
            more => format!("-{more}"),
        };
        let copy = path.with_file_name(format!("{name}.before-rolecall-{stamp}{suffix}"));
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&copy);
        let mut file = match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
                continue;
            }
            other => other?,
        };
        take_over(&file, &metadata)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        return Ok(copy);
    }
}

/// Puts `text` in the place of the file in one step, with the file's mode and owner; a new file is
/// readable by its owner alone.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::NotFound)?;
    create_directory(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".rolecall-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    match fs::metadata(path) {
        Ok(metadata) => take_over(file.as_file(), &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself must outlive a power cut, too.
    File::open(directory)?.sync_all()
}

/// Mode 0700, parents too.
pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

fn take_over(file: &File, from: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (from.uid(), from.gid()) {
        let uid = rustix::fs::Uid::from_raw(from.uid());
        let gid = rustix::fs::Gid::from_raw(from.gid());
        rustix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(from.mode() & 0o777))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
