//! The change, as a person reads it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::cli::escape;

/// Lines of context.
const CONTEXT: usize = 3;

/// A unified diff of one file, its secrets masked; None for a file that is not there.
pub(super) fn render(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let bold = Style::new().bold();
    let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let name = |text: Option<&str>| text.map_or("/dev/null".to_owned(), |_| escape::line(path));
    let mut out = format!(
        "{bold}--- {}{bold:#}\n{bold}+++ {}{bold:#}\n",
        name(old),
        name(new)
    );
    let diff = TextDiff::from_lines(old.unwrap_or_default(), new.unwrap_or_default());
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        let _ = writeln!(out, "{cyan}{}{cyan:#}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', Style::new().fg_color(Some(AnsiColor::Red.into()))),
                ChangeTag::Equal => (' ', Style::new()),
                ChangeTag::Insert => ('+', Style::new().fg_color(Some(AnsiColor::Green.into()))),
            };
            let text = change.value();
            let line = mask(text.trim_end_matches(['\n', '\r']));
            let _ = writeln!(out, "{style}{sign}{}{style:#}", escape::line(&line));
            if !text.ends_with('\n') {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// A line of an INI or TOML file without what it must not show: values of secret keys, the end of an
/// external id (DESIGN rule 9), and the password in a proxy's address.
fn mask(line: &str) -> String {
    if let Some((key, value)) = line.split_once('=') {
        let name = key.trim().to_ascii_lowercase();
        let secret = ["secret", "session_token", "security_token", "password"];
        if secret.iter().any(|word| name.contains(word)) {
            return format!("{key}= ********");
        }
        if name == "external_id" {
            let value = value.trim().trim_matches(['"', '\'']);
            return format!("{key}= {}…", value.chars().take(4).collect::<String>());
        }
    }
    let Some((scheme, rest)) = line.split_once("://") else {
        return line.to_owned();
    };
    let host = rest
        .find(|character: char| character.is_whitespace() || "/\"'".contains(character))
        .unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://********{}", &rest[at..]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(old: Option<&str>, new: Option<&str>) -> String {
        anstream::adapter::strip_str(&render("/f", old, new)).to_string()
    }

    #[test]
    fn only_what_changes_is_shown_and_no_secret() {
        let old = "[base]\naws_access_key_id = AKIA1\naws_secret_access_key = hunter2\nAWS_SESSION_TOKEN=t0k\nrole_arn = r\n";
        let new = old.replace(
            "role_arn = r\n",
            "credential_process = /usr/bin/rolecall process dev\n",
        );
        insta::assert_snapshot!(plain(Some(old), Some(&new)));
    }

    #[test]
    fn new_and_removed_files() {
        assert_eq!(
            plain(None, Some("a\n")),
            "--- /dev/null\n+++ /f\n@@ -0,0 +1 @@\n+a\n"
        );
        assert_eq!(
            plain(Some("a"), None),
            "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn masks() {
        for (line, shown) in [
            ("aws_secret_access_key=x", "aws_secret_access_key= ********"),
            ("  client_secret = x", "  client_secret = ********"),
            (
                "HTTPS_PROXY = \"http://u:p@proxy:1/\"",
                "HTTPS_PROXY = \"http://********@proxy:1/\"",
            ),
            ("url = https://host/a@b", "url = https://host/a@b"),
            ("external_id = \"4711-0815\"", "external_id = 4711…"),
            ("region = eu", "region = eu"),
        ] {
            assert_eq!(mask(line), shown);
        }
    }
}
