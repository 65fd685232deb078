//! The units, booted: `tests/boot/run` starts a system in a container and looks at them there.

use std::process::Command;
use std::time::Duration;

use rolecall_tests::generated::root;
use rolecall_tests::harness::{World, run_within};

/// What `tests/boot/run` ends with where no such container can be had.
const SKIPPED: i32 = 77;

#[test]
fn the_units_work_in_a_system_of_their_own() {
    if std::env::var_os("ROLECALL_TEST_COMPLETE").is_none() {
        eprintln!("skipped: boots a container, which `make test` does");
        return;
    }
    let world = World::new();
    let mut boot = Command::new(root().join("tests/boot/run"));
    // Longer than the script gives the container.
    let finished = run_within(boot.arg(world.path("bin")), Duration::from_mins(5));
    if finished.code() == Some(SKIPPED) {
        println!("{}", finished.stdout);
        return;
    }
    assert_eq!(
        finished.code(),
        Some(0),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    assert!(!finished.stdout.contains("NOT OK"), "{}", finished.stdout);
}
