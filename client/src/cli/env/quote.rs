//! Lines that a shell evaluates.

use zeroize::Zeroizing;

use super::variables::Variables;

/// For sh, dash, bash, ksh and zsh. What shadows goes first.
pub(super) fn sh(variables: &Variables) -> Zeroizing<String> {
    lines(
        variables,
        |out, name| {
            out.push_str("unset ");
            out.push_str(name);
        },
        |out, name, value| {
            out.push_str("export ");
            out.push_str(name);
            out.push_str("='");
            // Within single quotes a POSIX shell knows no escapes: the quote itself is set outside.
            for character in value.chars() {
                match character {
                    '\'' => out.push_str("'\\''"),
                    _ => out.push(character),
                }
            }
            out.push('\'');
        },
    )
}

/// For fish, whose single quotes know `\'` and `\\`. A variable may be there in several scopes, of which `set -e`
/// erases the innermost alone; an outer one (a universal `AWS_PROFILE`) would come into force instead.
pub(super) fn fish(variables: &Variables) -> Zeroizing<String> {
    lines(
        variables,
        |out, name| {
            for part in ["while set -q ", name, "; set -e ", name, "; end"] {
                out.push_str(part);
            }
        },
        |out, name, value| {
            out.push_str("set -gx ");
            out.push_str(name);
            out.push_str(" '");
            for character in value.chars() {
                if matches!(character, '\'' | '\\') {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('\'');
        },
    )
}

pub(super) fn lines(
    variables: &Variables,
    unset: impl Fn(&mut String, &str),
    set: impl Fn(&mut String, &str, &str),
) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(variables.room()));
    for name in &variables.unset {
        unset(&mut out, name);
        out.push('\n');
    }
    for (name, value) in &variables.set {
        set(&mut out, name, value);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn one(value: &str) -> Variables {
        Variables {
            set: vec![("ROLECALL_TEST".to_owned(), Zeroizing::new(value.to_owned()))],
            unset: vec!["ROLECALL_GONE".to_owned()],
        }
    }

    fn installed(shell: &str) -> bool {
        let found = Command::new(shell)
            .args(["-c", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    }

    /// What `shell` has in the variable after it evaluated `lines`, and in one that is to be unset.
    fn evaluated(shell: &str, lines: &str) -> (String, String) {
        let script = match shell {
            "fish" => {
                "printf '%s' \"$argv[1]\" | source; printf '%s\\n%s.' \"$ROLECALL_GONE\" \"$ROLECALL_TEST\""
            }
            _ => "eval \"$1\"; printf '%s\\n%s.' \"$ROLECALL_GONE\" \"$ROLECALL_TEST\"",
        };
        let mut command = Command::new(shell);
        command.args(["-c", script]);
        if shell != "fish" {
            command.arg("name");
        }
        let output = command
            .arg(lines)
            .env("ROLECALL_GONE", "still here")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (gone, value) = text.split_once('\n').unwrap();
        (value.strip_suffix('.').unwrap().to_owned(), gone.to_owned())
    }

    #[track_caller]
    fn assert_survives(value: &str) {
        for shell in ["sh", "dash", "bash", "zsh", "ksh", "fish"] {
            if installed(shell) {
                let lines = match shell {
                    "fish" => fish(&one(value)),
                    _ => sh(&one(value)),
                };
                let expected = (value.to_owned(), String::new());
                assert_eq!(evaluated(shell, &lines), expected, "{shell}: {value:?}");
            }
        }
    }

    #[test]
    fn nasty_values_survive_every_installed_shell() {
        assert!(installed("sh"));
        for value in [
            "",
            "plain",
            "two words",
            "it's \"quoted\" `here`",
            "'''",
            "$(touch /tmp/x) $HOME ${PATH} `id` !! \\",
            "line one\nline two\n",
            "\\n \\' \\\\",
            "tab\tand ; & | < > * ? [a] {b,c} ~ # %",
            "zürich → 東京 \u{1f511}",
            "-n",
            "\r\n",
        ] {
            assert_survives(value);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_value_survives(value in "[\\x01-\\x7f]{0,40}|\\PC{0,20}") {
            assert_survives(&value);
        }
    }

    #[test]
    fn fish_forgets_a_variable_in_every_scope() {
        if !installed("fish") {
            return;
        }
        let home = tempfile::tempdir().unwrap();
        let script = "set -Ux ROLECALL_GONE outer; set -gx ROLECALL_GONE inner; \
                      printf '%s' \"$argv[1]\" | source; sh -c 'printf %s \"[$ROLECALL_GONE]\"'";
        let output = Command::new("fish")
            .args(["-c", script, &fish(&one("x"))])
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "[]");
    }

    #[test]
    fn fish_escapes() {
        assert_eq!(
            *fish(&one("a'b\\c")),
            "while set -q ROLECALL_GONE; set -e ROLECALL_GONE; end\nset -gx ROLECALL_TEST 'a\\'b\\\\c'\n"
        );
    }
}
