//! Reading configuration files safely, and noticing that they have changed.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall::api::ConfigProblem;
use zeroize::Zeroizing;

use super::problem::{Fault, Place, warning};
use super::system;
use crate::clock::Timestamp;

/// No configuration file is larger; a device that never ends would be.
const MAX_BYTES: u64 = 4 << 20;

/// What the files looked like when they were read: device, inode, size, modification and change time
/// of every one, or that it was absent. An edit that keeps size and modification time still moves the
/// change time, which no program can set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<(PathBuf, State)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Unreadable,
    Present {
        device: u64,
        inode: u64,
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self::Present {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn now(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Ok(metadata) => Self::of(&metadata),
            Err(error) if is_absent(&error) => Self::Absent,
            Err(_) => Self::Unreadable,
        }
    }
}

impl Stamps {
    /// Whether a file has come, gone or changed since.
    pub fn changed(&self) -> bool {
        self.0
            .iter()
            .any(|(path, state)| State::now(path) != *state)
    }

    /// Whether a file changed less than `age` before `now`: it may be in the middle of being written.
    pub fn younger_than(&self, age: Duration, now: Timestamp) -> bool {
        self.0.iter().any(|(_, state)| {
            let State::Present {
                changed: (seconds, nanoseconds),
                ..
            } = state
            else {
                return false;
            };
            let changed = Timestamp::from_secs(*seconds)
                .plus(Duration::from_nanos((*nanoseconds).unsigned_abs()));
            changed <= now && now.since(changed) < age
        })
    }
}

/// Reads files one after another and remembers what they looked like.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) stamps: Stamps,
    pub(super) files: Vec<PathBuf>,
    pub(super) warnings: Vec<ConfigProblem>,
    /// Bits of a mode with which a file is not read.
    closed: u32,
}

impl Reader {
    /// For the system service, or for a user's daemon.
    pub(super) fn new(system: bool) -> Self {
        Self {
            closed: if system { system::OTHERS_WRITE } else { 0 },
            ..Self::default()
        }
    }

    /// The text of a file that holds keys: as [`Self::read`], and the system service reads none that
    /// everybody can.
    pub(super) fn read_keys(&mut self, path: &Path) -> Result<Option<Zeroizing<String>>, Fault> {
        let before = self.closed;
        if before != 0 {
            self.closed |= system::OTHERS_READ;
        }
        let text = self.read(path);
        self.closed = before;
        text
    }

    /// The file's text; None if there is no such file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no UTF-8, is too large, or belongs to another user (DESIGN rule 12;
    /// root's files are everybody's). One that others may write is read with a warning.
    pub(super) fn read(&mut self, path: &Path) -> Result<Option<Zeroizing<String>>, Fault> {
        let fault = |message: String| Fault::mistake(Place::new(path, None, ""), message);
        // Non-blocking, so that a FIFO nobody writes to does not hold the daemon up.
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(path)
            .and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.stamps.0.push((path.to_owned(), State::now(path)));
                return if is_absent(&error) {
                    Ok(None)
                } else {
                    Err(fault(format!("cannot be read: {error}")))
                };
            }
        };
        self.stamps.0.push((path.to_owned(), State::of(&metadata)));
        self.files.push(path.to_owned());
        let kind = metadata.file_type();
        if !kind.is_file() && !kind.is_char_device() {
            return Err(fault("is not a regular file".into()));
        }
        let owner = metadata.uid();
        if is_foreign(owner, rustix::process::geteuid().as_raw()) {
            return Err(fault(format!("belongs to another user (uid {owner})"))
                .hint("take it over with chown, or point rolecalld at a file of your own"));
        }
        if kind.is_file() && metadata.mode() & self.closed != 0 {
            let mode = metadata.mode() & 0o7777;
            let open = format!("is open to others (mode {mode:04o}), and not read so");
            let hint = format!("chmod {:04o} {}", mode & !self.closed, path.display());
            return Err(fault(open).hint(hint));
        }
        if kind.is_file() && metadata.mode() & 0o022 != 0 {
            self.warnings.push(warning(
                &Place::new(path, None, ""),
                &format!(
                    "others may write this file (mode {:04o}); whoever can decides whose credentials you get",
                    metadata.mode() & 0o7777
                ),
                Some(&format!("chmod go-w {}", path.display())),
            ));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            usize::try_from(metadata.size().min(MAX_BYTES)).unwrap_or(0) + 1,
        ));
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fault(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(fault("is larger than 4 MiB".into()));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
            Err(error) => {
                let line = line_of(&bytes, error.valid_up_to());
                Err(
                    Fault::mistake(Place::new(path, Some(line), ""), "is not UTF-8")
                        .hint("save it as UTF-8"),
                )
            }
        }
    }
}

