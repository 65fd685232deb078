//! The SDK clients themselves, without the daemon: each walks the chain of three profiles by its own
//! means, so that what a scenario sees later is rolecall's doing and not the client's.

use std::process::Command;

use rolecall_tests::harness::{Running, World, run};
use serde_json::Value;

const LEAF: &str = "arn:aws:sts::999999999999:assumed-role/leaf/";

#[track_caller]
fn assert_reaches_the_leaf(world: &World, command: &mut Command) {
    world.aws.reset();
    let answer: Value = run(command.env("AWS_PROFILE", "leaf")).json();
    let arn = answer["arn"].as_str().or(answer["Arn"].as_str());
    assert!(arn.is_some_and(|arn| arn.starts_with(LEAF)), "{answer}");
    assert_eq!(world.aws.count("AssumeRole"), 3);
}

#[test]
fn boto3() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let world = World::new();
    assert_reaches_the_leaf(&world, &mut world.python("identity.py"));
}

#[test]
fn the_aws_cli() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let world = World::new();
    let arguments = ["sts", "get-caller-identity", "--output", "json"];
    assert_reaches_the_leaf(&world, &mut world.aws_cli(&arguments));
}

#[test]
fn the_rust_sdk() {
    let world = World::new();
    assert_reaches_the_leaf(&world, &mut world.rust_sdk(&["once"]));
}

#[test]
fn who_has_no_credentials_says_so() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let world = World::new();
    for mut command in [world.python("identity.py"), world.rust_sdk(&["once"])] {
        let finished = run(&mut command);
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        assert!(
            finished.stdout.contains("{\"error\": \"") || finished.stdout.contains("{\"error\":\"")
        );
    }
    assert!(world.aws.calls().is_empty());
}

#[test]
fn a_watcher_asks_until_its_input_ends() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let world = World::new();
    let mut boto3 = world.python("identity.py");
    boto3.arg("watch");
    for mut command in [boto3, world.rust_sdk(&["watch"])] {
        let watcher = Running::start(command.env("AWS_PROFILE", "dev"));
        watcher.wait_for_more(3);
        let lines = watcher.json_lines();
        assert!(
            lines.iter().all(|line| line["arn"].is_string()),
            "{lines:?}"
        );
        watcher.finish().ok();
    }
    assert_eq!(world.aws.count("AssumeRole"), 2);
}
