//! `rolecall env` in real shells.

use std::process::Command;

use rolecall_tests::harness::{World, eventually, is_root, profiles, run};
use serde_json::Value;

use crate::ways::assert_is;

/// A shell that leads a session of its own, as a terminal's does.
fn session(world: &World, shell: &str, script: &str) -> Command {
    let mut command = world.command("setsid");
    command.args(["--wait", shell, "-c", script]);
    command
}

/// How a shell takes over what `rolecall env` prints.
const SHELLS: [(&str, &str); 4] = [
    ("sh", "eval \"$(rolecall env dev)\""),
    ("bash", "eval \"$(rolecall env dev)\""),
    ("zsh", "eval \"$(rolecall env dev)\""),
    ("fish", "rolecall env --format fish dev | source"),
];

/// The shells that this machine has.
fn installed() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHELLS.into_iter().filter(|(shell, _)| {
        ["/bin", "/usr/bin", "/usr/local/bin"]
            .iter()
            .any(|directory| std::path::Path::new(directory).join(shell).exists())
    })
}

/// Runs `identity.py` in `shell` after `script`.
fn identity_after(world: &World, shell: &str, script: &str) -> Command {
    let python = world.python("identity.py");
    let words: Vec<_> = std::iter::once(python.get_program())
        .chain(python.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("text")))
        .collect();
    session(world, shell, &format!("{script}\n{}", words.join(" ")))
}

#[test]
fn a_shell_that_evaluates_it_has_the_role_until_it_ends() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    world.start();
    for (shell, take) in installed() {
        let mut command = identity_after(&world, shell, take);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAGARBAGEGARBAGE00")
            .env("AWS_SECRET_ACCESS_KEY", "garbage")
            .env("AWS_PROFILE", "nowhere");
        assert_is(&world, &mut command, profiles::DEV);
        eventually("the lease ends with the shell", || {
            world
                .get("/v1/leases")
                .json::<Vec<Value>>()
                .is_empty()
                .then_some(())
        });
    }
}

#[test]
fn a_shell_has_it_by_imds_too() {
    let mut world = World::new();
    world.start();
    let sdk = world.rust_sdk(&["once"]);
    let program = sdk.get_program().to_str().expect("text");
    for (shell, take) in installed() {
        let take = take.replace("env ", "env --imds ");
        let mut command = session(&world, shell, &format!("{take}\n'{program}' once"));
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAGARBAGEGARBAGE00")
            .env("AWS_SECRET_ACCESS_KEY", "garbage")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/");
        assert_is(&world, &mut command, profiles::DEV);
    }
}

/// What python-dotenv and a POSIX shell make of the lines is what they say; no reader needs quotes for them.
#[test]
fn dotenv_lines_work_where_they_are_sourced() {
    let mut world = World::new();
    world.start();
    let sdk = world.rust_sdk(&["once"]);
    let program = sdk.get_program().to_str().expect("text");
    let script = format!(
        "rolecall env --format dotenv dev > \"$HOME/dev.env\" && set -a && . \"$HOME/dev.env\" && '{program}' once"
    );
    assert_is(&world, &mut session(&world, "sh", &script), profiles::DEV);
    let file = world.read("home/dev.env");
    assert!(
        file.lines()
            .all(|line| line.contains('=') && !line.contains(['\'', '"', ' '])),
        "{file}"
    );
}

/// As in a shell that root's `su` or `sudo` started: its session's leader is root's.
#[test]
fn a_shell_in_another_user_s_session_has_it_too() {
    if !is_root() {
        return;
    }
    let mut world = World::new();
    world.start();
    let script = "eval \"$(rolecall env dev)\" && rolecall status --json";
    let status: Value = run(world.command("sh").args(["-c", script])).json();
    assert!(
        status["leases"][0]["scope"]
            .as_str()
            .is_some_and(|it| it.starts_with("process "))
    );
    eventually("the lease ends with the shell", || {
        world
            .get("/v1/leases")
            .json::<Vec<Value>>()
            .is_empty()
            .then_some(())
    });
}

#[test]
fn what_it_prints_holds_no_keys() {
    let mut world = World::new();
    world.start();
    let process: Value = world.rolecall(&["process", "dev"]).json();
    let printed = run(&mut session(&world, "sh", "rolecall env dev"));
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        let secret = process[name].as_str().expect("text");
        assert!(!printed.ok().contains(secret), "{name}");
    }
    let keys = run(&mut session(&world, "sh", "rolecall env --keys dev"));
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        let secret = process[name].as_str().expect("text");
        assert!(keys.ok().contains(secret), "{name}");
    }
}

#[test]
fn keys_work_and_unset_takes_everything_back() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    world.start();
    for (shell, take) in installed() {
        let keys = take.replace("env ", "env --keys ");
        assert_is(
            &world,
            &mut identity_after(&world, shell, &keys),
            profiles::DEV,
        );
        let unset = take.replace("env ", "env --unset ").replace(" dev", "");
        let both = format!("{take}\n{unset}\nenv");
        let left = run(&mut session(&world, shell, &both));
        let names = left.ok().lines().filter_map(|line| line.split_once('='));
        let ours: Vec<_> = names
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("AWS_CONTAINER") || name.ends_with("_FILE"))
            .collect();
        assert_eq!(ours, [""; 0], "{shell}");
    }
}
