//! The fake AWS as a program, steered over HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rolecall_tests::fake_aws::{Call, Outcome};
use rolecall_tests::harness::{
    Endpoint, Request, Running, World, eventually, profiles, run, until,
};
use serde_json::{Value, json};

/// The program with Alice's key and the role `dev`, and where it listens.
fn start(world: &World) -> (Running, SocketAddr) {
    let config = format!(
        "[[users]]\narn = \"{}\"\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n\
         [[roles]]\narn = \"{}\"\ntrust = [\"111122223333\"]\n",
        profiles::ALICE,
        profiles::ALICE_KEY,
        profiles::ALICE_SECRET,
        profiles::DEV
    );
    world.write("tmp/aws.toml", &config);
    let port_file = world.path("tmp/port");
    let mut command = world.command("fake-aws");
    command
        .arg("--config")
        .arg(world.path("tmp/aws.toml"))
        .arg("--port-file")
        .arg(&port_file);
    let running = Running::start(&mut command);
    let port = eventually("the port file", || {
        std::fs::read_to_string(&port_file)
            .ok()?
            .trim()
            .parse()
            .ok()
    });
    (running, (Ipv4Addr::LOCALHOST, port).into())
}

#[track_caller]
fn steer(aws: &Endpoint, path: &str, body: &Value) {
    let request = Request::new("POST", path).body(&body.to_string());
    let answer = aws.send(&request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn serves_and_can_be_steered() {
    let world = World::new();
    let (_running, address) = start(&world);
    let aws = Endpoint::Tcp(address);
    let identity = || {
        let mut command = world.rust_sdk(&["once"]);
        command
            .env("AWS_PROFILE", "dev")
            .env("AWS_ENDPOINT_URL_STS", format!("http://{address}"))
            .env("AWS_MAX_ATTEMPTS", "1");
        run(&mut command)
    };
    assert!(identity().ok().contains("assumed-role/dev/"));
    let calls: Vec<Call> = aws.send(&Request::get("/_control/calls")).unwrap().json();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].role.as_deref(), Some(profiles::DEV));
    assert!(world.aws.calls().is_empty(), "that was the other one");

    steer(&aws, "/_control/reset", &json!({}));
    let fault = json!({"role": "dev", "times": 1, "effects": [
        {"kind": "error", "status": 403, "code": "AccessDenied", "message": "no"}]});
    steer(&aws, "/_control/faults", &json!([fault]));
    assert!(identity().stdout.contains("AccessDenied"));
    assert!(identity().ok().contains("assumed-role/dev/"));
    let calls: Vec<Call> = aws.send(&Request::get("/_control/calls")).unwrap().json();
    assert_eq!(calls[0].outcome, Outcome::Refused("AccessDenied".into()));

    steer(&aws, "/_control/clock", &json!({"offset_seconds": -3600}));
    assert!(identity().stdout.contains("Signature not yet current"));
    steer(&aws, "/_control/reset", &json!({}));

    steer(&aws, "/_control/down", &json!({"milliseconds": 300}));
    eventually("refused connections", || aws.connect().err());
    let back = until(Duration::from_secs(5), || aws.connect().ok());
    assert!(back.is_some());
    assert!(identity().ok().contains("assumed-role/dev/"));
}

#[test]
fn what_it_is_told_wrongly_it_says() {
    let world = World::new();
    let (_running, address) = start(&world);
    let aws = Endpoint::Tcp(address);
    for (path, body, status) in [
        (
            "/_control/faults",
            "{\"effects\": [{\"kind\": \"dely\"}]}",
            400,
        ),
        ("/_control/clock", "{\"offset\": 3}", 400),
        ("/_control/nothing", "", 404),
    ] {
        let request = Request::new("POST", path).body(body);
        let answer = aws.send(&request).unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json::<Value>()["error"].is_string());
    }
    let answer = aws
        .send(&Request::get("/?Action=GetCallerIdentity"))
        .unwrap();
    assert_eq!(answer.status, 403);
    assert!(
        answer
            .text()
            .contains("<Code>MissingAuthenticationToken</Code>")
    );
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));

    world.write("tmp/wrong.toml", "rolls = []");
    let finished = run(world
        .command("fake-aws")
        .arg("--config")
        .arg(world.path("tmp/wrong.toml")));
    assert_eq!(finished.code(), Some(1));
    assert!(finished.stderr.contains("wrong.toml"), "{finished:?}");
}
