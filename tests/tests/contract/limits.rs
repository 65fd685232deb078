//! How much of the daemon anybody can use up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rolecall_tests::harness::{Answer, Connection, Endpoint, Request, User, World, eventually};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::rig::{Door, Doors, LISTING, TOKEN_PATH, TTL};

/// File descriptors that a test needs beside its many connections, as those of others do that run meanwhile.
const SPARE: usize = 1500;

/// Connections beyond a door's limit.
const MORE: usize = 50;

/// One of these tests at a time: they share the process's file descriptors.
static TURN: Mutex<()> = Mutex::new(());

/// Lets this process have as many files open as it may; how many connections that makes.
fn many_connections() -> (MutexGuard<'static, ()>, usize) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("up to the maximum anybody may");
    let most = limit
        .maximum
        .map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    (turn, most.saturating_sub(SPARE))
}

/// Memory in use, in KiB.
fn resident(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no VmRSS in {status}"))
}

/// Asks for so many tokens over one connection, a hundred at a time; the last one.
#[track_caller]
fn tokens(connection: &mut Connection, count: usize) -> String {
    let put = format!("PUT {TOKEN_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{TTL}: 21600\r\n\r\n");
    let mut last = String::new();
    for _ in 0..count / 100 {
        connection
            .write(put.repeat(100).as_bytes())
            .expect("it is open");
        for _ in 0..100 {
            let answer = connection.read(false).expect("an answer");
            assert_eq!(answer.status, 200);
            last = answer.text();
        }
    }
    last
}

/// Client contract 16.
#[test]
fn a_hundred_thousand_tokens_take_no_memory_and_none_is_forgotten() {
    /// Noise of the allocator; a table of tokens would take ten times as much.
    const MOST_KIB: u64 = 4 * 1024;
    let doors = Doors::open();
    let mut connection = doors.connect(Door::Imds);
    tokens(&mut connection, 5000);
    let before = resident(&doors.world);
    let last = tokens(&mut connection, 100_000);
    let after = resident(&doors.world);
    assert!(
        after <= before + MOST_KIB,
        "{before} KiB before, {after} KiB after"
    );
    for token in [&doors.imds.token, &last] {
        let request = format!(
            "GET {LISTING} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-aws-ec2-metadata-token: {token}\r\n\r\n"
        );
        assert_eq!(doors.ask(Door::Imds, request.as_bytes()).text(), "dev");
    }
}

