//! What a crash leaves, and what a core has in it that somebody gets all the same.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use rolecall_tests::harness::{
    Canaries, PATIENCE, Running, Signal, World, eventually, is_root, profiles, run, until,
};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, kill_process};
use serde_json::Value;

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The machine has one pattern for all cores: who crashes a daemon or changes the pattern holds this.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A daemon that was told to crash.
struct Crashed {
    pid: u32,
    status: ExitStatus,
    canaries: Canaries,
}

/// Ends a daemon that holds sessions by `signal`, where cores are unlimited and there is a place for one.
fn crash(signal: Signal, arguments: &[&str]) -> Crashed {
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
    let canaries = sessions(&world);
    let pid = Pid::from_child(&child);
    // Rust takes the first SEGV for a possible overflow of the stack, and then steps out of the way.
    let end = until(PATIENCE, || {
        kill_process(pid, signal).expect("a child");
        child.try_wait().expect("a child")
    });
    if end.is_none() {
        child.kill().expect("a child");
    }
    Crashed {
        pid: child.id(),
        status: end.expect("it ends"),
        canaries,
    }
}

/// The secrets that a daemon holds which has issued a chain.
fn sessions(world: &World) -> Canaries {
    let mut canaries = Canaries::default();
    canaries.add("the long-term secret", profiles::ALICE_SECRET);
    for role in ["leaf", "hub"] {
        let session: Value = world.rolecall(&["process", role]).json();
        for field in ["SecretAccessKey", "SessionToken"] {
            let secret = session[field].as_str().expect("a text");
            canaries.add(&format!("{field} of {role}"), secret);
        }
    }
    canaries
}

#[test]
fn a_crash_leaves_no_core() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for signal in [Signal::ABORT, Signal::SEGV] {
        let status = crash(signal, &[]).status;
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(!status.core_dumped(), "{signal:?}");
    }
    // The same place would have had one: if not, the above has shown nothing.
    let pattern = fs::read_to_string(PATTERN).unwrap_or_default();
    if !pattern.starts_with(['/', '|']) {
        let status = crash(Signal::ABORT, &["--allow-dump"]).status;
        assert!(status.core_dumped(), "{pattern}");
    }
}

/// A program that the kernel hands cores to, as systemd-coredump and apport are; put back when dropped.
struct Handler {
    before: String,
    directory: PathBuf,
    // Other runs of these tests on this machine wait.
    _lock: File,
}

impl Handler {
    /// None where the pattern cannot be set.
    fn install() -> Option<Self> {
        let lock = File::create(std::env::temp_dir().join("rolecall-core-pattern.lock")).ok()?;
        flock(&lock, FlockOperation::LockExclusive).ok()?;
        let before = fs::read_to_string(PATTERN).ok()?;
        // What a run that was killed has left.
        let before = if before.contains("rolecall-cores") {
            "core\n".into()
        } else {
            before
        };
        let directory = tempfile::Builder::new()
            .prefix("rolecall-cores")
            .tempdir()
            .ok()?
            .keep();
        let handler = directory.join("handler");
        let script = format!(
            "#!/bin/sh\ncat > {0}/$1.part && mv {0}/$1.part {0}/$1\n",
            directory.display()
        );
        let mut file = File::create(&handler).ok()?;
        std::io::Write::write_all(&mut file, script.as_bytes()).ok()?;
        file.set_permissions(Permissions::from_mode(0o755)).ok()?;
        let installed = Self {
            before,
            directory,
            _lock: lock,
        };
        put(&format!("|{} %P", handler.display())).ok()?;
        Some(installed)
    }

    fn core_of(&self, pid: u32) -> PathBuf {
        self.directory.join(pid.to_string())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        put(&self.before).expect("it could be set before");
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn put(pattern: &str) -> std::io::Result<()> {
    std::io::Write::write_all(
        &mut File::options().write(true).open(PATTERN)?,
        pattern.as_bytes(),
    )
}

#[test]
fn a_core_that_is_piped_is_none_and_would_hold_no_secret() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(handler) = is_root().then(Handler::install).flatten() else {
        eprintln!("{PATTERN} cannot be set: nothing tested");
        return;
    };
    let hardened = crash(Signal::ABORT, &[]);
    assert!(!hardened.status.core_dumped());

    // A daemon that may be dumped: its core arrives, and is searched.
    let dumped = crash(Signal::ABORT, &["--allow-dump"]);
    let arrived = until(PATIENCE, || {
        handler.core_of(dumped.pid).exists().then_some(())
    });
    if arrived.is_none() {
        // The kernel runs the handler outside of containers, where ours may not be.
        eprintln!("no core arrives at a handler here: nothing tested");
        return;
    }
    assert!(!handler.core_of(hardened.pid).exists());
    holds_no_secret(&handler.core_of(dumped.pid), &dumped.canaries);
}

/// Fails unless `core` is the daemon's and has none of its secrets in it.
fn holds_no_secret(core: &Path, canaries: &Canaries) {
    let core = fs::read(core).expect("root may read it");
    let mut planted = Canaries::default();
    planted.add("the access key id", profiles::ALICE_KEY);
    assert!(!planted.found_in(&core).is_empty(), "{} bytes", core.len());
    canaries.are_not_in("a core", core);
}

#[test]
fn a_core_that_root_takes_holds_no_secret() {
    if !is_root() || !Path::new("/usr/bin/gdb").exists() {
        eprintln!("needs root and gdb: nothing tested");
        return;
    }
    let mut world = World::new();
    world.start();
    let canaries = sessions(&world);
    let mut holder = world.command("rolecall");
    holder.args(["exec", "dev", "--", "cat"]);
    let _holder = Running::start(&mut holder);
    // What the connection to AWS has sent stays with it until it is closed: `memory.rs` waits for that.
    let core = world.path("core");
    let found = until(2 * PATIENCE, || {
        // As gcore does, but without reading what the compiler left for debuggers, which takes long.
        let mut gdb = Command::new("/usr/bin/gdb");
        gdb.args([
            "--readnever",
            "-nx",
            "-batch",
            "-p",
            &world.pid().to_string(),
            "-ex",
        ]);
        run(gdb.arg(format!("gcore {}", core.display()))).ok();
        let bytes = fs::read(&core).expect("a core");
        canaries.found_in(&bytes).is_empty().then_some(())
    });
    assert!(found.is_some(), "a secret in every core");
    holds_no_secret(&core, &canaries);
}
