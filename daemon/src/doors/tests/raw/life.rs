//! How long connections live.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::super::fake::UID;
use super::super::super::patience::Patience;
use super::{PUT, Rig, get, one, rest, status};

/// Client contract 66.
#[tokio::test]
async fn heads_that_take_too_long_are_given_up() {
    let patience = Patience {
        head: Duration::from_millis(200),
        // Nothing in this test is closed for idling.
        idle: Duration::from_hours(1),
    };
    let rig = Rig::with(patience, 1024, Some(UID)).await;
    let mut silent = rig.connect().await;
    let mut slow = rig.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let trickle = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if slow.write_all(b"A: b\r\n").await.is_err() {
                return;
            }
        }
    });
    let mut second_head = rig.connect().await;
    second_head.write_all(&get("/", "")).await.unwrap();
    one(&mut second_head).await;
    second_head.write_all(b"GET / HT").await.unwrap();

    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(rest(&mut second_head).await, "");
    trickle.await.unwrap();
}

/// Client contract 67.
#[tokio::test]
async fn idle_connections_are_closed_in_their_time_and_in_peace() {
    let patience = Patience {
        idle: Duration::from_millis(600),
        ..Patience::default()
    };
    let rig = Rig::with(patience, 1024, Some(UID)).await;
    let mut idle = rig.connect().await;
    for _ in 0..2 {
        idle.write_all(&get("/", "")).await.unwrap();
        assert_eq!(status(&one(&mut idle).await), "401");
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "measures the server's timers from outside"
    )]
    let since = tokio::time::Instant::now();
    // A reset would reach a client that is just asking.
    assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(since.elapsed() >= patience.idle);
}

/// Client contract 66.
#[tokio::test]
async fn when_full_the_longest_idle_connection_makes_room() {
    let rig = Rig::with(Patience::default(), 3, Some(UID)).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = rig.connect().await;
        stream.write_all(&get("/", "")).await.unwrap();
        one(&mut stream).await;
        idle.push(stream);
    }
    let mut fourth = rig.connect().await;
    fourth.write_all(&get("/", "")).await.unwrap();
    assert_eq!(status(&one(&mut fourth).await), "401");
    assert_eq!(rest(&mut idle[0]).await, "");
    idle[1].write_all(&get("/", "")).await.unwrap();
    assert_eq!(status(&one(&mut idle[1]).await), "401");
}

#[tokio::test]
async fn idle_connections_do_not_keep_others_waiting() {
    let rig = Rig::new().await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        let mut stream = rig.connect().await;
        stream.write_all(b"GET / HT").await.unwrap();
        idle.push(stream);
    }
    let request = get("/", "Connection: close\r\n");
    let answer = tokio::time::timeout(Duration::from_secs(1), rig.exchange(&request));
    assert_eq!(status(&answer.await.unwrap()), "401");
}

#[tokio::test]
async fn draining_finishes_answers_in_flight_and_closes_the_idle() {
    let rig = Rig::new().await;
    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_millis(300));
    let mut idle = rig.connect().await;
    idle.write_all(PUT).await.unwrap();
    let token = one(&mut idle).await;
    let token = token.rsplit("\r\n").next().unwrap();
    let header = format!("X-aws-ec2-metadata-token: {token}\r\n");
    let mut waiting = rig.connect().await;
    let listing = get("/latest/meta-data/iam/security-credentials/", &header);
    waiting.write_all(&listing).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    rig.drain.send_replace(true);
    assert_eq!(rest(&mut idle).await, "");
    let answer = rest(&mut waiting).await;
    assert!(answer.ends_with("\r\n\r\ndev"), "{answer}");
    rig.task.await.unwrap();
    assert!(TcpStream::connect(rig.address).await.is_err());
}
