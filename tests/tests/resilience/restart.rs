//! The daemon is restarted under programs that run: tokens, port and listener are as before.

use std::process::Command;
use std::time::Duration;

use rolecall_tests::harness::{Running, World, eventually, free_port, until};

use super::{imds_table, lasting};

/// Short enough that no SDK keeps a session: each call reads the door.
const LIFETIME: i64 = 15;

/// The same program under `rolecall exec`.
fn exec(world: &World, role: &str, program: &Command) -> Command {
    let mut command = world.command("rolecall");
    command
        .args(["exec", role, "--"])
        .arg(program.get_program());
    command.args(program.get_args());
    command
}

/// Sees `watcher` through two restarts, one in peace and one not, and its every call succeed.
#[track_caller]
fn see_through_restarts(world: &mut World, watcher: Running) {
    watcher.wait_for_more(3);
    for peaceful in [true, false] {
        let before = world.aws.count("AssumeRole");
        if peaceful {
            world.restart();
        } else {
            world.kill();
            world.start();
        }
        let used = until(Duration::from_secs(30), || {
            let calls = world.aws.calls();
            let assumed = calls.iter().filter(|it| it.action == "AssumeRole");
            let new: Vec<_> = assumed.skip(before).map(|it| &it.issued).collect();
            let mut asked = calls.iter().filter(|it| it.action == "GetCallerIdentity");
            asked
                .any(|it| new.contains(&&it.access_key_id))
                .then_some(())
        });
        assert!(
            used.is_some(),
            "no session of the new daemon is used\n{}",
            world.log()
        );
        watcher.wait_for_more(3);
    }
    let lines = watcher.json_lines();
    assert!(
        lines.iter().all(|line| line["arn"].is_string()),
        "{lines:#?}"
    );
    watcher.finish().ok();
}

#[test]
fn under_boto3_in_exec() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    world.aws.fail(lasting(LIFETIME));
    world.start();
    let mut boto3 = world.python("identity.py");
    boto3.arg("watch");
    let mut command = exec(&world, "dev", &boto3);
    let watcher = Running::start(&mut command);
    see_through_restarts(&mut world, watcher);
}

/// Client contract 15.
#[test]
fn under_the_rust_sdk_on_imds() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, "dev"));
    world.aws.fail(lasting(LIFETIME));
    world.start();
    let imds = world.imds(port);
    let mut command = world.rust_sdk(&["watch"]);
    command
        .env(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://127.0.0.1:{port}"),
        )
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_REGION", "eu-west-1");
    let watcher = Running::start(&mut command);
    see_through_restarts(&mut world, watcher);
    // No token became void: neither the SDK's nor the one from before the first start.
    let listed = eventually("the listing", || {
        Some(imds.listing()).filter(|it| it.status == 200)
    });
    assert_eq!(listed.text(), "dev");
    let metrics = world.get("/v1/metrics").text();
    let line = "rolecall_answers_total{door=\"imds\",status=\"401\"} 0";
    assert!(metrics.lines().any(|it| it == line), "{metrics}");
}
