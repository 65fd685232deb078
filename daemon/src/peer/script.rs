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
        if interpreter.class || argument.starts_with("--") {
            continue;
        }
        match cluster(interpreter, argument) {
            Cluster::Program => return None,
            Cluster::Named(option, "") => {
                return Some(format!("-{option} {}", arguments.next()?));
            }
            Cluster::Named(option, name) => return Some(format!("-{option} {name}")),
            Cluster::ValueFollows => {
                arguments.next();
            }
            Cluster::Options => {}
        }
    }
    None
}

/// What one-letter options in one argument come to.
enum Cluster<'a> {
    /// Only options.
    Options,
    /// The value of the last of them is the next argument: `bash -eo pipefail`.
    ValueFollows,
    /// The program is here, or in the next argument: `bash -ec`, `perl -ne`, `python -cexit`.
    Program,
    /// The option that names the program, and the name if it is here: `python -umpytest`.
    Named(char, &'a str),
}

/// Reads `-abc` from the left: the first letter that takes a value takes the rest of the argument (`-Wignore`).
fn cluster<'a>(interpreter: &Interpreter, argument: &'a str) -> Cluster<'a> {
    let has = |options: &[&str], letter| options.iter().any(|option| is_letter(option, letter));
    for (at, letter) in argument.char_indices().skip(1) {
        let rest = &argument[at + letter.len_utf8()..];
        if has(interpreter.inline, letter) {
            return Cluster::Program;
        }
        if has(interpreter.named, letter) {
            return Cluster::Named(letter, rest);
        }
        if has(interpreter.with_value, letter) {
            let is_last = rest.is_empty();
            return if is_last {
                Cluster::ValueFollows
            } else {
                Cluster::Options
            };
        }
    }
    Cluster::Options
}

/// Other programs that run what they are told, whose arguments are not read here.
const OTHER_INTERPRETERS: [&str; 33] = [
    "awk", "beam.smp", "bun", "busybox", "csh", "deno", "dotnet", "elvish", "emacs", "erl",
    "expect", "fish", "gawk", "gdb", "gjs", "guile", "julia", "lua", "luajit", "make", "mawk",
    "mono", "nu", "octave", "php", "pwsh", "qjs", "R", "sbcl", "tclsh", "tcsh", "wish", "xonsh",
];

/// Whether this executable runs scripts, or any program: the dynamic linker does (ld.so(8)), and so does qemu.
pub(super) fn is_interpreter(exe: &Path) -> bool {
    let Some(name) = file_name(exe) else {
        return false;
    };
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    interpreter(name).is_some()
        || OTHER_INTERPRETERS.contains(&name)
        || OTHER_INTERPRETERS.contains(&stem)
        || ["ld-", "ld.so", "qemu-"]
            .iter()
            .any(|start| name.starts_with(start))
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
            // A program, and after it what looks like a script and is none.
            ("python3", "python -cexit() approved.py", None),
            ("python3", "python -Icexit() approved.py", None),
            ("python3", "python -mevil approved.py", Some("-m evil")),
            ("python3", "python -um evil approved.py", Some("-m evil")),
            ("python3", "python -uWignore a.py", Some("a.py")),
            ("python3", "python -uW ignore a.py", Some("a.py")),
            ("bash", "bash -ce evil approved.sh", None),
            ("bash", "bash -euo pipefail run", Some("run")),
            ("perl", "perl -eprint approved.pl", None),
            ("ruby3.1", "ruby -wecode approved.rb", None),
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
    fn what_runs_any_program_has_no_name_of_its_own() {
        for name in [
            "python3.12",
            "bash",
            "busybox",
            "php8.3",
            "lua5.4",
            "luajit-2.1",
            "fish",
            "mawk",
            "gawk-5.2.1",
            "R",
            "ld-linux-x86-64.so.2",
            "ld-2.31.so",
            "ld.so",
            "qemu-x86_64",
            "beam.smp",
            "deno (deleted)",
        ] {
            assert!(is_interpreter(&Path::new("/usr/bin").join(name)), "{name}");
        }
        for name in [
            "terraform",
            "aws",
            "ldconfig",
            "lumen",
            "phpunit",
            "makefile",
        ] {
            assert!(!is_interpreter(&Path::new("/usr/bin").join(name)), "{name}");
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
