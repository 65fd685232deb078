//! A ledger that cannot be written (`ledger_on_error`).

use std::fs;

use rolecall_tests::harness::{World, eventually};
use serde_json::Value;

use super::key;

/// A world whose ledger's place is taken by a directory, until [`free`].
fn with_ledger_blocked(on_error: &str) -> World {
    let mut world = World::new();
    world.configure(&format!("ledger_on_error = \"{on_error}\"\n"));
    world.write("home/.local/state/rolecall/ledger.jsonl/in-the-way", "");
    world.start();
    world
}

fn free(world: &World) {
    let blocked = world.state_directory().join("ledger.jsonl");
    fs::rename(blocked, world.state_directory().join("moved")).expect("it can be moved");
}

fn ledger_error(world: &World) -> Option<String> {
    let status: Value = world.get("/v1/status").json();
    status["ledger"]["error"].as_str().map(str::to_owned)
}

#[test]
fn refuse_means_no_session_that_is_not_written_down() {
    let world = with_ledger_blocked("refuse");
    let answer = world.get("/v1/credentials/dev?wait=20");
    let body: Value = answer.json();
    assert_eq!(
        (answer.status, &body["code"]),
        (503, &Value::from("ledger_unavailable"))
    );
    assert!(world.aws.calls().is_empty());
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(1));
    assert!(ledger_error(&world).is_some());

    free(&world);
    eventually("a session", || {
        (world.get("/v1/credentials/dev?wait=5").status == 200).then_some(())
    });
    let ledger = world.ledger();
    let events: Vec<&Value> = ledger.iter().map(|record| &record["event"]).collect();
    assert!(events.contains(&&"issued".into()), "{events:?}");
}

#[test]
fn serve_goes_on_and_writes_later_what_it_could_not() {
    let world = with_ledger_blocked("serve");
    let held = key(&world.get("/v1/credentials/dev?wait=20"));
    assert!(ledger_error(&world).is_some());
    assert_ne!(world.rolecall(&["status", "--check"]).code(), Some(0));

    free(&world);
    let record = world.wait_for_record("what was kept", |record| record["event"] == "issued");
    assert_eq!(record["session"]["akid"], Value::from(held));
    let seqs: Vec<u64> = world
        .ledger()
        .iter()
        .filter_map(|it| it["seq"].as_u64())
        .collect();
    assert!(seqs.is_sorted_by(|a, b| a + 1 == *b), "{seqs:?}");
    eventually("health", || ledger_error(&world).is_none().then_some(()));
}
