//! `TERM` under load: what was asked is answered, and then the daemon is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{
    Connection, Endpoint, Request, Running, Signal, World, eventually, free_port, timed,
};
use serde_json::Value;

use super::{imds_table, key};

/// How long callers who wait for AWS may have to wait for their answer.
const DRAIN: Duration = Duration::from_secs(5);

/// How many connections read without a pause on each door.
const READERS: usize = 8;

/// Reads on one connection until the daemon closes it, and tells how often it was answered. It fails on an
/// answer that is cut short, or is no success.
fn read_until_closed(world: &World, endpoint: &Endpoint, request: &Request, answers: &AtomicUsize) {
    let mut connection = world.connect(endpoint);
    while let Some(answer) = connection.send_or_closed(request).expect("whole answers") {
        assert_eq!(answer.status, 200, "{}", answer.text());
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Callers who wait for a role that AWS does not answer for: their requests are with the daemon when this
/// returns.
fn waiting_callers(world: &World, count: usize) -> Vec<Connection> {
    let request = b"GET /v1/credentials/hub?wait=55 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let callers = (0..count).map(|_| {
        let mut connection = world.connect(&world.socket());
        connection.write(request).expect("it is read");
        connection
    });
    let callers = callers.collect();
    world.aws.wait_until(Duration::from_secs(20), |calls| {
        calls.iter().any(|call| {
            call.role
                .as_deref()
                .is_some_and(|arn| arn.ends_with("/hub"))
        })
    });
    // Behind all of them.
    for _ in 0..2 {
        assert_eq!(world.get("/v1/status").status, 200);
    }
    callers
}

#[test]
fn nothing_in_flight_is_lost() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, "dev"));
    world.aws.fail(Fault::new(Effect::Hang).for_role("hub"));
    world.start();
    let lease = world.lease("dev");
    let imds = world.imds(port);
    eventually("a session", || {
        (imds.document("dev").status == 200).then_some(())
    });

    let mut callers = waiting_callers(&world, 20);
    let shim = Running::start(world.command("rolecall").args(["process", "hub"]));
    let shim_waits = || {
        let metrics = world.get("/v1/metrics").text();
        let open = |line: &&str| line.starts_with("rolecall_connections{door=\"socket\"}");
        let count = metrics
            .lines()
            .find(open)?
            .rsplit(' ')
            .next()?
            .parse::<usize>()
            .ok()?;
        // The callers, the shim, and this question.
        (count >= 22).then_some(())
    };
    eventually("the shim's connection", shim_waits);

    let answers: [AtomicUsize; 3] = Default::default();
    let doors = [
        (world.socket(), Request::get("/v1/credentials/dev")),
        (lease.endpoint.clone(), lease.request()),
        (imds.endpoint.clone(), imds.request("dev")),
    ];
    std::thread::scope(|scope| {
        for ((endpoint, request), answers) in doors.iter().zip(&answers) {
            for _ in 0..READERS {
                scope.spawn(|| read_until_closed(&world, endpoint, request, answers));
            }
        }
        eventually("all doors are busy", || {
            let busy = |count: &AtomicUsize| count.load(Ordering::Relaxed) > 20 * READERS;
            answers.iter().all(busy).then_some(())
        });
        world.signal(Signal::TERM);
        let ((), took) = timed(|| {
            for caller in &mut callers {
                let answer = caller.read(false).expect("an answer for who waits for AWS");
                let body: Value = answer.json();
                assert_eq!(
                    (answer.status, &body["code"]),
                    (503, &Value::from("not_ready"))
                );
                assert!(
                    body["message"]
                        .as_str()
                        .is_some_and(|text| text.contains("stopping"))
                );
            }
        });
        assert!(took < DRAIN, "{took:?}");
    });
    let shim = shim.finish();
    assert_eq!(shim.code(), Some(7), "{shim:?}");
    assert!(shim.stderr.contains("stopping"), "{shim:?}");
    assert_eq!(world.wait_for_end().code(), Some(0), "{}", world.log());

    assert!(!world.socket_path().exists());
    let events: Vec<String> = world
        .ledger()
        .iter()
        .map(|record| record["event"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(events.last().map(String::as_str), Some("stop"));
    // AWS may have issued what was being asked for.
    assert!(events.iter().any(|event| event == "unknown"), "{events:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut world = World::new();
    world.aws.fail(Fault::new(Effect::Hang));
    world.start();
    let _callers = waiting_callers(&world, 1);
    // The call to AWS is given two seconds.
    world.signal(Signal::TERM);
    eventually("the first signal", || {
        world.log().contains("signal TERM").then_some(())
    });
    world.signal(Signal::INT);
    let status = world.wait_for_end();
    assert_eq!(status.code(), Some(143), "{}", world.log());
    assert!(!world.log().contains("stopped"), "{}", world.log());
    // What it left behind is no hindrance.
    world.aws.heal();
    world.start();
    key(&world.get("/v1/credentials/dev?wait=20"));
}
