//! Who and what is turned away, and what the ledger has of it.

use rolecall::api::Door;
use tokio::io::AsyncWriteExt;

use super::super::super::fake::UID;
use super::super::super::patience::Patience;
use super::{PUT, Rig, one, status};
use crate::ledger::Event;

#[tokio::test]
async fn other_users_and_peers_the_kernel_does_not_know_get_nothing() {
    for uid in [Some(UID + 1), Some(0), None] {
        let rig = Rig::with(Patience::default(), 1024, uid).await;
        for _ in 0..5 {
            let answer = rig.exchange(PUT).await;
            assert_eq!(status(&answer), "403", "{answer}");
            assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        }
        let records = rig.world.until_recorded(1).await;
        assert_eq!(records[0].event, Event::Refused);
        assert_eq!(records[0].rule.as_deref(), Some("uid"));
        assert_eq!(records[0].door, Some(Door::Imds));
        assert_eq!(records[0].peer.as_ref().map(|peer| peer.uid), uid);
        if uid == Some(0) {
            rig.world
                .admittance
                .send_modify(|admittance| admittance.root = true);
            let mut stream = rig.connect().await;
            stream.write_all(PUT).await.unwrap();
            assert_eq!(status(&one(&mut stream).await), "200");
        }
    }
}

#[tokio::test]
async fn refusals_of_the_guard_are_recorded_once_a_minute() {
    let rig = Rig::new().await;
    let rebound = b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    for _ in 0..10 {
        assert_eq!(status(&rig.exchange(rebound).await), "403");
    }
    rig.world.later(61);
    assert_eq!(status(&rig.exchange(rebound).await), "403");
    let records = rig.world.until_recorded(2).await;
    assert!(
        records
            .iter()
            .all(|record| record.rule.as_deref() == Some("guard"))
    );
    assert!(records[1].message.as_deref().unwrap().contains("9 more"));
}
