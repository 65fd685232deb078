//! IMDS tokens: stateless, sealed, and good after a restart of the daemon.
//!
//! A token is the sealed time of its end, bound to this boot, one listener and one uid. There is no
//! table of tokens: the .NET SDK asks for one with every read, and the Rust SDK keeps one for six hours
//! and does not let go of it when it is refused (client contract 15, 16). The form follows
//! Firecracker's `TokenAuthority`.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::lease::private;
use crate::secrets::Random;

/// Shortest life of a token, in seconds (EC2 user guide, "Use IMDSv2").
pub const MIN_TTL_SECONDS: u64 = 1;

/// Longest life of a token, in seconds.
pub const MAX_TTL_SECONDS: u64 = 21_600;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SEALED_BYTES: usize = NONCE_BYTES + size_of::<u64>() + TAG_BYTES;
const TOKEN_BYTES: usize = (SEALED_BYTES * 4).div_ceil(3);
const VERSION: &[u8] = b"rolecall imds token 1";

/// Makes and checks the tokens of one listener.
pub struct TokenAuthority {
    key: RandomizedNonceKey,
    context: [u8; 32],
}

impl fmt::Debug for TokenAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthority").finish_non_exhaustive()
    }
}

/// The key of all listeners' tokens.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a key")]
pub struct TokenKey(Zeroizing<[u8; KEY_BYTES]>);

impl TokenKey {
    /// A new key.
    pub fn random(random: &dyn Random) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random.fill(&mut *key);
        Self(key)
    }

    /// The key in `file`, or a new one put there with mode 0600, so that tokens survive a restart of the
    /// daemon. The file belongs in the runtime directory, which a boot empties: nonces are random, and a
    /// key that lives for one boot seals far fewer than the 2³² tokens that allows.
    pub fn load(file: &Path, random: &dyn Random) -> io::Result<Self> {
        if let Some(bytes) = private::read(file)?
            && let Ok(key) = bytes.as_slice().try_into()
        {
            return Ok(Self(Zeroizing::new(key)));
        }
        let key = Self::random(random);
        private::write(file, &*key.0, random)?;
        Ok(key)
    }
}

