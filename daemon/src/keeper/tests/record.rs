//! The ledger, session names, and the end.

use std::sync::atomic::Ordering;

use crate::issue::Class;
use crate::keeper::NoSession;
use crate::keeper::testing::{HOUR, World, failure, role};
use crate::ledger::Event;

#[tokio::test]
async fn every_session_is_in_the_ledger_before_it_is_handed_out() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.queue(failure(Class::Never));
    let mut lost = failure(Class::TryAgain);
    lost.sent = true;
    world.aws.queue(lost);
    world.wait("dev").await.unwrap_err();
    world.pass(10).await;
    world.wait("dev").await.unwrap_err();
    world.pass(60).await;
    world.wait("dev").await.unwrap();
    assert_eq!(
        world.journal.events(),
        [
            Event::Attempt,
            Event::Failed,
            Event::Attempt,
            Event::Unknown,
            Event::Attempt,
            Event::Issued,
        ]
    );
    let records = world.journal.records();
    let issued = records.last().unwrap().session.clone().unwrap();
    assert_eq!(issued.akid, "ASIA3");
    assert_eq!(
        records[0].session.as_ref().unwrap().session_name,
        issued.session_name
    );
    assert_eq!(records[0].role.as_deref(), Some("dev"));
}

#[tokio::test]
async fn a_ledger_that_refuses_stops_the_issue() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.journal.full.store(true, Ordering::SeqCst);
    assert!(matches!(
        world.wait("dev").await,
        Err(NoSession::LedgerUnavailable(_))
    ));
    assert_eq!(world.aws.calls(), 0);
    world.journal.full.store(false, Ordering::SeqCst);
    world.pass(60).await;
    assert!(world.wait("dev").await.is_ok());
}

#[tokio::test]
async fn a_session_that_cannot_be_recorded_is_not_handed_out() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.hold();
    let entry = world.keepers.role("dev").unwrap();
    let waiting = tokio::spawn(async move { entry.wait(HOUR).await.err() });
    world.settle().await;
    world.journal.full.store(true, Ordering::SeqCst);
    world.aws.release();
    assert!(matches!(
        waiting.await.unwrap(),
        Some(NoSession::LedgerUnavailable(_))
    ));
    assert_eq!(world.read("dev"), None);
}

#[tokio::test]
async fn session_names_outlive_renewals_and_restarts() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"]), role("other", &["other"])]);
    world.wait("dev").await.unwrap();
    world.wait("other").await.unwrap();
    world.pass(1980).await;
    let again = World::in_directory(world.directory.clone(), 99);
    again.apply(vec![role("dev", &["dev"])]);
    again.wait("dev").await.unwrap();

    let names = |world: &World, role: &str| -> Vec<String> {
        let seen = world.aws.seen.lock().unwrap();
        let of_role = seen.iter().filter(|(name, _, _)| name == role);
        of_role.map(|(_, session, _)| session.clone()).collect()
    };
    let first = names(&world, "dev");
    assert_eq!(first.len(), 2);
    assert!(
        first[0].starts_with("alice@laptop.") && first[0].len() == 25,
        "{first:?}"
    );
    assert_eq!(first[0], first[1]);
    assert_eq!(names(&again, "dev"), first[..1]);
    assert_ne!(names(&world, "other")[0], first[0]);
}

#[tokio::test]
async fn stopping_answers_all_who_wait_and_records_what_was_cut_off() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"]), role("idle", &["idle"])]);
    world.aws.hold();
    let entry = world.keepers.role("dev").unwrap();
    let waiting = tokio::spawn(async move { entry.wait(HOUR).await.err() });
    world.settle().await;
    world.keepers.shut_down();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.problem().message, "the daemon is stopping");
    let stopped = tokio::spawn({
        let keepers = world.keepers.clone();
        async move { keepers.stopped().await }
    });
    world.settle().await;
    assert!(!stopped.is_finished(), "the attempt has a moment left");
    world.pass(2).await;
    stopped.await.unwrap();
    assert_eq!(world.journal.events(), [Event::Attempt, Event::Unknown]);
    let cut_off = world.journal.records()[1].clone();
    assert_eq!(cut_off.session, world.journal.records()[0].session);
    assert!(world.apply(vec![role("late", &["late"])]).is_empty());
}
