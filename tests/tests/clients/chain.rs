//! A chain of three roles, each trusting only the one before, by every way.

use rolecall_tests::fake_aws::Config;
use rolecall_tests::harness::{World, free_port, profiles};
use serde_json::Value;

use crate::ways::{Way, assert_all_are, set_up};

/// The longest output of `credential_process` that every SDK takes (client contract, fact 11).
const MOST_OUTPUT: usize = 8192;

/// A set up world that serves the end of the chain.
fn serving(aws: &Config) -> (World, [Way; 3]) {
    let mut world = World::with(aws);
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"leaf\"\n"
    ));
    world.start();
    set_up(&world);
    (world, [Way::Process, Way::Imds(port), Way::Exec])
}

#[test]
fn reaches_its_end_through_every_door_with_one_call_a_step() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let (world, ways) = serving(&profiles::aws());
    assert_all_are(&world, &ways, "leaf", profiles::LEAF);
    let roles: Vec<_> = world
        .aws
        .calls()
        .into_iter()
        .filter(|call| call.action == "AssumeRole")
        .collect();
    let roles: Vec<_> = roles
        .iter()
        .filter_map(|call| call.role.as_deref())
        .collect();
    assert_eq!(roles, [profiles::HUB, profiles::SPOKE, profiles::LEAF]);
}

/// Client contract 91.
#[test]
fn session_tokens_may_have_four_kibibytes() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let aws = Config {
        session_token_bytes: 4096,
        ..profiles::aws()
    };
    let (world, ways) = serving(&aws);
    assert_all_are(&world, &ways, "leaf", profiles::LEAF);
    let printed = world.rolecall(&["process", "leaf"]);
    let answer: Value = printed.json();
    assert_eq!(answer["SessionToken"].as_str().map(str::len), Some(4096));
    assert!(
        printed.stdout.len() <= MOST_OUTPUT,
        "{}",
        printed.stdout.len()
    );
}

#[test]
fn asks_for_an_hour_at_most_and_says_so() {
    let mut world = World::new();
    world.configure(
        "[roles.leaf]\nduration_seconds = 14400\n[roles.dev]\nduration_seconds = 14400\n",
    );
    world.start();
    for role in ["leaf", "dev"] {
        world.rolecall(&["process", role]).ok();
    }
    let asked = |role: &str| {
        let calls = world.aws.calls();
        let call = calls.iter().find(|call| call.role.as_deref() == Some(role));
        call.and_then(|call| call.duration_seconds)
    };
    assert_eq!(asked(profiles::LEAF), Some(3600));
    assert_eq!(asked(profiles::DEV), Some(14_400));

    let status: Value = world.rolecall(&["status", "--json"]).json();
    let notes = |role: &str| {
        let roles = status["roles"].as_array().expect("roles");
        let found = roles
            .iter()
            .find(|it| it["name"] == role)
            .expect("the role");
        found["notes"].to_string()
    };
    assert!(notes("leaf").contains("hour"), "{status:#}");
    assert!(!notes("dev").contains("hour"), "{status:#}");
    let shown = world.rolecall(&["status"]);
    assert!(shown.ok().contains("hour"), "{shown:#?}");
}
