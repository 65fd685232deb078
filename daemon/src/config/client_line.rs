//! The line by which a profile stands for a role: `credential_process = /usr/bin/rolecall process dev`.

/// The role that a `credential_process` line of ours names; None if it runs another program.
pub(super) fn role(line: &str) -> Option<&str> {
    let mut words = line
        .split_ascii_whitespace()
        .map(|word| word.trim_matches(['"', '\'']));
    let program = words.next()?;
    if program.rsplit('/').next() != Some("rolecall") {
        return None;
    }
    let mut verb = words.next()?;
    while verb.starts_with('-') {
        if verb == "--socket" {
            words.next()?;
        }
        verb = words.next()?;
    }
    let role = words.next()?;
    (verb == "process" && words.next().is_none()).then_some(role)
}

/// Whether every SDK passes a line made with this client path on as it stands: an absolute path of
/// `[A-Za-z0-9._/-]` (client contract 97: quotes, blanks, `#` and `=` are each mangled by one).
pub(super) fn is_plain(client: &str) -> bool {
    client.starts_with('/')
        && client
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-'))
}

/// The line.
pub(super) fn of(client: &str, slug: &str) -> String {
    format!("{client} process {slug}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Client contract 97.
    #[test]
    fn knows_its_own_line() {
        for (line, expected) in [
            ("/usr/bin/rolecall process dev", Some("dev")),
            ("rolecall process x_my_20role", Some("x_my_20role")),
            ("\"/opt/a/rolecall\"  process 'dev'", Some("dev")),
            ("/usr/bin/rolecall --socket /run/x process dev", Some("dev")),
            ("/usr/bin/rolecall --socket=/run/x process dev", Some("dev")),
            ("/usr/bin/rolecall process dev more", None),
            ("/usr/bin/rolecall process", None),
            ("/usr/bin/rolecall env dev", None),
            ("/usr/bin/rolecall-old process dev", None),
            ("aws-vault export dev", None),
            ("", None),
        ] {
            assert_eq!(role(line), expected, "{line}");
        }
        assert_eq!(role(&of("/usr/bin/rolecall", "dev")), Some("dev"));
        assert!(
            is_plain("/usr/bin/rolecall") && !is_plain("/a b/rolecall") && !is_plain("rolecall")
        );
    }
}
