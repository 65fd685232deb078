//! Answers that are no success.

use http::StatusCode;
use rolecall::api::{Code, ConfigStatus, Problem, Severity};

use super::super::answer::Response;
use super::json;

/// The problem, with the status its code has.
pub(super) fn answer(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.status());
    with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem)
}

/// The problem, with another status.
pub(super) fn with_status(status: StatusCode, problem: &Problem) -> Response {
    json(status, problem)
}

pub(super) fn no_such_path() -> Problem {
    Problem {
        code: Code::NotFound,
        message: "no such path".to_owned(),
        hint: Some("docs/api.yaml lists what there is".to_owned()),
    }
}

pub(super) fn wrong_method(methods: &str) -> Problem {
    Problem {
        code: Code::MethodNotAllowed,
        message: "method not allowed".to_owned(),
        hint: Some(format!("this path takes {methods}")),
    }
}

pub(super) fn bad_parameter(name: &str, expected: &str) -> Problem {
    Problem {
        code: Code::BadRequest,
        message: format!("the parameter `{name}` is wrong: {expected}"),
        hint: None,
    }
}

/// With the nearest name there is.
pub(super) fn unknown_role<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`rolecall roles` lists the roles there are".to_owned(),
    };
    Problem {
        code: Code::UnknownRole,
        message: format!("no role is called `{}`", name.escape_debug()),
        hint: Some(hint),
    }
}

/// Why the files as they are now cannot be asked about `name`; None if they are in force.
pub(super) fn not_loadable(name: &str, status: &ConfigStatus) -> Option<Problem> {
    if status.current {
        return None;
    }
    let error = status
        .problems
        .iter()
        .find(|problem| problem.severity == Severity::Error)?;
    let place = match (&error.file, error.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (file, _) => file.clone().unwrap_or_default(),
    };
    let parts = [place.as_str(), error.key.as_deref().unwrap_or_default(), &error.message];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(Problem {
        code: Code::Unusable,
        message: format!(
            "`{}` may be in a configuration that cannot be loaded: {}",
            name.escape_debug(),
            parts.join(": ")
        ),
        hint: Some(match &error.hint {
            Some(hint) => hint.clone(),
            None => "`rolecall config check` shows everything that is wrong".to_owned(),
        }),
    })
}

/// The known name with the fewest edits to `name`, if they are few: at most a third of its length.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    known
        .map(|other| (edits(name, other), other))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, other)| other)
}

/// Edit distance where a swap of neighbours is one edit, as people mistype.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let width = b.len() + 1;
    let mut before_last = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; width];
        for j in 1..width {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use rolecall::api::ConfigProblem;

    use super::*;

    #[test]
    fn the_hint_names_what_was_probably_meant() {
        let known = ["dev", "prod", "prod-admin"];
        for (asked, meant) in [
            ("dve", Some("dev")),
            ("DEV", Some("dev")),
            ("prd", Some("prod")),
            ("prod-amdin", Some("prod-admin")),
            ("staging", None),
            ("x", None),
        ] {
            assert_eq!(nearest(asked, known.into_iter()), meant, "{asked}");
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_loaded_is_named_with_its_place() {
        let mut status = ConfigStatus {
            files: vec!["/c.toml".to_owned()],
            loaded: "2026-01-01T00:00:00Z".to_owned(),
            current: true,
            problems: vec![ConfigProblem {
                severity: Severity::Error,
                file: Some("/c.toml".to_owned()),
                line: Some(3),
                key: Some("idle_afer".to_owned()),
                role: None,
                message: "no such key".to_owned(),
                hint: None,
            }],
        };
        assert_eq!(not_loadable("dev", &status), None);
        status.current = false;
        let problem = not_loadable("dev", &status).unwrap();
        assert_eq!(problem.code, Code::Unusable);
        assert!(problem.message.ends_with("/c.toml:3: idle_afer: no such key"));
    }

    #[test]
    fn names_from_outside_cannot_write_lines() {
        let problem = unknown_role("a\u{1b}[31m\nb", std::iter::empty());
        assert!(!problem.message.contains(['\u{1b}', '\n']));
    }
}
