//! Steps that share, and steps whose parent dies.

use crate::issue::Class;
use crate::keeper::NoSession;
use crate::keeper::testing::{World, failure, role};

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
async fn a_parent_that_holds_a_refused_renewal_is_asked_again_when_it_is_dead() {
    let world = World::new();
    world.apply(vec![role("hub", &["hub"]), role("a", &["hub", "a"])]);
    world.wait("hub").await.unwrap();
    world.aws.set_down(Some(failure(Class::Denied)));
    for seconds in [1980, 20, 40, 600] {
        world.pass(seconds).await;
    }
    assert_eq!(world.aws.calls(), 4, "three tries, then held");
    world.aws.set_down(None);
    world.aws.queue(failure(Class::ParentDead));
    assert_eq!(world.wait("a").await.as_deref(), Ok("ASIA7"));
}
