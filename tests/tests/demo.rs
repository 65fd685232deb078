//! `make demo` does what it shows (it checks that itself), and leaves nothing behind whatever happens.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rolecall_tests::harness::{Signal, World, eventually, run_within};
use rustix::process::{Pid, kill_process};

/// What it may take, after the build.
const LIMIT: Duration = Duration::from_mins(1);

/// The demo, with a directory of its own for temporary files.
struct Demo {
    temporary: tempfile::TempDir,
    // Its programs are built.
    _world: World,
}

impl Demo {
    fn new() -> Self {
        Self {
            temporary: tempfile::tempdir_in("/tmp").unwrap(),
            _world: World::new(),
        }
    }

    fn command(&self) -> Command {
        // Below a directory that the demo's own user may pass.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.temporary.path(), open).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.arg("--fast").env("TMPDIR", self.temporary.path());
        command
    }

    /// No file and no process of the demo is there any more.
    #[track_caller]
    fn left_nothing(&self) {
        let files: Vec<_> = std::fs::read_dir(self.temporary.path()).unwrap().collect();
        assert!(files.is_empty(), "left behind: {files:?}");
        let processes = processes_below(self.temporary.path());
        assert!(processes.is_empty(), "still running: {processes:?}");
    }
}

/// The command lines of all processes whose program is below `directory`.
fn processes_below(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| Path::new(line.split(' ').next().unwrap_or_default()).starts_with(directory))
        .collect()
}

#[test]
fn every_step_is_as_it_should_be_and_nothing_stays() {
    let demo = Demo::new();
    let finished = run_within(&mut demo.command(), LIMIT);
    let shown = finished.ok();
    assert!(finished.stderr.is_empty(), "{}", finished.stderr);
    for step in [
        "$ rolecall setup\n",
        "$ rolecall process dev\n",
        "$ curl --unix-socket ",
        "/latest/api/token",
        "$ rolecall exec dev -- ",
        "$ rolecall status\n",
        "AWS goes away",
        "AWS is back",
        "$ rolecall ledger tail",
        "$ rolecall setup --undo\n",
    ] {
        assert!(shown.contains(step), "no {step:?} in:\n{shown}");
    }
    // Neither colours in a pipe, nor anybody's secrets.
    assert!(!shown.contains('\x1b'), "colours in a pipe");
    assert!(!shown.contains("wJalrXUtnFEMI/K7MDENG"), "a secret");
    for line in shown
        .lines()
        .filter(|line| line.contains("\"SecretAccessKey\""))
    {
        assert!(line.contains("…\""), "a secret in full: {line}");
    }
    demo.left_nothing();
}

fn start(demo: &Demo) -> Child {
    demo.command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the demo's output until `text` has come.
fn read_until(child: &mut Child, text: &str) {
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let length = stdout.read(&mut piece).unwrap();
        assert!(
            length > 0,
            "ended before {text:?}: {}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&piece[..length]);
    }
    // Else the demo would end by the closed pipe.
    child.stdout = Some(stdout);
}

#[test]
fn interrupted_it_leaves_nothing() {
    let demo = Demo::new();
    let mut child = start(&demo);
    read_until(&mut child, "AWS goes away");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    demo.left_nothing();
}

#[test]
fn with_its_reader_gone_it_fails_and_leaves_nothing() {
    let demo = Demo::new();
    let mut child = start(&demo);
    read_until(&mut child, "The daemon reads them");
    drop(child.stdout.take());
    let status = eventually("the demo's end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    demo.left_nothing();
}
