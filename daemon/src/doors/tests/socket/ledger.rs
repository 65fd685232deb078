use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::super::super::fake::head;
use super::super::super::needs::Witness;
use super::super::super::server::Handler;
use super::Rig;
use crate::ledger::{Event, Record};

#[tokio::test]
async fn the_ledger_is_read_and_waited_for() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/ledger").await.body, r#"{"records":[]}"#);
    rig.get("/v1/credentials/dev").await;
    let read = rig.get("/v1/ledger?count=10").await.json();
    assert_eq!(read["records"][0]["event"], "serve");

    let witness = rig.world.witness.clone();
    let waiting = rig.get("/v1/ledger?after=1&wait=30");
    let write = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Witness::note(
            &*witness,
            Record {
                event: Event::Reload,
                ..Record::default()
            },
        );
    };
    let (read, ()) = tokio::join!(waiting, write);
    assert_eq!(read.json()["records"][0]["event"], "reload");

    let stopped = rig.get("/v1/ledger?after=2&wait=30");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        rig.drain.send_replace(true);
    };
    let (read, ()) = tokio::join!(stopped, stop);
    assert_eq!(read.body, r#"{"records":[]}"#);
}

#[tokio::test]
async fn events_are_records_as_they_are_written_until_the_daemon_stops() {
    let rig = Rig::new().await;
    let head = head("GET", "/v1/events", &[]);
    let response = rig.door.answer(&rig.visitor, &head, Bytes::new()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    rig.get("/v1/credentials/dev").await;
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let event = String::from_utf8(frame.to_vec()).unwrap();
    assert!(
        event.starts_with("event: record\ndata: {\"event\":\"serve\""),
        "{event}"
    );
    assert!(event.ends_with("}\n\n"));
    rig.drain.send_replace(true);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_reader_of_events_that_is_too_slow_is_told_what_it_missed() {
    let rig = Rig::new().await;
    let head = head("GET", "/v1/events", &[]);
    let response = rig.door.answer(&rig.visitor, &head, Bytes::new()).await;
    for _ in 0..50 {
        let record = Record::default();
        Witness::note(&*rig.world.witness, record);
    }
    let mut body = response.into_body();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&frame[..], b"event: gap\ndata: 46\n\n");
}
