//! Processes that connect and are somebody else, or nobody, by the time the daemon looks: it is stopped meanwhile.

use std::fs;
use std::process::Command;

use rolecall_tests::harness::{Running, Signal, World, eventually, run};
use serde_json::Value;

use crate::{in_own_pids, serves, succeeds};

/// Connects, asks, hands the connection to its parent and ends; the parent says its pid, waits for a word, and
/// then says what was answered.
const HANDS_ON: &str = r#"
import os, socket, sys
ours, theirs = socket.socketpair()
pid = os.fork()
if pid == 0:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"GET /v1/credentials/dev HTTP/1.1\r\nhost: localhost\r\n\r\n")
    socket.send_fds(theirs, [b"x"], [s.fileno()])
    os._exit(0)
_, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
os.waitpid(pid, 0)
print(pid, flush=True)
sys.stdin.readline()
print(socket.socket(fileno=fd).recv(65536).split(b"\r\n")[0].decode(), flush=True)
"#;

/// Connects, asks and ends, as often as it is told; says the pids.
const ASKS_AND_ENDS: &str = r#"
import os, socket, sys
for _ in range(int(sys.argv[2])):
    pid = os.fork()
    if pid == 0:
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(b"GET /v1/credentials/dev HTTP/1.1\r\nhost: localhost\r\n\r\n")
        os._exit(0)
    os.waitpid(pid, 0)
"#;

/// Starts a client and ends; says both pids, the own one last.
const LEAVES_A_CLIENT: &str = r#"
import os, subprocess, sys
client = subprocess.Popen(["rolecall", "process", "dev"], stdout=open("answer", "w"), stderr=subprocess.DEVNULL)
# Until it has connected: the kernel shows it asleep in its request.
def is_socket(fd):
    try:
        return "socket:" in os.readlink(f"/proc/{client.pid}/fd/{fd}")
    except FileNotFoundError:
        return False
while not any(is_socket(fd) for fd in os.listdir(f"/proc/{client.pid}/fd")):
    pass
while open(f"/proc/{client.pid}/stat").read().rsplit(")")[1].split()[0] != "S":
    pass
print(client.pid, os.getpid(), flush=True)
"#;

fn world() -> World {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    world
}

fn python(world: &World, script: &str) -> Command {
    let mut command = world.command("python3");
    command.args(["-c", script]).arg(world.socket_path());
    command
}

/// A process of the user's that has just this pid.
fn successor(world: &World, pid: u32) -> Running {
    eventually("the pid again", || {
        fs::File::options()
            .write(true)
            .open("/proc/sys/kernel/ns_last_pid")
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, (pid - 1).to_string().as_bytes())
            })
            .unwrap();
        let running = Running::start(world.command("cat").arg("-"));
        if running.pid() == pid {
            return Some(running);
        }
        running.finish().ok();
        None
    })
}

/// The one serve that came after `before` others.
fn serve_after(world: &World, before: usize) -> Value {
    eventually("the serve", || serves(world).get(before).cloned())
}

#[test]
fn a_pid_that_was_given_out_again_is_nobody_s() {
    if let Some(command) = in_own_pids("races::given_out_again") {
        succeeds(command);
    }
}

#[test]
#[ignore = "run by a_pid_that_was_given_out_again_is_nobody_s"]
fn given_out_again() {
    let world = world();
    let before = serves(&world).len();
    world.signal(Signal::STOP);
    let mut holder = Running::start(&mut python(&world, HANDS_ON));
    holder_said(&holder, 1);
    let pid = holder.lines()[0].parse().unwrap();
    let successor = successor(&world, pid);
    world.signal(Signal::CONT);
    holder.tell("");
    let holder = holder.finish();
    assert!(holder.stdout.ends_with("200 OK"), "{holder:?}");

    let record = serve_after(&world, before);
    assert_eq!(
        record["consumer"],
        serde_json::json!({ "uid": world.user().uid }),
        "{record:#}"
    );
    assert!(record["peer"]["process"].is_null(), "{record:#}");
    successor.finish().ok();
}

fn holder_said(holder: &Running, lines: usize) {
    eventually("a word", || (holder.lines().len() >= lines).then_some(()));
}

#[test]
fn a_parent_s_pid_that_was_given_out_again_is_no_consumer() {
    if let Some(command) = in_own_pids("races::parent_given_out_again") {
        succeeds(command);
    }
}

#[test]
#[ignore = "run by a_parent_s_pid_that_was_given_out_again_is_no_consumer"]
fn parent_given_out_again() {
    let world = world();
    let before = serves(&world).len();
    world.signal(Signal::STOP);
    let left = run(world
        .command("python3")
        .args(["-c", LEAVES_A_CLIENT])
        .current_dir(world.path("tmp")));
    let pids: Vec<u32> = left
        .ok()
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    let successor = successor(&world, pids[1]);
    world.signal(Signal::CONT);

    let record = serve_after(&world, before);
    assert_eq!(
        record["consumer"],
        serde_json::json!({ "uid": world.user().uid }),
        "{record:#}"
    );
    assert_eq!(record["peer"]["process"]["pid"], pids[0], "{record:#}");
    successor.finish().ok();
}

#[test]
fn a_connection_that_was_handed_on_is_still_its_maker_s() {
    let world = world();
    let before = serves(&world).len();
    // The maker lives on, and the one that asks is its parent.
    let script = HANDS_ON.replace(
        "    os._exit(0)\n",
        "    ours.close()\n    theirs.recv(1)\n    os._exit(0)\n",
    );
    let script = script.replace("os.waitpid(pid, 0)\n", "");
    let mut holder = Running::start(&mut python(&world, &script));
    holder_said(&holder, 1);
    let record = serve_after(&world, before);
    let pid: u32 = holder.lines()[0].parse().unwrap();
    assert_eq!(record["consumer"]["process"]["pid"], pid, "{record:#}");
    assert_eq!(record["peer"]["attested"], "peercred");
    let ancestors = record["consumer"]["process"]["ancestors"]
        .as_array()
        .unwrap();
    assert_eq!(ancestors[0]["pid"], holder.pid(), "{record:#}");
    holder.tell("");
    assert!(holder.finish().stdout.ends_with("200 OK"));
}

#[test]
fn who_was_gone_before_the_daemon_looked_is_unknown() {
    let world = world();
    let before = serves(&world).len();
    for _ in 0..4 {
        world.signal(Signal::STOP);
        run(python(&world, ASKS_AND_ENDS).arg("25")).ok();
        world.signal(Signal::CONT);
        assert_eq!(world.get("/v1/status").status, 200);
    }
    // A consumer of its own, so that it is known that theirs were all written before.
    let script = "import subprocess; subprocess.run(['rolecall', 'process', 'dev'], check=True)";
    let own = Running::start(world.command("python3").args(["-c", script]));
    let pid = own.pid();
    own.finish().ok();
    let ours = |record: &Value| record["consumer"]["process"]["pid"] == pid;
    eventually("our own serve", || {
        serves(&world).iter().any(ours).then_some(())
    });
    for record in &serves(&world)[before..] {
        let unknown = record["consumer"]["process"].is_null();
        assert!(unknown || ours(record), "{record:#}");
    }
}
