//! Peers that end, become another program, hand their connection on or lose their parent while they are asked
//! about: a hundred thousand times, in a pid namespace where each pid is given out again at once.
//!
//! One process looks, another makes the peers (the ignored tests below). A peer says by its working directory
//! which connections are its own; whoever is named must have that one. Nobody may be named instead.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream as Connection;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, chdir, kill_process, waitpid};
use tokio::net::UnixListener;

use super::{Behind, Process, of_tcp, of_unix, process_of};
use crate::sys::fork::fork;

/// Connections a round.
const EACH: usize = 16;
/// How many directories peers take turns in: more rounds than the listener's queue holds.
const PLACES: usize = 256;
/// Where everything is, how many rounds there are, and the port.
const PLACE: &str = "PEER_RACE_PLACE";
const ROUNDS: &str = "PEER_RACE_ROUNDS";
const PORT: &str = "PEER_RACE_PORT";

fn place() -> PathBuf {
    std::env::var_os(PLACE).expect("run by another test").into()
}

fn number(variable: &str) -> usize {
    std::env::var(variable).unwrap().parse().unwrap()
}

/// Goes where the peers of this round are.
fn enter(kind: &str, round: usize) {
    chdir(place().join(format!("{kind}{}", round % PLACES))).unwrap();
}

fn connect() -> Vec<Connection> {
    let socket = place().join("s");
    let connect = |_| Connection::connect(&socket).unwrap();
    (0..EACH).map(connect).collect()
}

/// Returns when the other side has closed all of them.
fn until_closed(connections: Vec<Connection>) {
    use std::io::Read;

    for mut connection in connections {
        let _ = connection.read(&mut [0]);
    }
}

/// A process that lives until it is ended, with this pid if the kernel lets us choose.
fn decoy(pid: Pid) -> Pid {
    let choose = open(
        "/proc/sys/kernel/ns_last_pid",
        OFlags::WRONLY,
        Mode::empty(),
    );
    if let Ok(file) = choose {
        let last = (pid.as_raw_pid() - 1).to_string();
        let _ = rustix::io::write(file, last.as_bytes());
    }
    fork(|| {
        chdir(place().join("decoy")).unwrap();
        loop {
            std::thread::park();
        }
    })
}

fn wait(pid: Pid) {
    rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty())).unwrap();
}

fn end(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
    wait(pid);
}

#[test]
#[ignore = "run by in_a_namespace_of_their_own"]
fn connect_and_exit() {
    for round in 0..number(ROUNDS) {
        let peer = fork(|| {
            enter("peer", round);
            let connections = connect();
            // Every other one leaves them to an heir.
            if round % 2 == 1 {
                fork(|| until_closed(connections));
            }
        });
        wait(peer);
        end(decoy(peer));
    }
}

#[test]
#[ignore = "run by in_a_namespace_of_their_own"]
fn connect_over_tcp_and_exit() {
    let port = u16::try_from(number(PORT)).unwrap();
    for round in 0..number(ROUNDS) {
        let peer = fork(|| {
            enter("peer", round);
            let connect = |_| TcpStream::connect(("127.0.0.1", port)).unwrap();
            let connections: Vec<_> = (0..EACH).map(connect).collect();
            if round % 2 == 1 {
                fork(|| {
                    use std::io::Read;
                    for mut connection in connections {
                        let _ = connection.read(&mut [0]);
                    }
                });
            }
        });
        wait(peer);
        end(decoy(peer));
    }
}

#[test]
#[ignore = "run by in_a_namespace_of_their_own"]
fn connect_and_become_another() {
    let mut before = None;
    for round in 0..number(ROUNDS) {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let peer = fork(|| {
            enter("peer", round);
            let _connections = connect();
            let error = Command::new("/bin/sleep").arg("600").exec();
            panic!("{error}");
        });
        drop(writer);
        // Its copy is closed when it is another. The one before has been that for a while.
        let _ = rustix::io::read(&reader, &mut [0]);
        if let Some(before) = before.replace(peer) {
            end(before);
        }
    }
    before.into_iter().for_each(end);
}

#[test]
#[ignore = "run by in_a_namespace_of_their_own"]
#[expect(
    clippy::zombie_processes,
    reason = "the child is left behind on purpose"
)]
fn have_parents_that_exit() {
    for round in 0..number(ROUNDS) {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let parent = fork(|| {
            enter("peer", round);
            let client = Command::new(place().join("rolecall"))
                .args(["--ignored", "--exact", "peer::races::stay_connected"])
                .stdout(writer.try_clone().unwrap())
                .spawn();
            client.unwrap();
            // It has started; now both go on at the same time, this one for longer or shorter.
            let _ = rustix::io::read(&reader, &mut [0; 64]);
            (0..round % 64 * 8).for_each(|_| std::thread::yield_now());
        });
        drop(writer);
        wait(parent);
        let decoy = decoy(parent);
        while rustix::io::read(&reader, &mut [0; 4096]).unwrap() > 0 {}
        end(decoy);
    }
}

