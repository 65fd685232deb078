//! The script behind an interpreter, and the shells that only carry a command.

use std::path::Path;

use super::process::file_name;

/// How an interpreter's own options are told from its script.
struct Interpreter {
    /// Options whose value is the next argument.
    with_value: &'static [&'static str],
    /// Options after which there is no script: the program is in the argument itself.
    inline: &'static [&'static str],
    /// Options that name the program instead of a file; kept with their value.
    named: &'static [&'static str],
    /// What follows the options is a class, not a file.
    class: bool,
}

const PYTHON: Interpreter = Interpreter {
    with_value: &["-W", "-X", "--check-hash-based-pycs"],
    inline: &["-c", "-"],
    named: &["-m"],
    class: false,
};
const SHELL: Interpreter = Interpreter {
    with_value: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
    inline: &["-c", "-s", "-"],
    named: &[],
    class: false,
};
const NODE: Interpreter = Interpreter {
    with_value: &[
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "-C",
        "--conditions",
        "--env-file",
    ],
    inline: &["-e", "--eval", "-p", "--print", "-i", "-"],
    named: &[],
    class: false,
};
const RUBY: Interpreter = Interpreter {
    with_value: &["-I", "-r", "-C", "-E"],
    inline: &["-e", "-"],
    named: &[],
    class: false,
};
const PERL: Interpreter = Interpreter {
    with_value: &["-I"],
    inline: &["-e", "-E", "-"],
    named: &[],
    class: false,
};
const JAVA: Interpreter = Interpreter {
    with_value: &[
        "-cp",
        "-classpath",
        "--class-path",
        "-p",
        "--module-path",
        "--upgrade-module-path",
        "--add-modules",
        "--add-opens",
        "--add-exports",
        "--add-reads",
        "--enable-native-access",
    ],
    inline: &[],
    named: &["-m", "--module"],
    class: true,
};

/// What the interpreter `exe` runs, as its arguments give it: a file, `-m module`, or a Java class. None
/// for other programs and for code on the command line (which might hold anything).
pub(super) fn of(exe: &Path, argv: &[&str]) -> Option<String> {
    let interpreter = interpreter(file_name(exe)?)?;
    let mut arguments = argv.iter().skip(1);
    while let Some(&argument) = arguments.next() {
        if argument == "--" {
            return arguments.next().map(|&script| script.to_owned());
        }
        if interpreter.class && argument == "-jar" {
            return arguments.next().map(|&jar| jar.to_owned());
        }
        if interpreter.named.contains(&argument) {
            return Some(format!("{argument} {}", arguments.next()?));
        }
        if interpreter.inline.contains(&argument) {
            return None;
        }
        if interpreter.with_value.contains(&argument) {
            arguments.next();
            continue;
        }
        if !argument.starts_with(['-', '+']) {
            return (!argument.is_empty()).then(|| argument.to_owned());
        }
        // The value may be part of the argument: `-Wignore`, `-rset`.
        let attached = argument
            .get(..2)
            .is_some_and(|option| interpreter.with_value.contains(&option));
        if attached {
            continue;
        }
        // Clustered one-letter options: `bash -ec`, `perl -ne`.
        let cluster = !interpreter.class && !argument.starts_with("--");
        let last = argument.chars().next_back().unwrap_or_default();
        if cluster
            && interpreter
                .inline
                .iter()
                .any(|option| is_letter(option, last))
        {
            return None;
        }
    }
    None
}

/// Whether this executable runs scripts.
pub(super) fn is_interpreter(exe: &Path) -> bool {
    let name = file_name(exe);
    name.is_some_and(|name| name == "busybox" || interpreter(name).is_some())
}

fn is_letter(option: &str, letter: char) -> bool {
    option.len() == 2 && option.ends_with(letter)
}

fn interpreter(name: &str) -> Option<&'static Interpreter> {
    if is_shell(name) {
        return Some(&SHELL);
    }
    // `python3.12`, `ruby3.1`, `perl5.36.0`
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => Some(&PYTHON),
        "node" | "nodejs" => Some(&NODE),
        "ruby" => Some(&RUBY),
        "perl" => Some(&PERL),
        "java" => Some(&JAVA),
        _ => None,
    }
}

