//! Facts about real processes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::peer::{descends_from, process, spawn};

/// A child that is ended with the test.
struct Running(Child);

impl Running {
    /// Starts `command` and waits until it says so: its line of output proves that exec is over.
    fn start(command: &mut Command) -> Self {
        use std::io::{BufRead, BufReader};

        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "up\n");
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    use std::io::Write;

    let path = directory.join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o700))
        .unwrap();
    path
}

#[test]
fn knows_this_process() {
    let own = process(std::process::id()).unwrap();
    assert_eq!(own.exe, std::env::current_exe().ok());
    assert_eq!(own.cwd, std::env::current_dir().ok());
    assert_eq!(own.uid, rustix::process::geteuid().as_raw());
    assert_eq!(own.gid, rustix::process::getegid().as_raw());
    assert_eq!(
        Some(own.ppid),
        rustix::process::getppid().map(|pid| pid.as_raw_pid().cast_unsigned())
    );
    assert_eq!(own.argv0, std::env::args().next());
    assert_eq!(own.script, None);
    assert!(own.cgroup.is_some_and(|path| path.starts_with('/')));
    assert_eq!(own.namespaces, Some(vec![]));
}

#[test]
fn either_way_of_pinning_tells_the_same() {
    let running = Running::start(Command::new("/bin/sh").args(["-c", "echo up; read line"]));
    let pid = running.0.id();
    let handles = [
        Handle::open(pid).unwrap(),
        Handle::open_directory(pid).unwrap(),
    ];
    let [one, other] = &handles;
    assert_eq!((one.link(), one.gid()), (other.link(), other.gid()));
    assert_eq!(one.link().ppid, std::process::id());
    assert_eq!(one.facts().unwrap(), other.facts().unwrap());
    assert_eq!(one.ancestor(), other.ancestor());
    assert_eq!(one.unchanged(), Some(one.link()));
    assert_eq!(other.unchanged(), Some(one.link()));
    drop(running);
    for handle in &handles {
        assert!(!handle.runs() && handle.unchanged().is_none() && handle.ppid().is_none());
        assert!(handle.facts().is_none() && handle.ancestor().is_none());
    }
}

#[test]
fn knows_the_script_behind_bash_and_python() {
    let directory = tempfile::tempdir().unwrap();
    let bash = "#!/bin/sh\necho up\nread line\n";
    let python = "#!/usr/bin/python3\nprint('up', flush=True)\ninput()\n";
    for (name, text, interpreter) in [
        ("deploy.sh", bash, "/bin/sh"),
        ("job.py", python, "/usr/bin/python3"),
    ] {
        let Ok(interpreter) = std::fs::canonicalize(interpreter) else {
            continue;
        };
        let path = script(directory.path(), name, text);
        let running = Running::start(Command::new(&path).current_dir("/").arg("x"));
        let facts = process(running.0.id()).unwrap();
        assert_eq!(facts.script.as_deref(), path.to_str());
        assert_eq!(facts.exe, Some(interpreter));
        assert_eq!(facts.cwd, Some("/".into()));
        assert_eq!(facts.ppid, std::process::id());
    }
}

#[test]
fn a_long_command_line_is_read_and_a_longer_one_is_cut_between_arguments() {
    for length in [10_000, 100_000] {
        let argument = "x".repeat(length);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo up; read line", "first", &argument, &argument]);
        let running = Running::start(&mut command);
        let handle = Handle::open(running.0.id()).unwrap();
        let arguments = arguments(handle.directory().unwrap());
        let argv: Vec<_> = arguments.split_terminator('\0').collect();
        let whole = if length == 10_000 { 6 } else { 5 };
        assert_eq!(argv.len(), whole);
        assert_eq!(argv[4], argument);
        assert!(handle.carries());
    }
}

#[test]
fn nothing_is_said_of_a_process_that_is_gone() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let handle = Handle::open(child.id()).unwrap();
    drop(child.stdin.take());
    // Wait for its end without collecting it: it stays behind as a zombie.
    let id = rustix::process::WaitId::Pid(rustix::process::Pid::from_child(&child));
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(id, options).unwrap();
    assert_eq!(process(child.id()), None, "a zombie");
    child.wait().unwrap();
    assert!(handle.facts().is_none() && !handle.runs());
    assert!(!handle.carries() && !handle.holds_socket(1));
    assert_eq!(process(child.id()), None);
    assert_eq!(process(u32::MAX), None);
}

#[test]
fn the_walk_sees_real_parents() {
    let running = Running::start(Command::new("/bin/sh").args(["-c", "echo up; read line"]));
    let own = std::process::id();
    let child = running.0.id();
    let handle = Handle::open(child).unwrap();
    let parent = Table.parent(&handle).unwrap();
    assert_eq!(parent.link().pid, own);
    assert!(handle.carries() && !parent.carries());
    assert!(descends_from(child, own));
    assert!(!descends_from(own, child));
}
