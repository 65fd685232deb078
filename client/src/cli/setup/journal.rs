//! What `setup` did, kept so that it can be undone: `setup.json` in the state directory.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files;
use super::hunks::Replaced;
use crate::cli::failure::Failure;

/// Version of the file's form.
const VERSION: u32 = 1;

/// All runs that can be undone, oldest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) runs: Vec<Run>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            version: VERSION,
            runs: Vec::new(),
        }
    }
}

/// One run.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Run {
    /// When, in seconds since the epoch.
    pub(super) at: i64,
    /// The profiles it moved.
    pub(super) profiles: Vec<String>,
    /// What it changed, in that order.
    pub(super) files: Vec<Changed>,
}

/// What was done to one file. Holds the lines that were removed: definitions of profiles, no keys.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    /// The file itself, links resolved.
    pub(super) path: PathBuf,
    /// SHA-256 before; None if there was no file.
    pub(super) before: Option<String>,
    /// SHA-256 after.
    pub(super) after: String,
    /// In ascending order.
    pub(super) hunks: Vec<Replaced>,
    /// Not undone because a file that must be undone before it was not.
    #[serde(skip)]
    pub(super) waits: bool,
}

/// Where the journal lies.
pub(super) fn path() -> Result<PathBuf, Failure> {
    rolecall::path::state_directory(|name| std::env::var_os(name))
        .map(|directory| directory.join("setup.json"))
        .ok_or_else(|| {
            Failure::new("no place to remember what setup does: HOME is not set")
                .hint("set HOME or ROLECALL_STATE_DIR")
        })
}

/// Reads it; empty if there is none.
pub(super) fn load(path: &Path) -> Result<Journal, Failure> {
    let Some(text) = files::read(path)? else {
        return Ok(Journal::default());
    };
    let journal: Journal = serde_json::from_str(&text)
        .map_err(|error| Failure::caused(format!("cannot read {}", path.display()), &error))?;
    if journal.version != VERSION {
        return Err(Failure::new(format!(
            "{} is of version {}, this rolecall knows {VERSION}",
            path.display(),
            journal.version
        ))
        .hint("use the version of rolecall that wrote it"));
    }
    Ok(journal)
}

/// Writes it, mode 0600, in one step; removes it if nothing is left to undo.
pub(super) fn store(path: &Path, journal: &Journal) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::caused(
            format!("cannot remember in {} what setup does", path.display()),
            &error,
        )
    };
    if journal.runs.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    }
    let text = serde_json::to_string_pretty(journal)
        .map_err(|error| Failure::caused("cannot write JSON", &error))?;
    files::replace(path, &(text + "\n")).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn is_private_and_gone_when_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rolecall/setup.json");
        assert_eq!(load(&path).unwrap(), Journal::default());
        let journal = Journal {
            runs: vec![Run {
                at: 1,
                profiles: vec!["dev".to_owned()],
                files: vec![],
            }],
            ..Journal::default()
        };
        store(&path, &journal).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&path).unwrap(), journal);
        store(&path, &Journal::default()).unwrap();
        assert!(!path.exists());
        store(&path, &Journal::default()).unwrap();
    }

    #[test]
    fn another_version_is_not_guessed_at() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("setup.json");
        files::replace(&path, r#"{"version":2,"runs":[]}"#).unwrap();
        assert!(load(&path).is_err());
    }
}
