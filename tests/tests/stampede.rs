//! Many callers at once, and callers that come before the first session.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rolecall_tests::fake_aws::Fault;
use rolecall_tests::harness::{Running, World, free_port, run_within};
use serde_json::Value;

/// Two hundred programs take all of the machine, and the other test is about how long something takes.
static TURN: Mutex<()> = Mutex::new(());

/// Enough for two hundred processes on a slow machine, beyond the three seconds AWS takes.
const STAMPEDE: Duration = Duration::from_mins(1);

/// Client contract 95.
#[test]
fn two_hundred_callers_of_a_cold_role_make_one_call() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut world = World::new();
    world.start();
    world.aws.fail(Fault::delay(Duration::from_secs(3)));
    let world = &world;
    let finished = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..200)
            .map(|_| {
                scope.spawn(move || {
                    run_within(world.command("rolecall").args(["process", "dev"]), STAMPEDE)
                })
            })
            .collect();
        let joined = callers
            .into_iter()
            .map(|caller| caller.join().expect("it does not panic"));
        joined.collect::<Vec<_>>()
    });
    let keys: Vec<String> = finished
        .iter()
        .map(|caller| {
            let answer: Value = caller.json();
            assert_eq!(answer["Version"], 1);
            assert_eq!(caller.stderr, "");
            answer["AccessKeyId"].as_str().expect("a key").to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 200);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(world.aws.count("AssumeRole"), 1);
}

/// botocore asks IMDS once and gives it a second.
#[test]
fn the_first_read_of_imds_after_the_start_succeeds() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.aws.fail(Fault::delay(Duration::from_millis(300)));
    let mut client = world.python("identity.py");
    client
        .arg("wait")
        .env(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://127.0.0.1:{port}"),
        )
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_REGION", "eu-west-1");
    let mut client = Running::start(&mut client);
    client.wait_for_more(1);
    world.start();
    client.tell("go");
    let finished = client.finish();
    let answer = finished.ok().lines().last().expect("a line");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    let arn = answer["arn"].as_str().expect("an ARN");
    assert!(
        arn.starts_with("arn:aws:sts::123456789012:assumed-role/dev/"),
        "{arn}"
    );
    assert_eq!(world.aws.count("AssumeRole"), 1);
}
