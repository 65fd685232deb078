//! Answers that are no success.

use http::StatusCode;
use rolecall::api::{Code, ConfigProblem, Problem, Severity};

use super::super::access::Denial;
use super::super::answer::Response;
use super::json;
use crate::recipe::nearest;

/// The problem, with the status its code has.
pub(super) fn answer(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.status());
    with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem)
}

/// What was denied: 202 with the question for who can put it to a person, and else the problem (DESIGN, table
/// of answers).
pub(super) fn denied(denial: &Denial, can_prompt: bool) -> Response {
    match denial.challenge() {
        Some(open) if can_prompt => json(StatusCode::ACCEPTED, open),
        _ => answer(denial.problem()),
    }
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

/// The files cannot be loaded, so nobody knows whether there is such a role: the first mistake that is in
/// the way (DESIGN rule 12).
pub(super) fn not_loaded(name: &str, problems: &[ConfigProblem]) -> Problem {
    let errors = problems.iter().filter(|it| it.severity == Severity::Error);
    // That of the files, not of one of the roles.
    let first = errors.min_by_key(|error| error.role.is_some());
    let cause = first.map(|error| format!(": {error}"));
    Problem {
        code: Code::Unusable,
        message: format!(
            "no role is called `{}`, and the configuration cannot be loaded{}",
            name.escape_debug(),
            cause.unwrap_or_default()
        ),
        hint: Some(
            first
                .and_then(|error| error.hint.clone())
                .unwrap_or_else(|| "`rolecall config check` names every mistake".to_owned()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistake_in_the_way_is_named() {
        let problem = |role: Option<&str>, message: &str| ConfigProblem {
            severity: Severity::Error,
            file: Some("/c.toml".to_owned()),
            line: Some(3),
            key: None,
            role: role.map(str::to_owned),
            message: message.to_owned(),
            hint: None,
        };
        let problems = [problem(Some("a"), "of one role"), problem(None, "no TOML")];
        let told = not_loaded("dev", &problems);
        assert_eq!(told.code, Code::Unusable);
        assert_eq!(
            told.message,
            "no role is called `dev`, and the configuration cannot be loaded: /c.toml:3: no TOML"
        );
        assert!(not_loaded("dev", &[]).message.ends_with("cannot be loaded"));
    }

    #[test]
    fn names_from_outside_cannot_write_lines() {
        let problem = unknown_role("a\u{1b}[31m\nb", std::iter::empty());
        assert!(!problem.message.contains(['\u{1b}', '\n']));
    }
}
