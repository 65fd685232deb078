//! What is wrong, for scripts.

use rolecall::api::{Code, RoleState, Severity, Status};

/// Something that needs attention, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A person must answer something; nothing is broken.
    Person(String),
    /// Something does not work.
    Wrong(String),
}

impl Trouble {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Person(text) | Self::Wrong(text) => text,
        }
    }
}

/// Everything that needs attention. A role that cannot work as configured counts only through the
/// configuration's errors: a profile that needs what is not built yet is no trouble.
pub(super) fn troubles(status: &Status) -> Vec<Trouble> {
    let mut found = Vec::new();
    let errors = (status.config.problems.iter())
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| Trouble::Wrong(format!("config: {problem}")));
    found.extend(errors);
    if !status.config.current && found.is_empty() {
        found.push(Trouble::Wrong(
            "config: the files cannot be loaded; an older configuration is in force".to_owned(),
        ));
    }
    if status.lock.locked {
        let since = status.lock.since.as_deref().unwrap_or("some time");
        found.push(Trouble::Person(format!(
            "the doors are locked since {since}: rolecall unlock"
        )));
    }
    let questions = status.challenges.iter().map(|challenge| {
        let id = &challenge.id;
        Trouble::Person(format!("challenge {id}: {}", challenge.message))
    });
    found.extend(questions);
    for role in &status.roles {
        let state = match role.state {
            RoleState::Degraded => "cannot be renewed",
            RoleState::Failing => "has no session",
            _ => continue,
        };
        let (cause, person) = match &role.failure {
            Some(failure) => (failure.message.as_str(), failure.code == Code::PersonNeeded),
            None => ("no reason given", false),
        };
        let text = format!("role {}: {state}: {cause}", role.name);
        found.push(if person {
            Trouble::Person(text)
        } else {
            Trouble::Wrong(text)
        });
    }
    for door in &status.doors {
        if let Some(error) = &door.error {
            found.push(Trouble::Wrong(format!("door {}: {error}", door.address)));
        }
    }
    if let Some(error) = &status.ledger.error {
        found.push(Trouble::Wrong(format!(
            "ledger {}: {error}",
            status.ledger.file
        )));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    #[test]
    fn a_healthy_daemon_has_none() {
        assert_eq!(troubles(&fixture::healthy()), []);
    }

    #[test]
    fn every_kind_is_found() {
        let found = troubles(&fixture::status());
        let lines: Vec<_> = found.iter().map(Trouble::text).collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(
            found
                .iter()
                .any(|trouble| matches!(trouble, Trouble::Person(_)))
        );
    }
}