fn is_shell(name: &str) -> bool {
    let shells = ["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"];
    shells.contains(&name)
}

/// Whether this executable's arguments have to be looked at to tell a bare `sh -c`.
pub(super) fn may_be_shell(exe: &Path) -> bool {
    file_name(exe).is_some_and(|name| is_shell(name) || name == "busybox")
}

/// Whether this is a bare `sh -c`: a shell that SDKs put between themselves and `credential_process`.
pub(super) fn is_bare_shell(exe: &Path, argv: &[&str]) -> bool {
    match (file_name(exe), argv) {
        (Some("busybox"), ["busybox", shell, "-c", ..]) => is_shell(shell),
        (Some("busybox"), [shell, "-c", ..]) => file_name(Path::new(shell)).is_some_and(is_shell),
        (Some(name), [_, "-c", ..]) => is_shell(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_scripts() {
        for (exe, argv, expected) in [
            ("python3.12", "python3 job.py --dev", Some("job.py")),
            ("python3", "python -u -W ignore ./a/b.py", Some("./a/b.py")),
            ("python3", "python -m pytest -x", Some("-m pytest")),
            ("python3", "python -c import-x a.py", None),
            ("python3", "python -Ic import-x a.py", None),
            ("python3", "python", None),
            ("python3", "python - a.py", None),
            ("pypy3", "pypy3 x.py", Some("x.py")),
            ("python3-config", "python3-config x.py", None),
            ("bash", "bash ./deploy.sh -c", Some("./deploy.sh")),
            ("bash", "/bin/bash -eu -o pipefail run", Some("run")),
            ("bash", "bash -c ls x", None),
            ("bash", "bash -ec ls x", None),
            ("bash", "-bash", None),
            ("dash", "sh -- -odd", Some("-odd")),
            ("node", "node --require ./a.js server.js", Some("server.js")),
            ("node", "node --max-old-space-size=4 s.js", Some("s.js")),
            ("node", "node -e code s.js", None),
            ("ruby3.1", "ruby -rtime x.rb", Some("x.rb")),
            ("ruby3.1", "ruby -we code x.rb", None),
            ("perl", "perl -w x.pl", Some("x.pl")),
            ("perl", "perl -ne code x.pl", None),
            ("java", "java -Xmx1g -jar app.jar y", Some("app.jar")),
            (
                "java",
                "java -cp a:b com.acme.Main y",
                Some("com.acme.Main"),
            ),
            ("terraform", "terraform apply x", None),
            ("python3.11 (deleted)", "python x.py", Some("x.py")),
        ] {
            let argv: Vec<_> = argv.split(' ').collect();
            let exe = format!("/usr/bin/{exe}");
            assert_eq!(of(Path::new(&exe), &argv).as_deref(), expected, "{argv:?}");
        }
    }

    #[test]
    fn tells_bare_shells() {
        for (exe, argv, expected) in [
            ("/usr/bin/dash", "sh -c x", true),
            ("/usr/bin/bash", "/bin/sh -c x", true),
            ("/usr/bin/zsh", "zsh -c x", true),
            ("/usr/bin/busybox", "sh -c x", true),
            ("/usr/bin/busybox", "/bin/ash -c x", true),
            ("/usr/bin/busybox", "busybox sh -c x", true),
            ("/usr/bin/busybox", "httpd -c x", false),
            ("/usr/bin/bash", "bash", false),
            ("/usr/bin/bash", "bash run -c", false),
            ("/usr/bin/python3", "python -c x", false),
            // The kernel's word counts, not the process's own.
            ("/usr/bin/evil", "sh -c x", false),
        ] {
            let argv: Vec<_> = argv.split(' ').collect();
            let exe = Path::new(exe);
            assert_eq!(is_bare_shell(exe, &argv), expected, "{argv:?}");
            assert!(may_be_shell(exe) || !expected, "{argv:?}");
        }
    }
}
