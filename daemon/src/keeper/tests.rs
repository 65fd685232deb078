//! Keepers on a clock that stands still, before an AWS that does what it is told.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall::api::{Code, RoleState};

use super::testing::{HOUR, World, call, failure, role, role_of, unusable};
use super::{NoSession, Obtain};
use crate::clock::Now;
use crate::issue::Class;
use crate::ledger::Event;
use crate::recipe::SessionName;

#[tokio::test]
async fn ten_thousand_cold_callers_make_one_call() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.hold();
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let keepers = world.keepers.clone();
            tokio::spawn(async move {
                let result = keepers.obtain("dev", Duration::from_secs(55)).await;
                result
                    .ok()
                    .map(|(_, served)| served.session.access_key_id.clone())
            })
        })
        .collect();
    world.settle().await;
    world.pass(30).await;
    assert_eq!(world.aws.calls(), 1);
    world.aws.release();
    for caller in callers {
        assert_eq!(caller.await.unwrap().as_deref(), Some("ASIA1"));
    }
    assert_eq!(world.aws.calls(), 1);
}

#[tokio::test]
async fn a_caller_who_waits_too_long_or_goes_away_does_not_stop_the_attempt() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.hold();
    let keepers = world.keepers.clone();
    let gone = tokio::spawn(async move { keepers.obtain("dev", HOUR).await.is_ok() });
    world.settle().await;
    gone.abort();
    let waiting = tokio::spawn({
        let entry = world.keepers.role("dev").unwrap();
        async move { entry.wait(Duration::from_millis(400)).await.err() }
    });
    world.settle().await;
    world.pass(1).await;
    let answer = waiting.await.unwrap().unwrap();
    assert!(
        matches!(&answer, NoSession::NotReady(problem) if problem.message.contains("still being asked"))
    );
    world.aws.release();
    world.settle().await;
    assert_eq!(world.read("dev").as_deref(), Some("ASIA1"));
    assert_eq!(world.aws.calls(), 1);
}

#[tokio::test]
async fn the_old_session_is_served_while_a_renewal_takes_its_time() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    assert_eq!(world.wait("dev").await.as_deref(), Ok("ASIA1"));
    world.aws.hold();
    world.pass(1980).await;
    assert_eq!(world.aws.calls(), 2);
    assert_eq!(world.read("dev").as_deref(), Some("ASIA1"));
    world.aws.release();
    world.settle().await;
    assert_eq!(world.read("dev").as_deref(), Some("ASIA2"));
}

#[tokio::test]
async fn an_outage_from_half_life_on_is_not_felt_until_the_end() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.wait("dev").await.unwrap();
    world.pass(1770).await;
    world.aws.set_down(Some(failure(Class::TryAgain)));
    for second in 1770..3540 {
        assert_eq!(world.read("dev").as_deref(), Some("ASIA1"), "{second}");
        world.pass(1).await;
    }
    assert_eq!(world.read("dev"), None);
    let calls = world.aws.calls();
    assert!(calls > 10, "{calls}");
    assert!(matches!(
        world.wait("dev").await,
        Err(NoSession::AwsUnavailable(_))
    ));
    let entry = world.keepers.role("dev").unwrap();
    assert_eq!(entry.state(world.now()), RoleState::Failing);

    world.aws.set_down(None);
    world.pass(60).await;
    assert!(world.wait("dev").await.is_ok());
    assert_eq!(entry.state(world.now()), RoleState::Ready);
    assert_eq!(world.aws.most_in_flight.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failure_answers_everybody_at_once_and_is_no_reason_for_more_calls() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.set_down(Some(failure(Class::Denied)));
    for _ in 0..50 {
        let answer = world.wait("dev").await.unwrap_err();
        assert!(matches!(&answer, NoSession::AwsDenied(_)), "{answer:?}");
        assert_eq!(answer.problem().code, Code::AwsDenied);
        assert_eq!(answer.problem().message, "dev: Denied it is");
    }
    assert_eq!(world.aws.calls(), 1);
    // Who asked meanwhile is the reason for one more.
    world.pass(3600).await;
    assert_eq!(world.aws.calls(), 2);
    world.pass(3600).await;
    assert_eq!(world.aws.calls(), 2);
}

#[tokio::test]
async fn what_nobody_reads_lapses_and_what_is_pinned_does_not() {
    let world = World::new();
    let mut kept = role("kept", &["kept"]);
    kept.keep_fresh = true;
    world.apply(vec![
        role("dev", &["dev"]),
        role("listener", &["listener"]),
        kept,
    ]);
    let pin = world.keepers.role("listener").unwrap().pin();
    world.settle().await;
    assert!(world.read("kept").is_some() && world.read("listener").is_some());
    world.wait("dev").await.unwrap();
    // The read above is good for one renewal; nobody reads after it.
    for _ in 0..200 {
        world.pass(60).await;
    }
    let entry = world.keepers.role("dev").unwrap();
    assert_eq!(entry.state(world.now()), RoleState::Cold);
    for pinned in ["kept", "listener"] {
        assert_eq!(
            world.keepers.role(pinned).unwrap().state(world.now()),
            RoleState::Ready
        );
    }
    drop(pin);
    for _ in 0..900 {
        world.pass(60).await;
    }
    // Twelve hours without a real read.
    let calls = world.aws.calls();
    for _ in 0..200 {
        world.pass(60).await;
    }
    assert_eq!(world.aws.calls(), calls);
    assert_eq!(
        world.keepers.role("kept").unwrap().state(world.now()),
        RoleState::Cold
    );
}

