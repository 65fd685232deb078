//! `NAME=value` lines.
//!
//! There are as many dialects of such files as readers: docker's `--env-file` knows no quotes, compose expands
//! `$`, python-dotenv and systemd each have escapes of their own. So a line here is one that all of them and a
//! POSIX shell read alike: a value without blanks, quotes, `$`, `#`, backslashes and whatever else one of them
//! takes for more than itself. Pointers and keys are of that kind.

use zeroize::Zeroizing;

use super::super::failure::Failure;
use super::variables::Variables;

/// The lines that set. What is to be unset has no form that all readers know (an empty value is a value) and
/// is left out: such files begin an environment rather than change one.
pub(super) fn lines(variables: &Variables) -> Result<Zeroizing<String>, Failure> {
    let mut out = Zeroizing::new(String::with_capacity(variables.room()));
    for (name, value) in &variables.set {
        if let Some(character) = value.chars().find(|it| !is_plain(*it)) {
            return Err(Failure::new(format!(
                "the value of {name} has {character:?} in it, which dotenv readers do not agree on"
            ))
            .hint("use another --format"));
        }
        if value.is_empty() {
            return Err(Failure::new(format!(
                "{name} is to be empty, which dotenv readers do not agree on"
            ))
            .hint("use another --format"));
        }
        for part in [name.as_str(), "=", value.as_str(), "\n"] {
            out.push_str(part);
        }
    }
    Ok(out)
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "%*+,-./:=@_[]".contains(character)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn one(value: &str) -> Variables {
        Variables {
            set: vec![("A".to_owned(), Zeroizing::new(value.to_owned()))],
            unset: vec!["AWS_PROFILE".to_owned()],
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for value in [
            "", " a", "a b", "a#b", "$A", "'a'", "\"", "\\", "a\n", "`", "zürich", "!", "~", "{",
            ";", "\t",
        ] {
            assert!(lines(&one(value)).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_shell_reads_every_plain_character_as_it_stands() {
        let plain: String = (0..=127_u8)
            .map(char::from)
            .filter(|it| is_plain(*it))
            .collect();
        let text = lines(&one(&plain)).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(*text, format!("A={plain}\n"));
        let script = "set -a; eval \"$1\"; printf %s \"$A\"";
        let output = Command::new("sh")
            .args(["-c", script, "sh", &text])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), plain);
    }
}
