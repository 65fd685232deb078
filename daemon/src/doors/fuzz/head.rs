//! Bytes of a connection through all that a real one goes through after its accept: the wire's scanner,
//! hyper, the guard, and a door.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rolecall::api::Door;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::connections::{Connections, Welcome};
use super::super::drive::{ConnectionService, drive};
use super::super::fake::{FakeWhoIs, UID};
use super::super::guard::Site;
use super::super::patience::Patience;
use super::{DEV, PROD, Rig, says_the_answer, visitor, with};

/// More than a head may have, and pipelined requests.
const LONGEST: usize = 64 * 1024;

/// What a connection can hold in either direction before its reader reads.
const PIPE: usize = 16 * 1024;

/// The first byte names the door, the second how many bytes come at a time (0: all); the rest comes over
/// the connection, which then ends.
///
/// # Panics
///
/// When an answer is none of HTTP's, or gives credentials of a TCP door to somebody without a token.
pub fn head(data: &[u8]) {
    let [door, pace, bytes @ ..] = data else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    if says_the_answer(bytes) {
        return;
    }
    with(|rig| {
        let handler = rig.door(*door);
        let answer = rig.runtime.block_on(exchange(rig, *door, *pace, bytes));
        let text = String::from_utf8_lossy(&answer);
        // To a request of HTTP/1.0 hyper answers in kind.
        assert!(text.is_empty() || text.starts_with("HTTP/1."), "{text}");
        assert!(
            !text.to_ascii_lowercase().contains("\r\naccess-control"),
            "{text}"
        );
        if handler.door() != Door::Socket {
            assert!(!text.contains(DEV) && !text.contains(PROD), "{text}");
        }
    });
}

async fn exchange(rig: &Rig, door: u8, pace: u8, bytes: &[u8]) -> Vec<u8> {
    let handler = rig.door(door);
    let site = match handler.door() {
        Door::Socket => Site::Socket,
        _ => Site::Tcp(IpAddr::V4(Ipv4Addr::LOCALHOST), 1690),
    };
    let connections = Connections::new(1);
    let admitted = connections.admit(Welcome::Served).expect("room for one");
    let service = ConnectionService {
        site,
        handler: Arc::clone(handler),
        common: rig.world.common(FakeWhoIs::new(Some(UID))),
        visitor: visitor(handler.door()),
        connection: Arc::clone(admitted.connection()),
    };
    let (near, far) = tokio::io::duplex(PIPE);
    let driven = drive(
        far,
        service,
        admitted,
        Patience::default(),
        rig.drain.subscribe(),
    );
    let (mut reader, mut writer) = tokio::io::split(near);
    let say = async {
        let chunk = if pace == 0 {
            bytes.len().max(1)
        } else {
            usize::from(pace)
        };
        for piece in bytes.chunks(chunk) {
            // The daemon may have had enough.
            if writer.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = writer.shutdown().await;
    };
    let hear = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
        answer
    };
    tokio::join!(driven, say, hear).2
}
