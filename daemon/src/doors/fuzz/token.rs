//! IMDS tokens and their time to live, as headers bring them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};

use super::super::token::{Opened, TokenAuthority, TokenKey};
use super::{Rig, UID, visitor, with};
use crate::clock::Clock as _;
use crate::secrets::OsRandom;

/// The bytes as a token, as changes to a good token, and as a time to live.
///
/// # Panics
///
/// When a token that was not sealed here opens, or a TTL out of bounds is granted.
pub fn token(data: &[u8]) {
    with(|rig| {
        let boot = rig.world.clock.now().boot;
        // Of its own: libFuzzer learns good tokens from comparisons, and those of before must not be good.
        let key = TokenKey::random(&OsRandom::default());
        let tokens = TokenAuthority::new(&key, "boot-a", "127.0.0.1:1690");
        let good = tokens.issue(UID, Duration::from_mins(1), boot);
        let opened = Opened::default();
        let opens = |token: &[u8]| tokens.remaining(token, UID, boot, &opened).is_some();
        assert!(!opens(data), "forged");
        assert!(opens(good.as_bytes()));
        // The door remembers the good one now; what it remembers must be these very bytes.
        assert!(!opens(data), "taken for the one before");

        let mut changed = good.clone().into_bytes();
        for pair in data.chunks_exact(2) {
            let at = usize::from(pair[0]) % changed.len();
            changed[at] ^= pair[1];
        }
        assert_eq!(opens(&changed), changed == good.as_bytes(), "changed");
        changed.truncate(data.len());
        assert_eq!(opens(&changed), changed == good.as_bytes(), "cut");
        ttl(rig, data);
    });
}

fn ttl(rig: &Rig, data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::PUT;
    head.uri = Uri::from_static("/latest/api/token");
    head.headers
        .insert("x-aws-ec2-metadata-token-ttl-seconds", value);
    let door = rig.door(b'0');
    let answering = door.answer(&visitor(door.door()), &head, Bytes::new());
    let status = rig.runtime.block_on(answering).status();
    // Digits alone, as the EC2 user guide has them.
    let seconds = std::str::from_utf8(data)
        .ok()
        .filter(|text| text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = seconds
        .and_then(|text| text.parse::<u32>().ok())
        .is_some_and(|seconds| (1..=21_600).contains(&seconds));
    assert_eq!(status.as_u16(), if fits { 200 } else { 400 });
}
