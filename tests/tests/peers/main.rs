//! Whom the ledger names, when processes end, hand their connections on, and live in namespaces of their own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails; what is skipped is said"
)]

mod namespaces;
mod races;

use std::process::{Command, Stdio};

use rolecall_tests::harness::{PATIENCE, World, run_within};
use serde_json::Value;

/// Runs an ignored test of this program in a pid namespace of its own, where pids can be chosen: with root or user
/// namespaces. None where there are neither.
fn in_own_pids(test: &str) -> Option<Command> {
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let make = |way: &[&str], line: &str| {
        let mut command = Command::new("unshare");
        command
            .args(way)
            .args(["--pid", "--fork", "--mount-proc", "sh", "-c", line, "sh"]);
        command
    };
    let works = |way: &&&[&str]| {
        let tried = make(way, "true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        assert!(
            std::env::var_os("ROLECALL_TEST_COMPLETE").is_none(),
            "no pid namespace can be made"
        );
        eprintln!("skipped: no pid namespace can be made");
        return None;
    };
    // The programs are built here, by the first world, however long that takes.
    drop(World::new());
    // The shell is the namespace's first process, and so takes in orphans.
    let mut command = make(way, "\"$@\"; exit $?");
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg(test);
    Some(command)
}

/// Runs it, which takes a daemon's start on a busy machine, to its good end.
fn succeeds(mut command: Command) {
    run_within(&mut command, PATIENCE * 3).ok();
}

/// The records of serves.
fn serves(world: &World) -> Vec<Value> {
    let mut records = world.ledger();
    records.retain(|record| record["event"] == "serve");
    records
}
