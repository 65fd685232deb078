//! Cold callers, renewals, outages, readers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall::api::{Code, RoleState};

use crate::clock::Now;
use crate::issue::Class;
use crate::keeper::NoSession;
use crate::keeper::testing::{HOUR, World, failure, role};

#[tokio::test]
async fn ten_thousand_cold_callers_make_one_call() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    world.aws.hold();
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let entry = world.keepers.role("dev").unwrap();
            tokio::spawn(async move {
                let result = entry.wait(Duration::from_secs(55)).await;
                result
                    .ok()
                    .map(|served| served.session.access_key_id.clone())
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
    let entry = world.keepers.role("dev").unwrap();
    let gone = tokio::spawn(async move { entry.wait(HOUR).await.is_ok() });
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