/// Our own client's part.
#[test]
#[ignore = "run by have_parents_that_exit"]
fn stay_connected() {
    until_closed(connect());
}

/// Runs the makers of peers beside this process, which looks at each connection that they make.
#[tokio::test]
#[ignore = "run by no_race_ends_in_a_wrong_name"]
async fn in_a_namespace_of_their_own() {
    let own = std::env::current_exe().unwrap();
    let home = tempfile::tempdir_in(own.parent().unwrap()).unwrap();
    let home = home.path();
    std::fs::hard_link(&own, home.join("rolecall")).unwrap();
    std::fs::create_dir(home.join("decoy")).unwrap();
    for number in 0..PLACES {
        std::fs::create_dir(home.join(format!("peer{number}"))).unwrap();
    }
    let listener = UnixListener::bind(home.join("s")).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let total = number(ROUNDS);
    let maker = |name: &str, rounds: usize| {
        let mut command = Command::new(&own);
        command
            .args(["--ignored", "--exact", "--test-threads=1"])
            .arg(format!("peer::races::{name}"))
            .env(PLACE, home)
            .env(ROUNDS, rounds.to_string())
            .env(PORT, tcp.local_addr().unwrap().port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        (command.spawn().unwrap(), rounds * EACH)
    };

    for (name, share) in [
        ("connect_and_exit", 80),
        ("connect_and_become_another", 12),
        ("have_parents_that_exit", 8),
    ] {
        let mut seen = Seen::default();
        let (mut maker, connections) = maker(name, total * share / 100);
        for number in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            let (_, behind) = of_unix(&stream).unwrap();
            let found = match behind {
                Behind::Known(consumer) => consumer.process,
                // Of a peer that asks for itself all was read but its ancestors.
                Behind::Waiting(waiting) if number % 4 == 0 || share < 80 => {
                    Some(waiting.complete())
                }
                Behind::Waiting(waiting) => Some(waiting.known().clone()),
            };
            seen.check(home, number / EACH, found.as_ref());
        }
        assert!(maker.wait().unwrap().success(), "{name}");
        eprintln!("{name}: {seen:?}");
    }

    let mut seen = Seen::default();
    let (mut maker, connections) = maker("connect_over_tcp_and_exit", total / 50);
    for number in 0..connections {
        let (stream, remote) = tcp.accept().unwrap();
        let owner = of_tcp(stream.local_addr().unwrap(), remote);
        let found = owner.and_then(process_of);
        seen.check(home, number / EACH, found.as_ref());
    }
    assert!(maker.wait().unwrap().success());
    eprintln!("connect_over_tcp_and_exit: {seen:?}");
}

#[derive(Debug, Default)]
struct Seen {
    named: usize,
    unknown: usize,
    became_another: usize,
}

impl Seen {
    /// Whoever is named for a connection of this round is the one who made it, or what that became, as a whole.
    fn check(&mut self, home: &Path, round: usize, found: Option<&Process>) {
        let Some(process) = found else {
            self.unknown += 1;
            return;
        };
        let place = home.join(format!("peer{}", round % PLACES));
        if let Some(cwd) = &process.cwd {
            assert_eq!(cwd, &place, "round {round}: {process:#?}");
        }
        let exe = process.exe.as_deref().and_then(Path::file_name);
        let argv0 = process.argv0.as_deref().map(Path::new);
        if argv0 == Some(Path::new("/bin/sleep")) {
            self.became_another += 1;
            assert_ne!(process.exe, std::env::current_exe().ok(), "{process:#?}");
        } else if argv0.is_some() {
            self.named += 1;
            let own = std::env::current_exe().unwrap();
            assert_eq!(exe, own.file_name(), "round {round}: {process:#?}");
        }
    }
}

/// Runs a command in a pid namespace of its own, with root or user namespaces; None where there are none.
fn own_pids() -> Option<Command> {
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let make = |way: &[&str], line: &str| {
        let mut command = Command::new("unshare");
        command
            .args(way)
            .args(["--pid", "--fork", "--mount-proc", "sh", "-c", line, "sh"]);
        command
    };
    // The shell is the namespace's first process, and so takes in orphans.
    let works = |way: &&&[&str]| {
        let tried = make(way, "true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(works)?;
    Some(make(way, "\"$@\"; exit $?"))
}

#[test]
fn no_race_ends_in_a_wrong_name() {
    // A hundred thousand where everything is run, else a few.
    let complete = std::env::var_os("ROLECALL_TEST_COMPLETE").is_some();
    let rounds = if complete { 100_000 } else { 4_800 } / EACH;
    let mut command = own_pids().unwrap_or_else(|| {
        assert!(!complete, "no pid namespace can be made");
        eprintln!("without a pid namespace: no pid is given out again on purpose");
        Command::new("env")
    });
    let done = command
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg("peer::races::in_a_namespace_of_their_own")
        .env(ROUNDS, rounds.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && output.contains("1 passed"),
        "{output}{errors}"
    );
    eprint!("{errors}");
}