/// A door, and a request that it answers with 200.
fn endpoints(doors: &Doors) -> [(&'static str, Endpoint, Request); 3] {
    [
        (
            "imds",
            doors.imds.endpoint.clone(),
            doors.imds.request("dev"),
        ),
        (
            "container",
            doors.lease.endpoint.clone(),
            doors.lease.request(),
        ),
        (
            "socket",
            doors.world.socket(),
            Request::get("/v1/credentials/dev"),
        ),
    ]
}

/// How many connections the daemon counts at a door.
fn connections(world: &World, door: &str) -> usize {
    let metrics = world.get("/v1/metrics").text();
    let start = format!("rolecall_connections{{door=\"{door}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.and_then(|it| it.parse().ok())
        .unwrap_or_else(|| panic!("no {start} in {metrics}"))
}

/// Opens so many connections as the user, says this much on each.
fn open(doors: &Doors, endpoint: &Endpoint, count: usize, bytes: &[u8]) -> Vec<Connection> {
    doors.world.user().act(|| {
        let connect = |_| {
            let mut connection = endpoint.connect().expect("a connection");
            // Where there are too many, the first are closed.
            let _ = connection.write(bytes);
            connection
        };
        (0..count).map(connect).collect()
    })
}

/// Other users may connect to TCP, and be told no there; they take no place from the user's own clients.
///
/// Client contract 66, 70.
#[test]
fn another_user_cannot_push_the_user_s_connections_out() {
    let Some(other) = User::other() else { return };
    let (_turn, _) = many_connections();
    let doors = Doors::open();
    for (door, endpoint, request) in &endpoints(&doors)[..2] {
        let mut own: Vec<_> = (0..20).map(|_| doors.world.connect(endpoint)).collect();
        let ask = |connection: &mut Connection| connection.send(request).map(|it| it.status);
        for connection in &mut own {
            assert!(matches!(ask(connection), Ok(200)), "{door}");
        }
        let held = other.act(|| {
            let connect = |_| endpoint.connect().expect("a connection");
            (0..1500).map(connect).collect::<Vec<_>>()
        });
        for connection in &mut own {
            assert!(matches!(ask(connection), Ok(200)), "{door}");
        }
        let newcomer = doors.world.user().act(|| endpoint.send(request));
        assert!(newcomer.is_ok_and(|answer| answer.status == 200), "{door}");
        drop(held);
    }
}

/// Connections to one door that take all file descriptors do not close the others.
///
/// Client contract 66.
#[test]
fn without_file_descriptors_every_door_still_answers() {
    let (_turn, _) = many_connections();
    let doors = Doors::open();
    let few = Rlimit {
        current: Some(120),
        maximum: Some(120),
    };
    let daemon = rustix::process::Pid::from_raw(doors.world.pid());
    let limit = || rustix::process::prlimit(daemon, Resource::Nofile, few);
    let limited = doors.world.user().act(limit);
    limited.expect("it is the user's own");
    for (crowded, endpoint, _) in endpoints(&doors) {
        // Each was answered, and is silent now: nothing but somebody's need closes it for a while.
        let ask = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let crowd = open(&doors, &endpoint, 300, ask);
        for (door, endpoint, request) in endpoints(&doors) {
            let answer = doors.world.user().act(|| endpoint.send(&request));
            let status = answer.map(|answer| answer.status);
            assert!(
                matches!(status, Ok(200)),
                "{status:?} at {door}, {crowded} is crowded"
            );
        }
        drop(crowd);
    }
}

/// Client contract 65, 66.
#[test]
fn five_thousand_slow_connections_leave_others_served_and_memory_bounded() {
    /// For as many heads as a TCP listener has connections, each of 16 KiB and as much again for reading on.
    const MOST_KIB: u64 = 1024 * 2 * 16 + 8 * 1024;
    let (_turn, most) = many_connections();
    let doors = Doors::open();
    let part = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: {}",
        "x".repeat(7000)
    );
    for (door, endpoint, request) in endpoints(&doors) {
        let before = resident(&doors.world);
        let mut slow = Vec::new();
        for _ in 0..most.min(5000) / 250 {
            slow.extend(open(&doors, &endpoint, 250, part.as_bytes()));
            let answer = doors.world.user().act(|| endpoint.send(&request));
            let status = answer.map(|answer: Answer| answer.status);
            assert!(
                matches!(status, Ok(200)),
                "{status:?} at {door}, {} slow ones",
                slow.len()
            );
        }
        let after = resident(&doors.world);
        // The socket, where only the user comes in, has sixteen times as many connections.
        let fits = door == "socket" || after <= before + MOST_KIB;
        assert!(fits, "{before} KiB before, {after} KiB after, at {door}");
        for connection in &mut slow {
            assert_eq!(connection.rest().expect("it is closed"), b"");
        }
        let answer = doors.world.user().act(|| endpoint.send(&request));
        assert_eq!(answer.expect("an answer").status, 200, "{door}");
    }
}

/// Connections that keep still after a request count as slow, the first one most of all.
///
/// Client contract 66.
#[test]
fn a_door_has_so_many_connections_and_the_longest_silent_makes_room() {
    let (_turn, most) = many_connections();
    let doors = Doors::open();
    for ((door, endpoint, request), limit) in
        endpoints(&doors).into_iter().zip([1024, 1024, 16_384])
    {
        if limit + MORE > most {
            eprintln!("skipped: {limit} connections at {door} are more than open files allowed");
            continue;
        }
        let ask = |connection: &mut Connection| connection.send(&request).map(|it| it.status);
        let mut silent = doors.world.user().act(|| {
            let connect = |_| {
                let mut connection = endpoint.connect().expect("a connection");
                assert!(matches!(ask(&mut connection), Ok(200)), "{door}");
                connection
            };
            (0..limit + MORE).map(connect).collect::<Vec<_>>()
        });
        eventually("room", || {
            (connections(&doors.world, door) <= limit).then_some(())
        });
        for connection in &mut silent[..MORE] {
            let closed = matches!(connection.send_or_closed(&request), Ok(None) | Err(_));
            assert!(
                closed,
                "a connection that was silent for longest is kept at {door}"
            );
        }
        for connection in silent.iter_mut().rev().take(100) {
            assert!(matches!(ask(connection), Ok(200)), "{door}");
        }
    }
}
