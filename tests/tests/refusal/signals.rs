//! Signals and the log.

use rolecall_tests::harness::{Signal, User, World, eventually, profiles};
use serde_json::Value;

/// Waits until the log has so many lines with `text`.
#[track_caller]
fn wait_for_lines(world: &World, text: &str, count: usize) {
    eventually(text, || {
        (world
            .log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
            >= count)
            .then_some(())
    });
}

#[test]
fn usr1_reports_and_says_who_asked() {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    world.signal(Signal::USR1);
    let sender = format!(
        "signal USR1 pid=Some({}) uid=Some({})",
        std::process::id(),
        User::current().uid
    );
    wait_for_lines(&world, &sender, 1);
    wait_for_lines(&world, "role role=dev state=Ready", 1);
    wait_for_lines(&world, "role role=leaf state=Cold", 1);
    wait_for_lines(&world, "door door=Socket", 1);
}

#[test]
fn usr2_turns_debug_logging_on_and_off_and_no_secret_is_ever_logged() {
    let mut world = World::new();
    world.start();
    world.signal(Signal::USR2);
    wait_for_lines(&world, "debug logging on", 1);
    // A chain, so that a session signs too.
    let credentials: Value = world.rolecall(&["process", "spoke"]).json();
    let lease = world.lease("spoke");
    assert_eq!(lease.read().status, 200);
    world.rolecall(&["whoami", "spoke"]).ok();
    world.signal(Signal::USR2);
    wait_for_lines(&world, "debug logging off", 1);
    let quiet = world.log().matches("DEBUG").count();
    world.rolecall(&["reload"]).ok();
    world.rolecall(&["process", "leaf"]).ok();
    assert_eq!(world.log().matches("DEBUG").count(), quiet);

    let secret = |name: &str| credentials[name].as_str().expect("it is there").to_owned();
    let secrets = [
        profiles::ALICE_SECRET.to_owned(),
        secret("SecretAccessKey"),
        secret("SessionToken"),
        lease.token.clone(),
    ];
    let ledger = world.read("home/.local/state/rolecall/ledger.jsonl");
    let status = world.get("/v1/status").text();
    for secret in &secrets {
        for (place, text) in [
            ("log", &world.log()),
            ("ledger", &ledger),
            ("status", &status),
        ] {
            assert!(!text.contains(secret), "{secret} is in the {place}: {text}");
        }
    }
}
