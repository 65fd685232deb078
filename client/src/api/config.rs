//! Checking, reloading and changing the configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mistake in a configuration file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// `error` or `warning`.
    pub severity: Severity,
    /// The file, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The key or section, dotted: `roles.prod.duration_seconds`, `profile dev.role_arn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The role that does not work because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `file:line: key: message`, without what is not known.
impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            f.write_str(file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// How bad a [`ConfigProblem`] is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work because of it.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
}

/// `POST /v1/config/check`, answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConfigReport {
    /// The files read.
    pub files: Vec<String>,
    /// Names of the roles that can work.
    pub roles: Vec<String>,
    /// Everything found.
    pub problems: Vec<ConfigProblem>,
}

/// `POST /v1/reload`, answered (200 if it is in force now, 409 with the same body if the old
/// configuration stays).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// True if the new configuration is in force.
    pub applied: bool,
    /// Everything found.
    pub problems: Vec<ConfigProblem>,
    /// Roles that came, went or changed, one line each.
    pub changes: Vec<String>,
}

/// `POST /v1/config/setup`, asked: what would putting profiles behind rolecall change?
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SetupRequest {
    /// Profiles to move; all that can be moved if empty.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Absolute path of the client that the `credential_process` line names.
    pub client: String,
}

/// `POST /v1/config/setup`, answered. The daemon writes nothing: the client shows the change, asks,
/// and carries it out, so that a sandboxed daemon needs no right to write there.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SetupPlan {
    /// What to change, one entry a file, in the order to write them.
    pub edits: Vec<FileEdit>,
    /// Profiles that are moved.
    pub moved: Vec<String>,
    /// Profiles that are left alone, with the reason.
    pub skipped: Vec<SkippedProfile>,
}

/// A profile that `setup` leaves alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SkippedProfile {
    /// Its name.
    pub profile: String,
    /// Why.
    pub reason: String,
}

/// Changes to one file, as hunks of whole lines: everything outside them is kept byte for byte, and no
/// secret of the file travels.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct FileEdit {
    /// Absolute path, links resolved.
    pub path: String,
    /// Lower-case hex SHA-256 of the file the hunks were made for; absent if there was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// In ascending order of line, not overlapping.
    pub hunks: Vec<Hunk>,
}

/// One replaced run of lines.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// First line replaced, from 1; for a pure insertion the line before which it goes (one more than
    /// the number of lines appends).
    pub line: u32,
    /// How many lines are removed.
    pub remove: u32,
    /// What comes instead, with its line ends.
    pub insert: String,
}