#[tokio::test]
async fn a_late_read_wakes_a_keeper_that_slept_over_its_renewal() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.wait("dev").await.unwrap();
    world.pass(1980).await;
    assert_eq!(world.read_unmarked("dev").as_deref(), Some("ASIA2"));
    // ASIA2 is unread when its renewal comes.
    world.pass(2200).await;
    assert_eq!(world.aws.calls(), 2);
    let status = world.keepers.role("dev").unwrap().status(world.now());
    assert_eq!(status.session.unwrap().renewal, None);
    assert_eq!(world.read("dev").as_deref(), Some("ASIA2"));
    world.settle().await;
    assert_eq!(world.read("dev").as_deref(), Some("ASIA3"));
}

#[tokio::test]
async fn two_chains_share_their_first_step() {
    let world = World::new();
    world.apply(vec![role("a", &["hub", "a"]), role("b", &["hub", "b"])]);
    let (a, b) = tokio::join!(world.wait("a"), world.wait("b"));
    assert!(a.is_ok() && b.is_ok() && a != b);
    let seen = world.aws.seen.lock().unwrap().clone();
    let signers: Vec<_> = seen
        .iter()
        .map(|(role, _, signer)| (role.as_str(), signer.as_str()))
        .collect();
    assert_eq!(signers[0], ("hub", "AKIAUSER"));
    assert!(signers[1..].contains(&("a", "ASIA1")) && signers[1..].contains(&("b", "ASIA1")));
    assert_eq!(signers.len(), 3);
    assert_eq!(world.journal.records()[0].role.as_deref(), Some("a,b"));
}

#[tokio::test]
async fn a_child_fails_the_way_its_parent_does() {
    let world = World::new();
    world.apply(vec![role("a", &["hub", "a"])]);
    world.aws.set_down(Some(failure(Class::Denied)));
    let answer = world.wait("a").await.unwrap_err();
    assert_eq!(answer.problem().message, "hub: Denied it is");
    assert_eq!(world.aws.calls(), 1);
}

#[tokio::test]
async fn a_dead_parent_is_renewed_and_the_child_tried_once_more() {
    let world = World::new();
    world.apply(vec![role("hub", &["hub"]), role("a", &["hub", "a"])]);
    world.wait("hub").await.unwrap();
    world.aws.queue(failure(Class::ParentDead));
    assert_eq!(world.wait("a").await.as_deref(), Ok("ASIA4"));
    let seen = world.aws.seen.lock().unwrap().clone();
    let signers: Vec<_> = seen
        .iter()
        .map(|(role, _, signer)| (role.as_str(), signer.as_str()))
        .collect();
    assert_eq!(
        signers,
        [
            ("hub", "AKIAUSER"),
            ("a", "ASIA1"),
            ("hub", "AKIAUSER"),
            ("a", "ASIA3"),
        ]
    );
    assert_eq!(world.read("hub").as_deref(), Some("ASIA3"));
}

#[tokio::test]
async fn a_parent_that_stays_dead_is_a_refusal() {
    let world = World::new();
    world.apply(vec![role("hub", &["hub"]), role("a", &["hub", "a"])]);
    world.wait("hub").await.unwrap();
    world.aws.set_down(Some(failure(Class::ParentDead)));
    assert!(matches!(
        world.wait("a").await,
        Err(NoSession::AwsDenied(_))
    ));
    assert_eq!(
        world.aws.calls(),
        3,
        "child, parent; the parent's answer is the child's"
    );
    assert_eq!(world.read("hub").as_deref(), Some("ASIA1"), "rule 2");
}

