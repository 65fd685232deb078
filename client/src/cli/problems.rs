//! Problems of the configuration, as compilers show theirs.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use rolecall::api::{ConfigProblem, Severity};

use super::escape;

/// Each with its hint, for a person.
pub(crate) fn render(problems: &[ConfigProblem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let (word, color) = match problem.severity {
            Severity::Error => ("error", AnsiColor::Red),
            Severity::Warning => ("warning", AnsiColor::Yellow),
        };
        let style = Style::new().bold().fg_color(Some(color.into()));
        let _ = writeln!(
            text,
            "{}  {style}({word}){style:#}",
            escape::line(&problem.to_string())
        );
        if let Some(hint) = &problem.hint {
            let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
            let _ = writeln!(text, "  {cyan}hint:{cyan:#} {}", escape::line(hint));
        }
    }
    text
}

/// Whether one of them is an error.
pub(crate) fn has_error(problems: &[ConfigProblem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> ConfigProblem {
        ConfigProblem {
            severity: Severity::Error,
            file: Some("/home/a/.config/rolecall/config.toml".to_owned()),
            line: Some(12),
            key: Some("roles.prod.duration_seconds".to_owned()),
            role: Some("prod".to_owned()),
            message: "is 60, expected 900 to 43200".to_owned(),
            hint: Some("write\nanother".to_owned()),
        }
    }

    #[test]
    fn lines_are_clickable() {
        let full = "/home/a/.config/rolecall/config.toml:12: roles.prod.duration_seconds: is 60, expected 900 to 43200";
        assert_eq!(problem().to_string(), full);
        let plain = anstream::adapter::strip_str(&render(&[problem()])).to_string();
        assert_eq!(plain, format!("{full}  (error)\n  hint: write\\nanother\n"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut bare = problem();
        (bare.file, bare.line, bare.key) = (None, None, None);
        assert_eq!(bare.to_string(), "is 60, expected 900 to 43200");
    }
}
