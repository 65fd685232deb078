//! Roles narrowed for leases.

use crate::keeper::testing::{HOUR, World, call, role, role_of};
use crate::ledger::Event;
use crate::recipe::Narrowing;

fn read_only() -> Narrowing {
    Narrowing {
        read_only: true,
        ..Narrowing::default()
    }
}

#[tokio::test]
async fn a_narrowed_role_has_a_session_of_its_own_that_ends_with_its_lease() {
    let world = World::new();
    world.apply(vec![role("dev", &["hub", "dev"])]);
    world.wait("dev").await.unwrap();
    let one = world.keepers.narrow("l1", "dev", read_only());
    let two = world.keepers.narrow("l2", "dev", read_only());
    let entry = |id: &str| world.keepers.narrowed(id).expect("it is there");
    let served = entry("l1").wait(HOUR).await.ok().unwrap();
    assert_ne!(
        Some(served.session.access_key_id.as_str()),
        world.read("dev").as_deref()
    );
    let same = entry("l2").wait(HOUR).await.ok().unwrap();
    assert_eq!(same.session.access_key_id, served.session.access_key_id);
    assert_eq!(world.aws.calls(), 3, "hub, dev, and dev with less");
    assert_eq!(world.keepers.roles().len(), 1, "it is no role of its own");

    drop(one);
    assert!(world.keepers.narrowed("l1").is_none());
    assert!(entry("l2").read(world.now()).is_some());
    let last = entry("l2");
    drop(two);
    assert!(
        last.wait(HOUR).await.is_ok(),
        "who has it reads it to its end"
    );
    assert!(world.read("dev").is_some());
}

#[tokio::test]
async fn a_reload_derives_it_anew_or_takes_it_away() {
    let world = World::new();
    let held = world.keepers.narrow("l1", "dev", read_only());
    assert!(world.keepers.narrowed("l1").is_none(), "no such role yet");
    world.apply(vec![role("dev", &["dev"])]);
    let entry = world.keepers.narrowed("l1").expect("it is there");
    entry.wait(HOUR).await.ok().unwrap();
    world.apply(vec![role("dev", &["dev"]), role("other", &["other"])]);
    let entry = world.keepers.narrowed("l1").expect("it is there");
    assert!(
        entry.read(world.now()).is_some(),
        "unchanged, it keeps its session"
    );

    let mut own = call("dev");
    own.policy = Some("{}".to_owned());
    world.apply(vec![role_of("dev", vec![own])]);
    let entry = world.keepers.narrowed("l1").expect("it is there");
    assert!(entry.read(world.now()).is_none());
    let answer = entry.wait(HOUR).await.err().expect("it cannot be narrowed");
    assert!(answer.problem().message.contains("widen"), "{answer:?}");
    world.apply(Vec::new());
    assert!(world.keepers.narrowed("l1").is_none());
    drop(held);
}

#[tokio::test]
async fn its_attempts_name_the_leases() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    let _held = [
        world.keepers.narrow("l1", "dev", read_only()),
        world.keepers.narrow("l2", "dev", read_only()),
    ];
    let entry = world.keepers.narrowed("l2").expect("it is there");
    entry.wait(HOUR).await.ok().unwrap();
    let records = world.journal.records();
    for event in [Event::Attempt, Event::Issued] {
        let record = records.iter().find(|record| record.event == event);
        let lease = record.and_then(|record| record.lease.clone()).unwrap();
        assert!(["l1", "l1,l2"].contains(&lease.as_str()), "{lease}");
    }
}
