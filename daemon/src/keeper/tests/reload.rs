//! Configurations that change, and what status says.

use rolecall::api::{Code, RoleState};

use crate::issue::Class;
use crate::keeper::NoSession;
use crate::keeper::testing::{HOUR, World, call, failure, role, role_of, unusable};
use crate::recipe::SessionName;

#[tokio::test]
async fn a_role_called_as_another_is_escaped_wins_whatever_the_order() {
    let world = World::new();
    for (plain, escaped) in [("x_a_20b", "a b"), ("x_z_20b", "z b")] {
        world.apply(vec![role(plain, &["dev"]), role(escaped, &["new"])]);
        let found = world.keepers.role_by_slug(plain).unwrap();
        assert_eq!(found.role.name.as_str(), plain);
        world.apply(vec![role(escaped, &["new"]), role(plain, &["dev"])]);
        let found = world.keepers.role_by_slug(plain).unwrap();
        assert_eq!(found.role.name.as_str(), plain);
    }
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
    world.pass(3600).await;
    assert!(matches!(old.wait(HOUR).await, Err(NoSession::NotReady(_))));

    world.wait("new").await.unwrap();
    longer.duration = 2 * HOUR;
    let changes = world.apply(vec![role_of("new", vec![longer])]);
    assert_eq!(changes[2], "new: changed (duration_seconds)");
    assert_eq!(world.read("new"), None, "another recipe, another session");
}

#[tokio::test]
async fn who_waits_while_a_reload_changes_the_role_is_told_at_once() {
    let world = World::new();
    world.apply(vec![role("dev", &["dev"])]);
    *world.files.next.lock().unwrap() = Some(vec![role("dev", &["moved"])]);
    let retired = world.keepers.role("dev").unwrap();
    assert!(matches!(
        retired.wait(HOUR).await,
        Err(NoSession::NotReady(_))
    ));
    let entry = world.keepers.role("dev").unwrap();
    let served = entry.wait(HOUR).await.ok().unwrap();
    assert!(served.session.origin.role_arn.ends_with("role/moved"));
    assert_eq!(entry.status(world.now()).recipe, "base → moved 1h");
    assert_eq!(world.aws.calls(), 1, "the old recipe was not used");
}

#[tokio::test]
async fn an_unusable_role_says_why() {
    let world = World::new();
    world.apply(vec![unusable("bad")]);
    let entry = world.keepers.role("bad").unwrap();
    let answer = entry.wait(HOUR).await.err().expect("it has no recipe");
    assert_eq!(answer.problem().message, "no source_profile");
    assert_eq!(entry.state(world.now()), RoleState::Unusable);
    assert_eq!(entry.status(world.now()).notes, ["no source_profile"]);
    assert!(entry.read(world.now()).is_none());
}

#[tokio::test]
async fn a_mended_file_is_noticed_by_the_next_who_asks() {
    let world = World::new();
    world.apply(vec![unusable("bad"), role("dev", &["dev"])]);
    let mended = || Some(vec![role("bad", &["bad"]), role("dev", &["dev"])]);
    *world.files.next.lock().unwrap() = mended();
    // The doors go on to the entry that takes its place.
    world.wait("bad").await.unwrap_err();
    world.wait("bad").await.unwrap();

    world.aws.set_down(Some(failure(Class::Denied)));
    world.wait("dev").await.unwrap_err();
    world.aws.set_down(None);
    world.wait("dev").await.unwrap_err();
    // The same recipe with other keys.
    *world.files.next.lock().unwrap() = mended();
    world.wait("dev").await.unwrap();
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
