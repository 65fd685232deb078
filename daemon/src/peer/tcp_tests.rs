//! Real loopback connections.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::*;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

fn owner(served: &TcpStream) -> Option<TcpOwner> {
    of_tcp(served.local_addr().unwrap(), served.peer_addr().ok()?)
}

/// Waits until nobody holds the connection. That is at once, unless another test is just starting a child,
/// which has copies of all that we hold until it becomes its program.
fn until_let_go(local: SocketAddr, remote: SocketAddr) {
    while of_tcp(local, remote).is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn our_own_connection_is_ours() {
    let (served, _client) = connection();
    let owner = owner(&served).unwrap();
    assert_eq!(owner.uid, rustix::process::geteuid().as_raw());
    let process = process_of(owner).unwrap();
    assert_eq!(process.pid, std::process::id());
}

#[test]
fn a_half_closed_connection_counts_and_a_closed_one_does_not() {
    let (served, client) = connection();
    let whole = owner(&served);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(owner(&served), whole);
    let (local, remote) = (served.local_addr().unwrap(), served.peer_addr().unwrap());
    drop(client);
    until_let_go(local, remote);
    assert_eq!(process_of(whole.unwrap()), None);
}

#[test]
fn a_connection_closed_at_once_is_refused() {
    for _ in 0..100 {
        let (served, client) = connection();
        let (local, remote) = (served.local_addr().unwrap(), served.peer_addr().unwrap());
        drop(client);
        until_let_go(local, remote);
        drop(served);
        assert_eq!(of_tcp(local, remote), None);
    }
}

#[test]
fn ten_thousand_questions_have_one_answer() {
    let (served, _client) = connection();
    let first = owner(&served);
    assert!(first.is_some());
    for _ in 0..10_000 {
        assert_eq!(owner(&served), first);
    }
}

#[test]
fn of_several_holders_the_oldest_is_the_process() {
    let (served, client) = connection();
    let owner = owner(&served).unwrap();
    let copy = rustix::io::fcntl_dupfd_cloexec(&client, 100).unwrap();
    // As standard output, the child has the socket too.
    let mut child = Command::new("sleep")
        .arg("60")
        .stdout(Stdio::from(copy))
        .spawn()
        .unwrap();
    assert_eq!(process_of(owner).unwrap().pid, std::process::id());
    drop(client);
    assert_eq!(
        process_of(owner).map(|process| process.pid),
        Some(child.id())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(process_of(owner), None);
}

#[test]
fn another_users_connection_is_theirs() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let line = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -r -u 3 line");
    let spawned = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["bash", "-c", &line])
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: no setpriv");
        return;
    };
    let (served, _) = listener.accept().unwrap();
    let owner = owner(&served).unwrap();
    assert_eq!(owner.uid, 65_534);
    let process = process_of(owner).unwrap();
    assert_eq!((process.pid, process.uid), (child.id(), 65_534));
    drop(served);
    child.wait().unwrap();
}
