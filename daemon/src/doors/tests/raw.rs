//! Bytes through the real accept loop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use rolecall::api::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::fake::{FakeWhoIs, UID, World};
use super::super::imds::Imds;
use super::super::patience::Patience;
use super::super::server::{Listener, Server};
use super::super::token::{TokenAuthority, TokenKey};
use crate::ledger::Event;
use crate::secrets::SeededRandom;

const SHORT: Patience = Patience {
    head: Duration::from_millis(200),
    idle: Duration::from_millis(600),
};

struct Rig {
    world: World,
    address: SocketAddr,
    drain: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Rig {
    async fn new() -> Self {
        Self::with(Patience::default(), 1024, Some(UID)).await
    }

    async fn with(patience: Patience, most: usize, uid: Option<u32>) -> Self {
        let world = World::new();
        let common = world.common(FakeWhoIs::new(uid));
        let key = TokenKey::random(&SeededRandom::new(1));
        let door = Imds::new(
            "dev".to_owned(),
            world.roles.clone(),
            TokenAuthority::new(&key, "boot-a", "here"),
            world.records.clone(),
            Arc::new(world.clock.clone()),
        );
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = watch::Sender::new(false);
        let server = Server::new(Listener::Tcp(listener), Arc::new(door), common)
            .unwrap()
            .with_limits(most, patience);
        let task = tokio::spawn(server.run(drain.subscribe(), Duration::from_secs(5)));
        Self {
            world,
            address,
            drain,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and returns everything that comes until the connection is closed.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }
}

/// What comes until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("the connection is closed");
    String::from_utf8(answer).unwrap()
}

/// One answer with a stated length.
async fn one(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        assert_ne!(
            stream.read_buf(&mut answer).await.unwrap(),
            0,
            "closed early"
        );
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return text.into_owned();
        }
    }
}

fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n").into_bytes()
}

const PUT: &[u8] = b"PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n\
    X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n";

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

#[tokio::test]
async fn put_and_gets_share_a_connection_and_pipelined_ones_are_answered_in_order() {
    let rig = Rig::new().await;
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    let token = one(&mut stream).await;
    let token = token.rsplit("\r\n").next().unwrap().to_owned();
    let header = format!("X-aws-ec2-metadata-token: {token}\r\n");
    let listing = get("/latest/meta-data/iam/security-credentials/", &header);
    stream.write_all(&listing).await.unwrap();
    let answer = one(&mut stream).await;
    assert!(answer.ends_with("\r\n\r\ndev"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("access-control"));

    let mut pipelined = PUT.to_vec();
    pipelined.extend(listing);
    let close = format!("{header}Connection: close\r\n");
    pipelined.extend(get("/latest/meta-data/placement/region", &close));
    stream.write_all(&pipelined).await.unwrap();
    let answers = rest(&mut stream).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    let (listing, region) = (
        answers.find("\r\n\r\ndevHTTP"),
        answers.find("eu-central-1"),
    );
    assert!(listing.unwrap() < region.unwrap());
}

#[tokio::test]
async fn a_put_without_a_length_is_answered_at_once_and_one_with_a_body_is_drained() {
    let rig = Rig::new().await;
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "200");
    let with_body = b"PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\
        X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\nGET / HTTP";
    stream.write_all(with_body).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "200");
    stream.write_all(&get("/", "")).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "401");
    let empty = b"PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\
        X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
    stream.write_all(empty).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "200");

    let mut large =
        b"PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 70000\r\n\
        X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n"
            .to_vec();
    large.resize(large.len() + 70_000, b'x');
    assert_eq!(status(&rig.exchange(&large).await), "413");
}

#[tokio::test]
async fn what_is_not_strictly_http_is_refused_and_the_connection_closed() {
    let rig = Rig::new().await;
    let host = "Host: 127.0.0.1\r\n";
    let smuggled = "GET /latest/meta-data/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for request in [
        format!("GET / HTTP/1.1\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A : b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\0c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\na{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\na{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("PUT / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("PUT / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n{smuggled}"),
        format!("PUT / HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\na{smuggled}"),
        "CONNECT 127.0.0.1:1 HTTP/1.1\r\nBad Name: x\r\n\r\n".to_owned(),
    ] {
        let answer = rig.exchange(request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{request:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{request:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn garbage_ends_the_connection_and_nothing_else() {
    let rig = Rig::new().await;
    let mut noise = Vec::new();
    for seed in 0..50_u64 {
        let mut bytes = vec![0; 512];
        crate::secrets::Random::fill(&SeededRandom::new(seed), &mut bytes);
        bytes.extend(b"\r\n\r\n");
        noise.push(bytes);
    }
    noise.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    noise.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    for bytes in &noise {
        let answer = rig.exchange(bytes).await;
        assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
    }
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "200");
}

#[tokio::test]
async fn heads_are_bounded() {
    let rig = Rig::new().await;
    let long = "x".repeat(9 * 1024);
    let many = (0..80).fold(String::new(), |all, n| format!("{all}a{n}: b\r\n"));
    for (request, expected) in [
        (get("/", &format!("A: {long}\r\n")), "431"),
        (get(&format!("/{long}"), ""), "414"),
        (get("/", &many), "431"),
        (get("/", &format!("A: {long}\r\nB: {long}\r\n")), "431"),
    ] {
        let answer = rig.exchange(&request).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    // Never ending, never more than the limit held.
    let mut stream = rig.connect().await;
    let chunk = format!("A: {}\r\n", "y".repeat(1000));
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    for _ in 0..40 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || status(&answer) == "431", "{answer}");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed_and_needs_a_host() {
    let rig = Rig::new().await;
    let answer = rig
        .exchange(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        .await;
    assert_eq!(status(&answer), "401", "{answer}");
    let answer = rig.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&answer), "400", "{answer}");
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let rig = Rig::new().await;
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    let answer = one(&mut stream).await;
    let token = answer.rsplit("\r\n").next().unwrap();
    let request = format!(
        "HEAD /latest/meta-data/placement/region HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         X-aws-ec2-metadata-token: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-length: 12\r\n"));
    assert!(answer.ends_with("\r\n\r\n") && answer.contains(CONTENT_TYPE.as_str()));
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed_in_their_time() {
    let rig = Rig::with(SHORT, 1024, Some(UID)).await;
    #[expect(
        clippy::disallowed_methods,
        reason = "measures the server's timers from outside"
    )]
    let since = tokio::time::Instant::now();

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
    let mut idle = rig.connect().await;
    idle.write_all(&get("/", "")).await.unwrap();
    one(&mut idle).await;

    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(rest(&mut second_head).await, "");
    trickle.await.unwrap();
    assert!(
        since.elapsed() < Duration::from_millis(590),
        "{:?}",
        since.elapsed()
    );
    idle.write_all(&get("/", "")).await.unwrap();
    assert_eq!(status(&one(&mut idle).await), "401");
    assert_eq!(rest(&mut idle).await, "");
    assert!(since.elapsed() >= Duration::from_millis(600));
}

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
