//! The file that is written: opened with suspicion, appended to, repaired, rotated.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::query::{Backwards, is_record, last_seq};
use super::rotate;

/// Where lines go. A trait so that the writer can be tried against disks that fail.
pub(super) trait Disk: Send {
    /// Sees to it that `length` bytes can be appended: opens the file if need be, or makes a new one
    /// when it has grown too large. Says what it met if it opened a file.
    fn ready(&mut self, length: usize) -> io::Result<Option<Opened>>;

    /// Appends whole lines; after an error none of them is in the file, or the next `ready` says torn.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Returns when everything appended is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// What opening the file met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// The last record's number, older files included.
    pub(super) last_seq: u64,
    /// The last line had been cut short; it is ended now.
    pub(super) torn: bool,
    /// The file we wrote had been removed or replaced.
    pub(super) replaced: bool,
}

/// `ledger.jsonl` and its older files.
#[derive(Debug)]
pub(super) struct LedgerFile {
    path: PathBuf,
    limit: u64,
    /// Held for writing while files are renamed, so that readers open a consistent set.
    renaming: Arc<RwLock<()>>,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    device: u64,
    inode: u64,
    size: u64,
}

impl LedgerFile {
    pub(super) fn new(path: PathBuf, limit: u64, renaming: Arc<RwLock<()>>) -> Self {
        Self {
            path,
            limit,
            renaming,
            open: None,
        }
    }

    /// Whether the path still leads to the file that is open.
    fn is_current(&self, open: &OpenFile) -> bool {
        std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (open.device, open.inode))
    }

    fn open(&mut self) -> io::Result<Opened> {
        let file = open_checked(&self.path)?;
        let metadata = file.metadata()?;
        let mut open = OpenFile {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            file,
        };
        let last_seq = last_seq(rotate::open_all(&self.path)?)?;
        let mut torn = false;
        if open.size > 0 && !ends_with_newline(&open)? {
            let last = Backwards::new(open.file.try_clone()?)?.next()?;
            torn = !last.is_some_and(|line| is_record(&line));
            open.append(b"\n")?;
        }
        self.open = Some(open);
        Ok(Opened {
            last_seq,
            torn,
            replaced: false,
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        {
            let _renaming = self
                .renaming
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            rotate::rotate(&self.path)?;
            self.open = None;
        }
        self.open()?;
        Ok(())
    }
}

impl Disk for LedgerFile {
    fn ready(&mut self, length: usize) -> io::Result<Option<Opened>> {
        let mut met = None;
        let replaced = self
            .open
            .as_ref()
            .is_some_and(|open| !self.is_current(open));
        if replaced {
            self.open = None;
        }
        if self.open.is_none() {
            met = Some(Opened {
                replaced,
                ..self.open()?
            });
        }
        let size = self.open.as_ref().map_or(0, |open| open.size);
        if size > 0 && size.saturating_add(length as u64) > self.limit {
            let done = self.rotate();
            if let (Err(error), Some(_)) = (&done, &self.open) {
                // A file that grows too large is better than records nobody writes.
                tracing::warn!(%error, "the ledger's files could not be renamed");
                self.limit = self.limit.saturating_add(size);
            } else {
                done?;
            }
        }
        Ok(met)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let done = open.append(lines);
        if done.is_err() {
            // Take back what got in of the lines. If that fails too, opening it again ends the torn line;
            // what was appended before must not be forgotten with the descriptor.
            if open.file.set_len(open.size).is_err() {
                let _ = open.file.sync_data();
                self.open = None;
            }
        }
        done
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        let done = open.file.sync_data();
        if done.is_err() {
            self.open = None;
        }
        done
    }
}

impl OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

/// Opens or makes the file: 0600, ours, a plain file, no symbolic link.
fn open_checked(path: &Path) -> io::Result<File> {
    let options = |new: bool| {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .append(true)
            .create_new(new)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        options
    };
    let opened = match options(false).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = path.parent().unwrap_or(Path::new("/"));
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
            let file = options(true).open(path)?;
            // Or a crash could take the new name away with everything under it.
            File::open(directory)?.sync_all()?;
            file
        }
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(io::Error::other(
                "it is a symbolic link (hint: move the link away)",
            ));
        }
        other => other?,
    };
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(
            "it is not a plain file (hint: move it away)",
        ));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(
            "it belongs to another user (hint: move it away)",
        ));
    }
    if metadata.mode() & 0o777 != 0o600 {
        opened.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(opened)
}

fn ends_with_newline(open: &OpenFile) -> io::Result<bool> {
    let mut last = [0];
    open.file.read_exact_at(&mut last, open.size - 1)?;
    Ok(last == *b"\n")
}