/// Whether a file of `owner` tells a daemon of `uid` nothing: whoever owns it decides whose credentials
/// the daemon hands out. Root decides everything anyway.
fn is_foreign(owner: u32, uid: u32) -> bool {
    owner != 0 && owner != uid
}

/// The line, from 1, that a byte stands on.
pub(super) fn line_of(text: &[u8], offset: usize) -> u32 {
    let before = &text[..offset.min(text.len())];
    u32::try_from(before.split(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn put(path: &Path, bytes: &[u8]) {
        let mut file = File::create(path).unwrap();
        file.write_all(bytes).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn notices_files_that_come_change_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        let stamp = || {
            let mut reader = Reader::default();
            let _ = reader.read(&path);
            reader.stamps
        };
        let absent = stamp();
        assert!(!absent.changed());
        put(&path, b"one");
        assert!(absent.changed());
        let first = stamp();
        assert!(!first.changed());
        // Replaced by a file of the same size and modification time, as `cp -p` and editors do.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let other = directory.path().join("other");
        put(&other, b"two");
        File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(first.changed());
        let second = stamp();
        fs::remove_file(&path).unwrap();
        assert!(second.changed());
    }

    #[test]
    fn refuses_what_is_no_text_and_warns_about_writable_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        let mut reader = Reader::default();
        put(&path, b"[default]\nregion = \xff\n");
        let fault = reader.read(&path).unwrap_err();
        assert_eq!(fault.message, "is not UTF-8");
        assert_eq!(fault.place.unwrap().line, Some(2));
        assert_eq!(
            reader.read(directory.path()).unwrap_err().message,
            "is not a regular file"
        );
        assert!(reader.warnings.is_empty());
        put(&path, b"ok");
        fs::set_permissions(&path, Permissions::from_mode(0o662)).unwrap();
        assert_eq!(reader.read(&path).unwrap().unwrap().as_str(), "ok");
        assert!(reader.warnings[0].message.contains("mode 0662"));
        assert_eq!(
            reader
                .read(Path::new("/dev/null"))
                .unwrap()
                .unwrap()
                .as_str(),
            ""
        );
        assert!(
            reader
                .read(Path::new("/dev/zero"))
                .unwrap_err()
                .message
                .contains("4 MiB")
        );
    }

    #[test]
    fn only_our_own_files_and_root_s_are_believed() {
        for (owner, uid, foreign) in [
            (1000, 1000, false),
            (0, 1000, false),
            (0, 0, false),
            (1001, 1000, true),
            (1000, 0, true),
        ] {
            assert_eq!(is_foreign(owner, uid), foreign, "{owner} {uid}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        put(&path, b"ok");
        // Only root can give a file away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let fault = Reader::default().read(&path).unwrap_err();
            assert_eq!(fault.message, "belongs to another user (uid 12345)");
        }
    }

    #[test]
    fn a_fifo_nobody_writes_to_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
        let fault = Reader::default().read(&path).unwrap_err();
        assert_eq!(fault.message, "is not a regular file");
    }
}
