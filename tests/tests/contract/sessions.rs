//! Both doors when there is no session, and while one is renewed.

use std::collections::HashSet;
use std::time::Duration;

use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{Answer, Imds, World, eventually, free_port};
use serde_json::Value;

use crate::rig::{Door, Doors, LISTING, assert_no_data, imds_table};

/// Sessions of so many seconds, whose ends and renewals a test can wait for.
fn lasting(seconds: i64) -> Fault {
    Fault::new(Effect::Lifetime { seconds }).on("AssumeRole")
}

/// Access key id and end.
#[track_caller]
fn key_and_end(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = answer.json();
    let member = |name: &str| body[name].as_str().expect("a text").to_owned();
    (member("AccessKeyId"), member("Expiration"))
}

/// A daemon with a listener for `role` that has never had a session.
fn cold(role: &str, fault: Fault) -> (World, Imds) {
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, role));
    world.aws.fail(fault);
    world.start();
    let imds = world.imds(port);
    (world, imds)
}

#[track_caller]
fn assert_empty(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.text().as_str()), (status, ""));
}

/// What cannot work without a person or another configuration is not found, at once, and at the listing.
///
/// Client contract 41.
#[test]
fn a_role_that_cannot_work_is_not_found_at_the_listing() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[roles.broken]\nsource_profile = \"nowhere\"\nrole_arn = \"arn:aws:iam::123456789012:role/x\"\n{}",
        imds_table(port, "broken")
    ));
    world.aws.fail(Fault::new(Effect::Hang));
    world.start();
    let imds = world.imds(port);
    assert_empty(&imds.listing(), 404);
    assert_empty(&imds.document("broken"), 404);
    assert_eq!(world.aws.count("AssumeRole"), 0);
}

/// DESIGN's table of answers, not the item's own words.
///
/// Client contract 42.
#[test]
fn while_aws_is_down_and_nothing_is_held_both_doors_say_so_at_the_first_request() {
    for fault in [
        Fault::error(500, "InternalFailure"),
        Fault::error(403, "AccessDenied"),
        Fault::new(Effect::CloseBeforeAnswer),
        Fault::new(Effect::Hang),
    ] {
        let (world, imds) = cold("dev", fault.clone());
        assert_empty(&imds.listing(), 503);
        assert_empty(&imds.document("dev"), 503);
        drop(world);
    }
}

/// A read never waits for AWS when there is a session, whatever AWS does (DESIGN rule 1).
///
/// Client contract 42, 44, 83.
#[test]
fn two_hundred_clients_are_answered_while_a_renewal_hangs() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, "dev"));
    // Renewed after some seconds; and AWS never answers again.
    world.aws.fail(lasting(60).once());
    world.aws.fail(Fault::new(Effect::Hang).on("AssumeRole"));
    world.start();
    let lease = world.lease("dev");
    let imds = world.imds(port);
    let held = key_and_end(&imds.document("dev"));
    eventually("a renewal", || {
        (world.aws.count("AssumeRole") >= 2).then_some(())
    });
    let mut connections: Vec<_> = (0..200)
        .map(|number| {
            let (endpoint, path, key) = if number % 2 == 0 {
                let key = format!("X-aws-ec2-metadata-token: {}", imds.token);
                (&imds.endpoint, Doors::path(Door::Imds), key)
            } else {
                let key = format!("Authorization: {}", lease.token);
                (&lease.endpoint, Doors::path(Door::Container), key)
            };
            let mut connection = world.connect(endpoint);
            let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}\r\n\r\n");
            connection.write(request.as_bytes()).expect("it is open");
            connection
        })
        .collect();
    for connection in &mut connections {
        let answer = connection.read(false).expect("an answer");
        assert_eq!(key_and_end(&answer), held);
    }
    assert_eq!(imds.listing().text(), "dev");
    assert_eq!(world.aws.count("AssumeRole"), 2);
}

/// Through renewals and ends, with sessions of seconds. As DESIGN rule 4 says: until the end that is told, and
/// not a second after it.
///
/// Client contract 43, 46, 47.
#[test]
fn what_is_served_is_never_past_its_end_never_older_and_the_same_on_every_door() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, "dev"));
    world.aws.fail(lasting(8));
    world.start();
    let lease = world.lease("dev");
    let imds = world.imds(port);
    let (mut keys, mut ends) = (HashSet::new(), String::new());
    eventually("three sessions", || {
        let before = jiff::Timestamp::now();
        let [first, second, third] = [
            imds.document("dev"),
            lease.read(),
            world.get("/v1/credentials/dev"),
        ];
        let answers = [first, second, third];
        if answers.iter().all(|it| it.status == 200) {
            let given = answers.each_ref().map(key_and_end);
            // A renewal may come between two of the three; then the later ones are of the newer session.
            for (key, end) in given {
                assert!(end >= ends, "{end} after {ends}");
                assert!(
                    end.parse::<jiff::Timestamp>().expect("a time") > before,
                    "{end} at {before}"
                );
                let pair = (key, end.clone());
                let same_key = |it: &(String, String)| it.0 == pair.0;
                assert!(keys.iter().filter(|it| same_key(it)).all(|it| *it == pair));
                keys.insert(pair);
                ends = end;
            }
        } else {
            for answer in &answers[..2] {
                assert!(
                    answer.status == 200 || answer.status == 503,
                    "{}",
                    answer.status
                );
            }
        }
        std::thread::sleep(Duration::from_millis(20));
        (keys.len() >= 3).then_some(())
    });
}

/// Fifty clients find no session at the same time.
///
/// Client contract 48.
#[test]
fn fifty_clients_of_a_role_without_a_session_make_one_call() {
    let (world, imds) = cold("dev", Fault::delay(Duration::from_secs(1)));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    // As an SDK does: until there is one.
                    eventually("a document", || {
                        Some(imds.document("dev")).filter(|it| it.status == 200)
                    })
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    let first = key_and_end(&answers[0]);
    assert!(answers.iter().all(|it| key_and_end(it) == first));
    assert_eq!(world.aws.count("AssumeRole"), 1);
}

/// Five requests after an error, as JS and .NET make them, are not five calls.
///
/// Client contract 82.
#[test]
fn requests_that_are_repeated_after_an_error_do_not_reach_aws() {
    let mut world = World::new();
    world.aws.fail(lasting(6).once());
    world
        .aws
        .fail(Fault::error(403, "AccessDenied").on("AssumeRole"));
    world.start();
    let lease = world.lease("dev");
    eventually("the end of the session", || {
        (lease.read().status == 503).then_some(())
    });
    let before = world.aws.count("AssumeRole");
    for _ in 0..5 {
        assert_eq!(lease.read().status, 503);
    }
    // One may have been due just then.
    assert!(world.aws.count("AssumeRole") <= before + 1);
}

/// Client contract 19, 72.
#[test]
fn without_a_token_nobody_learns_that_there_is_no_session() {
    let (world, imds) = cold("dev", Fault::error(500, "InternalFailure"));
    let mut connection = world.connect(&imds.endpoint);
    let request = format!("GET {LISTING} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    connection.write(request.as_bytes()).expect("it is open");
    let answer = connection.read(false).expect("an answer");
    assert_empty(&answer, 401);
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_no_data(&answer);
}
