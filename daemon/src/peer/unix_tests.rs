//! Real clients on a real socket. The client is this test program under the name `rolecall`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::net::UnixListener;

use super::*;
use crate::peer::spawn;

const SOCKET: &str = "PEER_TEST_SOCKET";

/// The client's part: connects and stays until the other end closes.
#[test]
#[ignore = "run by the tests below, as a process of its own"]
fn connects() {
    let path = std::env::var_os(SOCKET).unwrap();
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

struct Rig {
    directory: tempfile::TempDir,
    listener: UnixListener,
}

impl Rig {
    fn new() -> Self {
        // Beside the test program, so that a hard link to it can be made.
        let own = std::env::current_exe().unwrap();
        let directory = tempfile::tempdir_in(own.parent().unwrap()).unwrap();
        fs::hard_link(&own, directory.path().join("rolecall")).unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        Self {
            directory,
            listener,
        }
    }

    /// The words of a shell command that runs the client.
    fn client(&self) -> String {
        let path = self.path("rolecall");
        let path = path.display();
        format!("{path} --ignored --exact peer::unix::tests::connects")
    }

    /// The client, started without a shell.
    fn direct(&self) -> Command {
        let words = self.client();
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o700))
            .unwrap();
        path
    }

    /// What is known about the one connection that `command` makes.
    async fn asked_by(&self, command: &mut Command) -> (Peer, Consumer) {
        let command = command
            .env(SOCKET, self.path("s"))
            .stdout(std::process::Stdio::null());
        let mut child = spawn(command);
        let (stream, _) = self.listener.accept().await.unwrap();
        let (peer, waiting) = waiting(&stream);
        let process = Some(waiting.complete());
        let uid = peer.uid;
        let client = waiting.peer();
        drop(stream);
        assert!(child.wait().unwrap().success());
        assert_eq!(waiting.peer().is_some(), client.is_some(), "read once");
        let peer = Peer {
            process: client,
            ..peer
        };
        (peer, Consumer { uid, process })
    }
}

fn waiting(stream: &UnixStream) -> (Peer, Waiting) {
    match of_unix(stream).unwrap() {
        (peer, Behind::Waiting(waiting)) => (peer, waiting),
        other => panic!("{other:?}"),
    }
}

/// What [`crate::peer::process`] tells besides the ancestors.
fn without_ancestors(process: &Process) -> Process {
    Process {
        ancestors: Vec::new(),
        ..process.clone()
    }
}

fn script_of(consumer: &Consumer) -> Option<&Path> {
    consumer.process.as_ref()?.script.as_deref().map(Path::new)
}

#[tokio::test]
async fn a_stranger_asks_for_itself() {
    let rig = Rig::new();
    let client = UnixStream::connect(rig.path("s")).await.unwrap();
    let (stream, _) = rig.listener.accept().await.unwrap();
    let (peer, waiting) = waiting(&stream);
    let own = crate::peer::process(std::process::id()).unwrap();
    assert_eq!(waiting.peer().as_ref(), Some(&own));
    let whole = waiting.complete();
    assert_eq!(without_ancestors(&whole), own);
    let parents: Vec<_> = whole.ancestors.iter().map(|it| it.pid).collect();
    if own.ppid > 1 {
        assert_eq!(parents.first(), Some(&own.ppid));
    }
    assert!(!parents.contains(&1) && parents.len() <= MOST_ANCESTORS);
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.attested, Attestation::Peercred);
    drop(client);
}

#[tokio::test]
async fn our_client_asks_for_its_parent() {
    let rig = Rig::new();
    let own = std::process::id();
    let (peer, consumer) = rig.asked_by(&mut rig.direct()).await;
    let client = peer.process.unwrap();
    assert_eq!(client.exe, Some(rig.path("rolecall")));
    assert_eq!((client.ppid, client.cwd), (own, None));
    // With all facts, though only the way to it was read at first.
    let process = consumer.process.as_ref().map(without_ancestors);
    assert_eq!(process, crate::peer::process(own));
    // `; true` keeps the shell from becoming the client.
    let line = format!("{}; true", rig.client());
    let mut behind_shell = Command::new("/bin/sh");
    let (_, consumer) = rig.asked_by(behind_shell.args(["-c", &line])).await;
    assert_eq!(consumer.process.unwrap().pid, own);
}

#[tokio::test]
async fn a_script_is_the_consumer_and_the_shell_it_starts_is_not() {
    let rig = Rig::new();
    let client = rig.client();
    let shell = format!("#!/bin/sh\nsh -c '{client}; true'\ntrue\n");
    let path = rig.script("deploy.sh", &shell);
    let (_, consumer) = rig.asked_by(&mut Command::new(&path)).await;
    assert_eq!(script_of(&consumer), Some(path.as_path()));
    assert_eq!(consumer.name(), "deploy.sh");

    if Path::new("/usr/bin/python3").exists() {
        let python = format!(
            "#!/usr/bin/env python3\nimport subprocess\nsubprocess.run('{client}; true', shell=True, check=True)\n"
        );
        let path = rig.script("job.py", &python);
        let (_, consumer) = rig.asked_by(&mut Command::new(&path)).await;
        assert_eq!(script_of(&consumer), Some(path.as_path()));
        assert_eq!(consumer.name(), "job.py");
    }
}

#[tokio::test]
async fn a_client_that_is_gone_is_unknown() {
    let rig = Rig::new();
    let mut child = rig
        .direct()
        .env(SOCKET, rig.path("s"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (stream, _) = rig.listener.accept().await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (peer, behind) = of_unix(&stream).unwrap();
    assert_eq!(peer.process, None);
    let Behind::Known(consumer) = behind else {
        panic!("{behind:?}");
    };
    assert_eq!((consumer.uid, consumer.process), (peer.uid, None));
}

#[test]
fn a_consumer_that_ended_or_became_another_stays_as_it_was() {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "read line; exec sleep 60"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Until the exec of the shell itself is over.
    let waiting = loop {
        let waiting = Waiting::of(Handle::open(child.id()).unwrap()).unwrap();
        if waiting.consumer.carries() {
            break waiting;
        }
    };
    let whole = waiting.complete();
    assert!(whole.argv0.is_some() && !whole.ancestors.is_empty());
    drop(child.stdin.take());
    while waiting.complete() != *waiting.known() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(waiting.complete(), *waiting.known());
}
