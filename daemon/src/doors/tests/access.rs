//! In which order the doors ask, and what is written down.

use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Code, Door};

use super::super::access::{Access, Asked, Denial, Verdict};
use super::super::fake::{FakeRole, UID, World, tcp_visitor, unix_visitor};
use super::super::needs::RoleInForce;
use super::super::visitor::Visitor;
use crate::clock::{Clock, Timestamp};
use crate::ledger::Event;
use crate::recipe::Rules;
use crate::recipe::rules::{Allow, Confirm};

/// What refuses, or `yes`.
async fn verdict(access: &Access, visitor: &Arc<Visitor>, rules: Rules) -> &'static str {
    let role: Arc<dyn RoleInForce> = FakeRole::with_rules("dev", rules);
    let asked = Asked {
        visitor,
        role: &role,
        lease: None,
    };
    let at_once = access.at_once(asked).is_some();
    match access.decide(asked, Duration::ZERO).await {
        Verdict::Yes(_) if at_once => "at once",
        Verdict::Yes(_) => "yes",
        Verdict::No(denial) => {
            assert!(!at_once);
            match denial {
                Denial::Locked(problem) => {
                    assert_eq!(problem.code, Code::Locked);
                    "lock"
                }
                Denial::Refused(rule, problem) => {
                    assert_eq!(problem.code, Code::Refused);
                    assert!(problem.message.contains("role dev "), "{problem:?}");
                    rule
                }
                Denial::PersonNeeded(problem, open) => {
                    assert_eq!(problem.code, Code::PersonNeeded);
                    assert!(open.is_some_and(|open| open.role == "dev"));
                    "asked"
                }
            }
        }
    }
}

/// Rules that say no by the first of these words, and ask a person.
fn rules(no: &[&str]) -> Rules {
    let has = |word| no.contains(&word);
    Rules {
        doors: has("doors").then(|| vec![Door::Imds]),
        uid: has("uid").then_some(UID + 1),
        allow: if has("allow") {
            vec![Allow {
                tty: Some(true),
                ..Allow::default()
            }]
        } else {
            Vec::new()
        },
        confirm: Confirm::FirstUse,
        ..Rules::default()
    }
}

#[tokio::test]
async fn the_lock_comes_first_then_doors_then_who_asks_then_consent() {
    let world = World::new();
    let (access, visitor) = (world.access(), unix_visitor());
    for (no, expected) in [
        (&["doors", "uid", "allow"][..], "doors"),
        (&["uid", "allow"], "uid"),
        (&["allow"], "allow"),
        (&[], "asked"),
    ] {
        assert_eq!(verdict(&access, &visitor, rules(no)).await, expected);
    }
    let open = Rules::default();
    assert_eq!(verdict(&access, &visitor, open.clone()).await, "at once");
    let doors = Rules {
        doors: Some(vec![Door::Socket]),
        ..Rules::default()
    };
    assert_eq!(verdict(&access, &visitor, doors).await, "at once");
    let uid = Rules {
        uid: Some(UID),
        ..Rules::default()
    };
    assert_eq!(verdict(&access, &visitor, uid).await, "yes");
    assert_eq!(access.challenges().list().len(), 1);

    access.lock().lock(world.clock.now().wall).await.unwrap();
    assert_eq!(verdict(&access, &visitor, open.clone()).await, "lock");
    assert_eq!(verdict(&access, &visitor, rules(&["doors"])).await, "lock");
    access.lock().unlock().await.unwrap();
    assert_eq!(verdict(&access, &visitor, open).await, "at once");
}

#[tokio::test]
async fn only_a_role_that_asks_who_has_a_process_looked_for_and_once() {
    let world = World::new();
    let (access, visitor) = (world.access(), tcp_visitor(Door::Imds));
    let searches = || {
        world
            .whois
            .searches
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    verdict(&access, &visitor, Rules::default()).await;
    assert_eq!(searches(), 0);
    for _ in 0..3 {
        assert_eq!(verdict(&access, &visitor, rules(&["allow"])).await, "allow");
    }
    assert_eq!(searches(), 1);
    assert_eq!(verdict(&access, &visitor, rules(&[])).await, "asked");

    // Nobody is there any more: nobody can be consented to.
    let (access, gone) = (world.access(), tcp_visitor(Door::Imds));
    world
        .whois
        .gone
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(verdict(&access, &gone, rules(&[])).await, "confirm");
}

#[tokio::test]
async fn a_refusal_is_written_down_with_its_role_and_shown() {
    let world = World::new();
    let access = world.access();
    verdict(&access, &unix_visitor(), rules(&["doors"])).await;
    let records = world.witness.records.lock().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event, Event::Refused);
    assert_eq!(records[0].role.as_deref(), Some("dev"));
    assert_eq!(records[0].rule.as_deref(), Some("doors"));
    let now = world.clock.now();
    let note = access.note("dev", now).unwrap();
    assert!(
        note.contains("doors: role dev is not served through the socket door"),
        "{note}"
    );
    let later = crate::clock::Now {
        wall: Timestamp::from_secs(now.wall.as_secs() + 3600),
        ..now
    };
    assert_eq!(access.note("dev", later), None);
}
