//! Bytes through the real accept loop.

mod life;
mod refused;
mod scarce;
mod strict;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::fake::{FakeWhoIs, UID, World};
use super::super::imds::Imds;
use super::super::patience::Patience;
use super::super::server::{Listener, Server};
use super::super::token::{TokenAuthority, TokenKey};
use crate::secrets::SeededRandom;

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
            world.access(),
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
