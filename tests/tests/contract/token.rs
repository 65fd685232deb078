//! IMDS tokens.

use std::collections::HashSet;

use rolecall_tests::harness::{Request, World, free_port, run};

use crate::rig::{Door, Doors, LISTING, TOKEN_PATH, TTL, assert_refused, imds_table};

impl Doors {
    /// A request for a token without a key, as the first of an SDK's is, with these header lines.
    fn put(&self, lines: &str) -> Vec<u8> {
        let host = self.address(Door::Imds);
        format!("PUT {TOKEN_PATH} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").into_bytes()
    }

    /// The status of the listing with this token.
    fn listing_with(&self, token: &str) -> u16 {
        let host = self.address(Door::Imds);
        let request = format!(
            "GET {LISTING} HTTP/1.1\r\nHost: {host}\r\nx-aws-ec2-metadata-token: {token}\r\n\r\n"
        );
        self.ask(Door::Imds, request.as_bytes()).status
    }
}

/// Client contract 1, 2, 5, 13.
#[test]
fn a_token_is_one_word_and_its_ttl_is_told() {
    let doors = Doors::open();
    let mut tokens = HashSet::new();
    for ttl in ["1", "60", "300", "21600"] {
        for name in [
            TTL,
            "X-aws-ec2-metadata-token-ttl-seconds",
            "X-Aws-Ec2-Metadata-Token-Ttl-Seconds",
        ] {
            let answer = doors.ask(Door::Imds, &doors.put(&format!("{name}: {ttl}\r\n")));
            assert_eq!((answer.status, answer.header(TTL)), (200, Some(ttl)));
            assert_eq!(answer.header("content-type"), Some("text/plain"));
            let token = answer.text();
            assert!((22..=128).contains(&token.len()), "{token}");
            let safe = |it: char| it.is_ascii_alphanumeric() || "-_.~=".contains(it);
            assert!(token.chars().all(safe), "{token}");
            assert_eq!(doors.listing_with(&token), 200);
            assert!(tokens.insert(token));
        }
    }
}

/// Client contract 3, 4.
#[test]
fn a_ttl_is_a_number_from_1_to_21600_and_is_there_once() {
    let doors = Doors::open();
    let long = "1".repeat(30);
    for ttl in [
        "0",
        "21601",
        "-1",
        "+5",
        "1.5",
        "abc",
        "",
        "1e3",
        "1000000000",
        "0x10",
        "1 2",
        "60s",
        "1,2",
        "６０",
        &long,
    ] {
        let answer = doors.ask(Door::Imds, &doors.put(&format!("{TTL}: {ttl}\r\n")));
        assert_refused(Door::Imds, &answer, &[400], ttl);
    }
    for lines in [
        String::new(),
        format!("{TTL}: 60\r\n{TTL}: 60\r\n"),
        format!("{TTL}: 60\r\n{}: 300\r\n", TTL.to_uppercase()),
        format!("{TTL}: 0\r\n{TTL}: 60\r\n"),
        "x-aws-ec2-metadata-token-ttl: 60\r\n".to_owned(),
    ] {
        let answer = doors.ask(Door::Imds, &doors.put(&lines));
        assert_refused(Door::Imds, &answer, &[400], &lines);
    }
}

/// Client contract 10.
#[test]
fn only_put_makes_a_token() {
    let doors = Doors::open();
    for method in ["GET", "HEAD", "POST", "DELETE", "PATCH", "put", "PUTT"] {
        let request = doors.request(Door::Imds, method, TOKEN_PATH, &format!("{TTL}: 60\r\n"));
        let answer = doors.ask(Door::Imds, &request);
        assert_refused(Door::Imds, &answer, &[405], method);
        assert_eq!(answer.header("allow"), Some("PUT"), "{method}");
    }
}

/// Client contract 17.
#[test]
fn a_listener_takes_its_own_tokens_only() {
    let mut world = World::new();
    let ports = [free_port(), free_port()];
    let [first, second] =
        ports.map(|port| imds_table(port, if port == ports[0] { "dev" } else { "hub" }));
    world.configure(&format!("{first}{second}"));
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    world.rolecall(&["process", "hub"]).ok();
    let [dev, hub] = ports.map(|port| world.imds(port));
    assert_eq!(
        (dev.listing().text(), hub.listing().text()),
        ("dev".into(), "hub".into())
    );
    for (mut imds, other) in [(dev.clone(), &hub), (hub.clone(), &dev)] {
        imds.token.clone_from(&other.token);
        for answer in [imds.listing(), imds.document("dev"), imds.document("hub")] {
            assert_eq!((answer.status, answer.text().as_str()), (401, ""));
        }
    }
}

/// Client contract 18.
#[test]
fn a_token_is_never_logged() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!("log = \"trace\"\n{}", imds_table(port, "dev")));
    world.start();
    let lease = world.lease("dev");
    let imds = world.imds(port);
    assert_eq!(
        (imds.document("dev").status, lease.read().status),
        (200, 200)
    );
    // Also where it is in the wrong place.
    for request in [
        Request::get(&format!("/role/dev?{}", imds.token)),
        Request::get("/").header("host", &imds.token),
        Request::get("/").header("authorization", &imds.token),
    ] {
        let sent = world.user().act(|| imds.endpoint.send(&request));
        assert!(sent.is_ok_and(|answer| answer.status != 200));
    }
    let (log, ledger) = (world.log(), format!("{:?}", world.ledger()));
    assert!(log.contains("meta-data"), "{log}");
    let status = world.rolecall(&["status", "--json"]);
    for shown in [&log, &ledger, &status.stdout] {
        assert!(!shown.contains(&lease.token) && !shown.contains(&imds.token));
    }
    let list = run(std::process::Command::new("ps").args(["-eo", "args"]));
    assert!(!list.stdout.contains(&imds.token) && !list.stdout.contains(&lease.token));
}
