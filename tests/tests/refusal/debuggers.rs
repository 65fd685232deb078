//! The daemon's memory is nobody's business, not even that of its own user.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use rolecall_tests::harness::{Finished, PATIENCE, Signal, World, eventually, run, until};
use rustix::process::{Pid, kill_process};

/// Runs a line of shell as the daemon's own user, with its process id in `$0`.
fn shell(world: &World, script: &str) -> Finished {
    run(world
        .command("sh")
        .args(["-c", script, &world.pid().to_string()]))
}

#[test]
fn the_same_user_cannot_look_into_it() {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    for script in [
        "cat /proc/$0/environ",
        "cat /proc/$0/maps",
        ": < /proc/$0/mem",
        "ls /proc/$0/fd",
    ] {
        let finished = shell(&world, script);
        assert_ne!(finished.code(), Some(0), "{script}");
        assert!(finished.stderr.contains("denied"), "{script}: {finished:?}");
    }
    if Path::new("/usr/bin/gcore").exists() {
        let finished = shell(&world, "gcore -o \"$HOME/core\" $0");
        assert_ne!(finished.code(), Some(0), "{finished:?}");
        let left = fs::read_dir(world.path("home")).expect("a home");
        let names = left.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        assert!(!names.into_iter().any(|name| name.starts_with("core")));
    }
    world.rolecall(&["process", "dev"]).ok();
}

#[test]
fn a_developer_may_allow_it() {
    let mut world = World::new();
    world.try_start(&["--allow-dump"]).expect("it starts");
    let finished = shell(&world, "cat /proc/$0/environ");
    assert!(
        finished.ok().contains("AWS_ENDPOINT_URL_STS"),
        "{finished:?}"
    );
    shell(&world, ": < /proc/$0/mem").ok();
}

/// How a daemon ends that `signal` ends, where cores are unlimited and there is a place for one.
fn end_by(signal: Signal, arguments: &[&str]) -> ExitStatus {
    let world = World::new();
    let daemon = world.daemon_command();
    let mut command = world.command("sh");
    command
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .args(arguments)
        .current_dir(world.path("home"))
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it can be started");
    eventually("it answers", || {
        (world.rolecall(&["status"]).code() == Some(0)).then_some(())
    });
    let pid = Pid::from_child(&child);
    // Rust takes the first SEGV for a possible overflow of the stack, and then steps out of the way.
    let end = until(PATIENCE, || {
        kill_process(pid, signal).expect("a child");
        child.try_wait().expect("a child")
    });
    if end.is_none() {
        child.kill().expect("a child");
    }
    end.expect("it ends")
}

#[test]
fn a_crash_leaves_no_core() {
    for signal in [Signal::ABORT, Signal::SEGV] {
        let status = end_by(signal, &[]);
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(!status.core_dumped(), "{signal:?}");
    }
    // The same place would have had one: if not, the above has shown nothing.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if !pattern.starts_with(['/', '|']) {
        assert!(
            end_by(Signal::ABORT, &["--allow-dump"]).core_dumped(),
            "{pattern}"
        );
    }
}