#[tokio::test]
async fn a_clock_set_back_two_hours_lengthens_nothing() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.wait("dev").await.unwrap();
    world.aws.set_down(Some(failure(Class::TryAgain)));
    let now = world.now();
    world.clock.set(Now {
        wall: now.wall.minus(2 * HOUR),
        ..now
    });
    world.settle().await;
    assert!(world.read("dev").is_some());
    world.pass(3539).await;
    assert!(world.read("dev").is_some());
    world.pass(1).await;
    assert_eq!(world.read("dev"), None);
}

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
async fn a_reload_keeps_what_is_unchanged_and_ends_what_is_gone() {
    let world = World::new();
    let changes = world.apply(vec![
        role("dev", &["dev"]),
        role("old", &["old"]),
        unusable("bad"),
    ]);
    assert_eq!(changes, ["bad: added", "dev: added", "old: added"]);
    world.wait("dev").await.unwrap();
    world.wait("old").await.unwrap();
    let old = world.keepers.role("old").unwrap();

    let mut dev = call("dev");
    dev.sts.region = "us-east-1".into();
    let mut longer = call("new");
    longer.session_name = SessionName::Verbatim("me".into());
    let changes = world.apply(vec![
        role_of("dev", vec![dev]),
        role_of("new", vec![longer.clone()]),
        role("bad", &["bad"]),
    ]);
    assert_eq!(
        changes,
        [
            "bad: changed (usable now)",
            "dev: changed (STS region)",
            "new: added",
            "old: removed",
        ]
    );
    assert_eq!(world.read("dev").as_deref(), Some("ASIA1"));
    assert!(world.keepers.role("old").is_none() && world.keepers.role_by_slug("old").is_none());
    assert!(matches!(
        world.keepers.obtain("old", HOUR).await,
        Err(Obtain::UnknownRole)
    ));
    world.pass(3600).await;
    assert!(matches!(old.wait(HOUR).await, Err(NoSession::NotReady(_))));

    world.wait("new").await.unwrap();
    longer.duration = 2 * HOUR;
    let changes = world.apply(vec![role_of("new", vec![longer])]);
    assert_eq!(changes[2], "new: changed (duration_seconds)");
    assert_eq!(world.read("new"), None, "another recipe, another session");
}

#[tokio::test]
async fn who_waits_while_a_reload_changes_the_role_gets_the_new_one() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    *world.files.next.lock().unwrap() = Some(vec![role("dev", &["moved"])]);
    let (entry, served) = world.keepers.obtain("dev", HOUR).await.ok().unwrap();
    assert!(served.session.origin.role_arn.ends_with("role/moved"));
    assert_eq!(entry.status(world.now()).recipe, "base → moved 1h");
    assert_eq!(world.aws.calls(), 1, "the old recipe was not used");
}

#[tokio::test]
async fn an_unknown_role_is_looked_for_in_changed_files() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    *world.files.next.lock().unwrap() = Some(vec![role("fresh", &["fresh"])]);
    assert!(world.keepers.obtain("fresh", HOUR).await.is_ok());
    assert!(matches!(
        world.keepers.obtain("dev", HOUR).await,
        Err(Obtain::UnknownRole)
    ));
}

#[tokio::test]
async fn an_unusable_role_says_why() {
    let world = World::new();
    world.apply(vec![unusable("bad")]);
    let Err(Obtain::NoSession(entry, answer)) = world.keepers.obtain("bad", HOUR).await else {
        panic!("it has no recipe");
    };
    assert_eq!(answer.problem().message, "no source_profile");
    assert_eq!(entry.state(world.now()), RoleState::Unusable);
    assert_eq!(entry.status(world.now()).notes, ["no source_profile"]);
    assert!(entry.read(world.now()).is_none());
}

#[tokio::test]
async fn a_pin_follows_its_role_through_a_reload() {
    let world = World::new();
    let pin = world.keepers.pin("dev");
    world.apply(vec![role("dev", &["dev"])]);
    world.settle().await;
    assert!(world.read_unmarked("dev").is_some());
    world.apply(vec![role("dev", &["moved"])]);
    world.settle().await;
    assert!(world.read_unmarked("dev").is_some());
    drop(pin);
    for _ in 0..3 {
        world.pass(1990).await;
    }
    assert!(world.read_unmarked("dev").is_none());
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
    assert!(world.apply(vec![role("late", &["late"])]).is_empty());
}

#[tokio::test]
async fn status_tells_what_a_person_wants_to_know() {
    let world = World::new();
    world.apply(vec![role("dev", &["hub", "dev"])]);
    let entry = world.keepers.role("dev").unwrap();
    let cold = entry.status(world.now());
    assert_eq!(
        (cold.state, cold.recipe.as_str()),
        (RoleState::Cold, "base → hub 1h → dev 1h")
    );
    assert_eq!(cold.account.as_deref(), Some("123456789012"));
    world.wait("dev").await.unwrap();
    let ready = entry.status(world.now());
    let session = ready.session.unwrap();
    assert_eq!(
        (session.remaining_seconds, session.lifetime_seconds),
        (3540, 3540)
    );
    assert_eq!(session.expiration, "2026-01-01T00:59:00Z");
    assert!(session.renewal.unwrap().starts_with("2026-01-01T00:3"));

    world.aws.set_down(Some(failure(Class::TryAgain)));
    world.pass(1980).await;
    let degraded = entry.status(world.now());
    assert_eq!(degraded.state, RoleState::Degraded);
    let failure = degraded.failure.unwrap();
    assert_eq!(failure.code, Code::AwsUnavailable);
    assert!(failure.retry.is_some());
}
