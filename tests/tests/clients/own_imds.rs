//! `rolecall exec --imds`: an IMDS listener for one command.

use std::net::TcpListener;
use std::process::Command;

use rolecall_tests::harness::{Request, Running, World, eventually, profiles, run};
use serde_json::Value;

use crate::hostile::{Trap, spoil};
use crate::ways::{Client, assert_is, assumed, exec_with, loopback};

/// What keeps an SDK from IMDS, besides all that it would rather take.
fn turn_off(command: &mut Command) {
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")
        .env("AWS_IMDS_USE_IPV6", "true")
        .env("AWS_METADATA_URL", "http://127.0.0.1:9");
}

#[test]
fn every_sdk_gets_the_role_and_asks_nobody_else() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let trap = Trap::set();
    spoil(&world, &mut Command::new("true"), &trap);
    world.start();
    for client in Client::ALL {
        let mut command = client.command(&world);
        spoil(&world, &mut command, &trap);
        turn_off(&mut command);
        let mut command = exec_with(&world, &["--imds"], "dev", &command);
        assert_is(&world, &mut command, profiles::DEV);
    }
    assert_eq!(trap.caught(), [""; 0]);
}

/// A command that prints its endpoint, and then for each line it is told who STS takes it for.
struct Asking {
    running: Running,
    port: u16,
}

impl Asking {
    #[track_caller]
    fn start(world: &World) -> Self {
        let sdk = world.rust_sdk(&["once"]);
        let script = "echo \"$AWS_EC2_METADATA_SERVICE_ENDPOINT\"; \
                      while read -r line; do \"$@\" || echo '{}'; done";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh"])
            .arg(sdk.get_program())
            .args(sdk.get_args());
        let running = Running::start(&mut exec_with(world, &["--imds"], "dev", &command));
        let endpoint = eventually("the endpoint", || running.lines().first().cloned());
        let port = endpoint
            .strip_prefix("http://127.0.0.1:")
            .and_then(|it| it.parse().ok());
        let port = port.unwrap_or_else(|| panic!("not what every SDK takes: {endpoint}"));
        Self { running, port }
    }

    /// Who the command is, asked by itself.
    #[track_caller]
    fn arn(&mut self) -> String {
        let before = self.running.lines().len();
        self.running.tell("ask");
        let line = eventually("an answer", || self.running.lines().get(before).cloned());
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        answer["arn"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn assert_is_dev(&mut self, world: &World) {
        let arn = self.arn();
        assert!(
            arn.starts_with(&assumed(profiles::DEV)),
            "{arn:?}\n{}",
            world.log()
        );
    }

    /// What a token costs somebody outside.
    fn status_outside(&self, world: &World) -> u16 {
        let request = Request::new("PUT", "/latest/api/token")
            .header("x-aws-ec2-metadata-token-ttl-seconds", "60");
        let answer = world.user().act(|| loopback(self.port).send(&request));
        answer.expect("an answer").status
    }

    fn door(&self, world: &World) -> Option<Value> {
        let status: Value = world.get("/v1/status").json();
        let address = format!("127.0.0.1:{}", self.port);
        let mut doors = status["doors"].as_array().expect("doors").iter();
        doors
            .find(|door| door["address"] == address.as_str())
            .cloned()
    }
}

fn serving() -> World {
    let mut world = World::new();
    world.start();
    world
}

#[test]
fn only_the_command_and_what_it_starts_are_answered() {
    let world = serving();
    let mut asking = Asking::start(&world);
    asking.assert_is_dev(&world);
    assert_eq!(asking.status_outside(&world), 403);
    // A sibling of the same user, with the right address.
    let mut sibling = world.rust_sdk(&["once"]);
    sibling.env_remove("AWS_EC2_METADATA_DISABLED").env(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        format!("http://127.0.0.1:{}", asking.port),
    );
    assert!(!run(&mut sibling).status.success());
    let record = world.wait_for_record("a refusal", |record| record["event"] == "refused");
    assert_eq!(
        (&record["rule"], &record["door"]),
        (&"lease".into(), &"imds".into())
    );
    asking.assert_is_dev(&world);
    let served = world.wait_for_record("a serve", |record| record["event"] == "serve");
    assert!(served["lease"].is_string(), "{served:#}");
}

#[test]
fn it_lives_as_long_as_the_command_and_through_restarts() {
    let mut world = serving();
    let mut asking = Asking::start(&world);
    asking.assert_is_dev(&world);
    let door = asking.door(&world).expect("it is in the status");
    assert_eq!(
        (&door["door"], &door["role"]),
        (&"imds".into(), &"dev".into())
    );
    world.restart();
    asking.assert_is_dev(&world);
    world.kill();
    world.start();
    asking.assert_is_dev(&world);
    assert_eq!(asking.status_outside(&world), 403);
    let port = asking.port;
    asking.running.finish().ok();
    eventually("the listener closes", || {
        let gone = world.user().act(|| loopback(port).connect()).is_err();
        gone.then_some(())
    });
    let status: Value = world.get("/v1/status").json();
    assert!(
        !status["doors"].to_string().contains(&format!(":{port}")),
        "{status:#}"
    );
}

#[test]
fn a_port_that_somebody_else_holds_is_told_and_taken_back() {
    let mut world = serving();
    let mut asking = Asking::start(&world);
    world.stop();
    let squatter = eventually("the port is free", || {
        TcpListener::bind(("127.0.0.1", asking.port)).ok()
    });
    world.start();
    let door = asking.door(&world).expect("it is in the status");
    let error = door["error"].as_str().expect("what is wrong");
    assert!(error.contains(&asking.port.to_string()), "{error}");
    let check = world.rolecall(&["status", "--check"]);
    assert_eq!(check.code(), Some(1));
    assert!(
        check.stdout.contains(&asking.port.to_string()),
        "{check:#?}"
    );
    drop(squatter);
    eventually("the port is taken back", || {
        world.rolecall(&["reload"]).ok();
        asking.door(&world).filter(|door| door["error"].is_null())
    });
    asking.assert_is_dev(&world);
}

#[test]
fn the_environment_has_the_endpoint_alone() {
    let world = serving();
    let mut show = world.command("env");
    show.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/x");
    turn_off(&mut show);
    let finished = run(&mut exec_with(&world, &["--imds"], "dev", &show));
    let value = |name: &str| {
        let mut lines = finished.ok().lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    for name in [
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ] {
        assert_eq!(value(name), None, "{name}");
    }
    assert_eq!(value("AWS_EC2_METADATA_V1_DISABLED"), Some("true"));
    assert_eq!(value("NO_PROXY"), Some("127.0.0.1,localhost"));
    assert_eq!(value("AWS_REGION"), Some("eu-west-1"));
}
