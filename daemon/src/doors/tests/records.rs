use std::sync::Arc;

use rolecall::api::Door;

use super::super::fake::{START, UID, World, admittance, tcp_visitor, unix_peer, unix_visitor};
use super::super::needs::RoleInForce;
use super::super::visitor::Visitor;
use crate::ledger::Event;
use crate::peer::{self, Behind};

#[tokio::test]
async fn a_consumer_is_recorded_once_for_a_session_however_many_connections_it_makes() {
    let world = World::new();
    let served = world.dev.read(START).unwrap();
    for _ in 0..3 {
        let visitor = unix_visitor();
        for _ in 0..3 {
            world
                .records
                .served(&visitor, &*world.dev, &served, None, START);
        }
    }
    let records = world.recorded();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event, Event::Serve);
    assert_eq!(
        records[0]
            .consumer
            .as_ref()
            .unwrap()
            .process
            .as_ref()
            .unwrap()
            .pid,
        42
    );

    let next = world.dev.hold("ASIASECOND", START);
    world
        .records
        .served(&unix_visitor(), &*world.dev, &next, None, START);
    assert_eq!(world.recorded().len(), 2);
}

#[tokio::test]
async fn each_connection_of_a_tcp_door_has_its_process_found_once() {
    let world = World::new();
    let served = world.dev.read(START).unwrap();
    for _ in 0..3 {
        let visitor = tcp_visitor(Door::Imds);
        world
            .records
            .served(&visitor, &*world.dev, &served, None, START);
        assert!(visitor.consumer().is_none(), "found before the answer");
    }
    // One process, so one record.
    world.until_recorded(1).await;
    let searches = &world.whois.searches;
    for _ in 0..1000 {
        if searches.load(std::sync::atomic::Ordering::Relaxed) == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(searches.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(world.recorded().len(), 1);
}

#[tokio::test]
async fn processes_that_were_gone_too_soon_are_not_taken_for_each_other() {
    let world = World::new();
    let served = world.dev.read(START).unwrap();
    world
        .whois
        .gone
        .store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        let visitor = tcp_visitor(Door::Container);
        for _ in 0..2 {
            world
                .records
                .served(&visitor, &*world.dev, &served, Some("l"), START);
        }
    }
    let records = world.until_recorded(3).await;
    assert!(records.iter().all(|record| {
        let consumer = record.consumer.as_ref().unwrap();
        consumer.uid == UID && consumer.process.is_none()
    }));
}

#[tokio::test]
async fn status_knows_when_somebody_read_last() {
    let world = World::new();
    let served = world.dev.read(START).unwrap();
    let visitor = unix_visitor();
    world
        .records
        .served(&visitor, &*world.dev, &served, None, START);
    let now = world.later(90);
    world
        .records
        .served(&visitor, &*world.dev, &served, None, now);
    let readers = world.records.readers().of("dev", None);
    assert_eq!(readers.len(), 1);
    assert_eq!(readers[0].last_read, "2026-01-01T00:01:30Z");
    assert_eq!(world.recorded().len(), 1);
}

#[tokio::test]
async fn refusals_name_who_was_refused() {
    let world = World::new();
    let other = Arc::new(Visitor::of_unix(Some(unix_peer(UID + 1)), &admittance()));
    assert_eq!(other.refused, Some("uid"));
    world.records.refused(&other, "uid", "not yours", START);
    let records = world.recorded();
    assert_eq!(records[0].event, Event::Refused);
    assert_eq!(records[0].peer.as_ref().unwrap().uid, UID + 1);
    assert_eq!(records[0].message.as_deref(), Some("not yours"));
}

#[tokio::test]
async fn a_consumer_that_waits_is_read_whole_the_first_time_and_after_the_answer_then() {
    let world = World::new();
    let served = world.dev.read(START).unwrap();
    let own = peer::process(std::process::id()).unwrap();
    let visitor = || {
        let (peer, _) = unix_peer(UID);
        let waiting = peer::waiting(std::process::id()).unwrap();
        assert_eq!(waiting.known().cwd, None);
        let known = Some((peer, Behind::Waiting(waiting)));
        Arc::new(Visitor::of_unix(known, &admittance()))
    };
    let serve = |visitor: &Arc<Visitor>, now| {
        world
            .records
            .served(visitor, &*world.dev, &served, None, now);
    };

    let first = visitor();
    serve(&first, START);
    let records = world.recorded();
    let consumer = records[0].consumer.as_ref().unwrap();
    let process = consumer.process.clone().unwrap();
    // Of pid 1 nothing is told.
    assert_eq!(process.ancestors.is_empty(), own.ppid <= 1);
    let ancestors = Vec::new();
    assert_eq!(
        peer::Process {
            ancestors,
            ..process
        },
        own
    );

    // Its next client: nothing new for the ledger, and nothing to wait for.
    let second = visitor();
    let now = world.later(90);
    serve(&second, now);
    assert!(second.consumer().is_none());
    tokio::task::yield_now().await;
    assert_eq!(second.consumer(), first.consumer());
    let readers = world.records.readers().of("dev", None);
    assert_eq!(readers.len(), 1);
    assert_eq!(readers[0].last_read, "2026-01-01T00:01:30Z");
    assert_eq!(world.recorded().len(), 1);
}