impl TokenAuthority {
    /// For the listener at `listener` in the boot `boot_id`.
    pub fn new(key: &TokenKey, boot_id: &str, listener: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [VERSION, boot_id.as_bytes(), listener.as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, &*key.0)
                .expect("AES-256-GCM takes keys of 32 bytes"),
            context: hash,
        }
    }

    /// A token for `uid`, good for `ttl` from `boot` time on.
    pub fn issue(&self, uid: u32, ttl: Duration, boot: Duration) -> String {
        let end = millis(boot + ttl).to_be_bytes();
        let mut sealed = Vec::with_capacity(SEALED_BYTES);
        sealed.extend_from_slice(&end);
        let nonce = self
            .key
            .seal_in_place_append_tag(self.bound_to(uid), &mut sealed)
            .expect("eight bytes can be sealed");
        let mut token = nonce.as_ref().to_vec();
        token.append(&mut sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// How long `token` is good for, if it is: sealed here, for this listener and `uid`, and not over.
    /// `opened` belongs to one connection, whose listener and uid stay what they are.
    pub fn remaining(
        &self,
        token: &[u8],
        uid: u32,
        boot: Duration,
        opened: &Opened,
    ) -> Option<Duration> {
        let end = opened.end_of(token, || self.open(token, uid))?;
        end.checked_sub(boot).filter(|left| !left.is_zero())
    }

    /// When `token` ends, or has ended, if it was sealed here for this listener and `uid`.
    fn open(&self, token: &[u8], uid: u32) -> Option<Duration> {
        // Before anything is decoded, as Firecracker does.
        if token.len() != TOKEN_BYTES {
            return None;
        }
        let mut bytes = [0; SEALED_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        if length != SEALED_BYTES {
            return None;
        }
        let (nonce, sealed) = bytes.split_at_mut(NONCE_BYTES);
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let end = self
            .key
            .open_in_place(nonce, self.bound_to(uid), sealed)
            .ok()?;
        let end = u64::from_be_bytes((&*end).try_into().ok()?);
        Some(Duration::from_millis(end))
    }

    fn bound_to(&self, uid: u32) -> Aad<[u8; 36]> {
        let mut bound = [0; 36];
        bound[..32].copy_from_slice(&self.context);
        bound[32..].copy_from_slice(&uid.to_be_bytes());
        Aad::from(bound)
    }
}

/// The last token that could be opened on a connection, and its end: SDKs send one token with every
/// request, and opening it is dear. Whether it is over is asked anew each time.
#[derive(Default)]
pub struct Opened(Mutex<Option<(Zeroizing<[u8; TOKEN_BYTES]>, Duration)>>);

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

impl Opened {
    /// The end of `token`: as remembered for these very bytes, or what `open` says, then remembered.
    fn end_of(&self, token: &[u8], open: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, end)) = &*last
            && verify_slices_are_equal(&known[..], token).is_ok()
        {
            return Some(*end);
        }
        let end = open()?;
        *last = token
            .try_into()
            .ok()
            .map(|token| (Zeroizing::new(token), end));
        Some(end)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SeededRandom;

    const UID: u32 = 1000;
    const BOOT: Duration = Duration::from_millis(12_345_678);

    fn key(seed: u64) -> TokenKey {
        TokenKey::random(&SeededRandom::new(seed))
    }

    fn authority() -> TokenAuthority {
        TokenAuthority::new(&key(1), "boot-a", "127.0.0.1:1690")
    }

    #[test]
    fn a_token_is_short_safe_in_urls_and_headers_and_never_repeats() {
        let authority = authority();
        let tokens: std::collections::HashSet<_> = (0..1000)
            .map(|_| authority.issue(UID, Duration::from_hours(6), BOOT))
            .collect();
        assert_eq!(tokens.len(), 1000);
        for token in &tokens {
            assert_eq!(token.len(), TOKEN_BYTES);
            assert!(
                token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            );
        }
        const { assert!(TOKEN_BYTES <= 128) };
    }

    /// Client contract 14.
    #[test]
    fn it_ends_exactly_with_its_ttl() {
        let authority = authority();
        let token = authority.issue(UID, Duration::from_mins(5), BOOT);
        let opened = Opened::default();
        let left = |after: u64| {
            let boot = BOOT + Duration::from_millis(after);
            let fresh = authority.remaining(token.as_bytes(), UID, boot, &Opened::default());
            let known = authority.remaining(token.as_bytes(), UID, boot, &opened);
            assert_eq!(fresh, known);
            known
        };
        assert_eq!(left(0), Some(Duration::from_mins(5)));
        assert_eq!(left(299_999), Some(Duration::from_millis(1)));
        assert_eq!(left(300_000), None);
        assert_eq!(left(400_000), None);
    }

    /// Client contract 15, 17.
    #[test]
    fn it_is_good_only_where_it_was_made_and_after_a_restart() {
        let token = authority().issue(UID, Duration::from_mins(5), BOOT);
        let good = |key: &TokenKey, boot: &str, listener: &str, uid| {
            TokenAuthority::new(key, boot, listener)
                .remaining(token.as_bytes(), uid, BOOT, &Opened::default())
                .is_some()
        };
        assert!(good(&key(1), "boot-a", "127.0.0.1:1690", UID));
        assert!(!good(&key(2), "boot-a", "127.0.0.1:1690", UID));
        assert!(!good(&key(1), "boot-b", "127.0.0.1:1690", UID));
        assert!(!good(&key(1), "boot-a", "127.0.0.1:1691", UID));
        assert!(!good(&key(1), "boot-a", "127.0.0.1:1690", UID + 1));
        assert!(!good(&key(1), "boot-a1", "27.0.0.1:1690", UID));
    }

    #[test]
    fn no_byte_of_it_can_be_changed() {
        let authority = authority();
        let token = authority.issue(UID, Duration::from_mins(5), BOOT);
        // One that remembers the token does not take another for it.
        let opened = Opened::default();
        let remaining = |token: &[u8]| authority.remaining(token, UID, BOOT, &opened);
        assert!(remaining(token.as_bytes()).is_some());
        for at in 0..token.len() {
            for byte in 0..=u8::MAX {
                let mut other = token.clone().into_bytes();
                if other[at] == byte {
                    continue;
                }
                other[at] = byte;
                assert_eq!(remaining(&other), None, "{at} {byte}");
            }
            assert_eq!(remaining(&token.as_bytes()[..at]), None);
        }
        assert_eq!(remaining(format!("{token}A").as_bytes()), None);
        assert!(remaining(token.as_bytes()).is_some());
    }

    #[test]
    fn the_last_token_opened_is_opened_once() {
        let authority = authority();
        let tokens = [1, 2].map(|mins| authority.issue(UID, Duration::from_mins(mins), BOOT));
        let (opened, opens) = (Opened::default(), std::cell::Cell::new(0));
        let end_of = |token: &str| {
            opened.end_of(token.as_bytes(), || {
                opens.set(opens.get() + 1);
                authority.open(token.as_bytes(), UID)
            })
        };
        for (token, mins, expected) in [(0, 1, 1), (0, 1, 1), (1, 2, 2), (1, 2, 2), (0, 1, 3)] {
            let end = Some(BOOT + Duration::from_mins(mins));
            assert_eq!((end_of(&tokens[token]), opens.get()), (end, expected));
        }
        assert_eq!((end_of("no token"), opens.get()), (None, 4));
        assert!(end_of(&tokens[0]).is_some());
        assert_eq!(opens.get(), 4);
    }

    #[test]
    fn the_key_s_file_is_kept_and_a_damaged_one_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("imds-token.key");
        let first = TokenKey::load(&file, &SeededRandom::new(1)).unwrap();
        let second = TokenKey::load(&file, &SeededRandom::new(2)).unwrap();
        assert!(*first.0 == *second.0);
        let metadata = std::fs::metadata(&file).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777,
            0o600
        );
        private::write(&file, b"short", &SeededRandom::new(3)).unwrap();
        let third = TokenKey::load(&file, &SeededRandom::new(4)).unwrap();
        assert!(*first.0 != *third.0);
    }
}
