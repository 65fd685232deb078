//! Leases: what they narrow, who they are bound to, what they fence in, and how they end.

mod binding;
mod ending;
mod fence;
#[cfg(target_os = "linux")]
mod groups;
mod narrow;
mod own_socket;

use std::process::Command;

use rolecall_tests::harness::{Running, World, eventually};
use serde_json::Value;

/// A daemon, and nothing configured but the profiles.
fn serving() -> World {
    let mut world = World::new();
    world.start();
    world
}

/// `rolecall` with these words, and a shell with this script behind them.
fn shell(world: &World, words: &str, script: &str) -> Command {
    let mut command = world.command("rolecall");
    command.args(words.split(' '));
    command.args(["--", "sh", "-c", script]);
    command
}

/// Whether this machine has `curl`, the one program besides ours that a script asks with.
fn curl_is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|directory| directory.join("curl").exists());
    if !there {
        skipped("there is no curl");
    }
    there
}

/// Says why a test has nothing to do here.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should know")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn leases(world: &World) -> Vec<Value> {
    world.rolecall(&["lease", "list", "--json"]).json()
}

/// The only lease there is.
#[track_caller]
fn lease(world: &World) -> Value {
    match &leases(world)[..] {
        [lease] => lease.clone(),
        leases => panic!("not one lease: {leases:#?}"),
    }
}

/// The next lines of a program.
#[track_caller]
fn lines(running: &Running, count: usize) -> Vec<String> {
    eventually("its lines", || {
        let lines = running.lines();
        (lines.len() >= count).then_some(lines)
    })
}

/// The access key id in what `credential_process` prints.
#[track_caller]
fn key(text: &str) -> String {
    let credentials: Value = serde_json::from_str(text).expect("credentials");
    let key = credentials["AccessKeyId"].as_str();
    key.expect("an access key id").to_owned()
}
