//! How a mistake is told: where it stands, what was expected, what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use rolecall::api::{ConfigProblem, Severity};

use crate::recipe::Unusable;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file; None for the environment.
    pub(super) file: Option<PathBuf>,
    /// Line in the file, from 1.
    pub(super) line: Option<u32>,
    /// Dotted: `roles.prod.duration_seconds`, `profile dev.role_arn`.
    pub(super) key: String,
}

impl Place {
    /// A key in a file.
    pub(super) fn new(file: &Path, line: Option<u32>, key: impl Into<String>) -> Self {
        Self {
            file: Some(file.to_owned()),
            line,
            key: key.into(),
        }
    }

    /// A variable of the environment.
    pub(super) fn variable(name: &str) -> Self {
        Self {
            file: None,
            line: None,
            key: name.to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(file) = &self.file else {
            return write!(f, "environment variable {}", self.key);
        };
        write!(f, "{}", file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

/// Why something does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where.
    pub(super) place: Option<Place>,
    /// What was found and what was expected. Never a secret.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
    /// The files are right, but this version cannot do what they ask.
    pub(super) not_built: bool,
}

impl Fault {
    /// A mistake in the files.
    pub(super) fn mistake(place: Place, message: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            message: message.into(),
            hint: None,
            not_built: false,
        }
    }

    /// Something DESIGN has and this version has not.
    pub(super) fn not_built(place: Place, what: &str) -> Self {
        Self {
            place: Some(place),
            message: format!("{what} is not built yet, so this role is not served"),
            hint: None,
            not_built: true,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As the reason a role cannot work.
    pub(super) fn unusable(&self) -> Unusable {
        Unusable {
            reason: match &self.place {
                Some(place) => format!("{place}: {}", self.message),
                None => self.message.clone(),
            },
            hint: self.hint.clone(),
        }
    }

    /// As a line of `rolecall config check`: a mistake is an error, what is not built a warning.
    pub(super) fn problem(&self, role: Option<&str>) -> ConfigProblem {
        let severity = if self.not_built {
            Severity::Warning
        } else {
            Severity::Error
        };
        problem(
            severity,
            self.place.as_ref(),
            role,
            &self.message,
            self.hint.clone(),
        )
    }
}

/// A warning about a place.
pub(super) fn warning(place: &Place, message: &str, hint: Option<&str>) -> ConfigProblem {
    problem(
        Severity::Warning,
        Some(place),
        None,
        message,
        hint.map(str::to_owned),
    )
}

fn problem(
    severity: Severity,
    place: Option<&Place>,
    role: Option<&str>,
    message: &str,
    hint: Option<String>,
) -> ConfigProblem {
    ConfigProblem {
        severity,
        file: place
            .and_then(|place| place.file.as_ref())
            .map(|file| file.display().to_string()),
        line: place.and_then(|place| place.line),
        key: place
            .map(|place| place.key.clone())
            .filter(|key| !key.is_empty()),
        role: role.map(str::to_owned),
        message: message.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_it_knows() {
        let place = |line, key: &str| Place::new(Path::new("/c"), line, key).to_string();
        assert_eq!(place(Some(3), "a.b"), "/c:3: a.b");
        assert_eq!(place(None, "a.b"), "/c: a.b");
        assert_eq!(place(Some(3), ""), "/c:3");
        assert_eq!(place(None, ""), "/c");
        let variable = Place::variable("AWS_REGION").to_string();
        assert_eq!(variable, "environment variable AWS_REGION");
    }
}
