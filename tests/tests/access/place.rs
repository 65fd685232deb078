//! Programs in sessions of their own, with a terminal and without.

use std::process::Command;

use rolecall_tests::harness::{World, eventually};
use rolecall_tests::terminal::{self, Shown};
use serde_json::Value;

/// `[profile NAME]` for every role, as `rolecall setup` leaves it.
pub(crate) fn profiles(world: &World, roles: &[&str]) {
    let lines = roles.iter().map(|role| {
        format!(
            "[profile {role}]\nregion = eu-west-1\ncredential_process = rolecall process {role}\n\n"
        )
    });
    let base = "[profile base]\nregion = eu-central-1\n\n".to_owned();
    let text = std::iter::once(base).chain(lines).collect::<String>();
    world.write("home/.aws/config", &text);
}

/// `[roles.NAME]` of the role dev's IAM role, with more keys.
pub(crate) fn role(name: &str, more: &str) -> String {
    let arn = rolecall_tests::harness::profiles::DEV;
    format!("[roles.{name}]\nrole_arn = \"{arn}\"\nsource_profile = \"base\"\n{more}\n")
}

/// `command` in a session of its own, without a terminal.
pub(crate) fn apart(world: &World, command: &Command) -> Command {
    in_session(world, &["-w"], command)
}

/// `command` in a session of its own, whose terminal is its standard input.
pub(crate) fn in_terminal(world: &World, command: &Command) -> Command {
    in_session(world, &["-c", "-w"], command)
}

fn in_session(world: &World, options: &[&str], command: &Command) -> Command {
    let mut setsid = world.command("setsid");
    setsid
        .args(options)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => setsid.env(name, value),
            None => setsid.env_remove(name),
        };
    }
    setsid
}

/// A shell script of the user's, by its name in `tmp/`.
pub(crate) fn script(world: &World, name: &str, text: &str) -> Command {
    let place = format!("tmp/{name}");
    world.write(&place, text);
    let mut command = world.command("sh");
    command.arg(world.path(&place));
    command
}

/// Runs `rolecall` in a terminal that nobody else has.
#[track_caller]
pub(crate) fn in_another_terminal(world: &World, arguments: &[&str]) -> Shown {
    let mut command = world.command("rolecall");
    command.args(arguments);
    terminal::run(in_terminal(world, &command), "", || Ok(())).expect("a terminal")
}

/// The one question that is open; waits until `waiting` callers wait for it.
#[track_caller]
pub(crate) fn question(world: &World, waiting: u64) -> Value {
    eventually("a question", || {
        let open: Vec<Value> = world.get("/v1/challenges").json();
        match open.as_slice() {
            [only] if only["waiting"].as_u64() >= Some(waiting) => Some(only.clone()),
            _ => None,
        }
    })
}

/// The records of this kind, of which there are so many: waits for them to be written.
#[track_caller]
pub(crate) fn events<const COUNT: usize>(world: &World, event: &str) -> [Value; COUNT] {
    let found = || {
        let mut records = world.ledger();
        records.retain(|record| record["event"] == event);
        records
    };
    let records = eventually(event, || {
        Some(found()).filter(|records| records.len() >= COUNT)
    });
    <[Value; COUNT]>::try_from(records)
        .unwrap_or_else(|records| panic!("not {COUNT} of {event}: {records:#?}"))
}
