//! Secret values, and the randomness they are made from.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::sys::locked::{self, Locked};

/// A secret string: no Debug, no Display, no Serialize; in memory that is neither swapped nor dumped, and
/// wiped when the last owner drops it.
///
/// Clones share one buffer.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "a secret never has one (DESIGN rule 9)"
)]
pub struct Secret(Arc<Locked>);

impl Secret {
    /// Takes the value over; the string it came in is wiped.
    pub fn new(value: impl Into<String>) -> Self {
        let value = Zeroizing::new(value.into());
        Self(Arc::new(locked(value.len(), |room| {
            room.copy_from_slice(value.as_bytes());
        })))
    }

    /// The value. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        str::from_utf8(&self.0).expect("made of a string")
    }
}

/// `length` secret bytes, as `fill` writes them, in memory that is neither swapped nor dumped, and wiped
/// when dropped. Where the system lets no more be locked, the log says so, once.
pub fn locked(length: usize, fill: impl FnOnce(&mut [u8])) -> Locked {
    let locked = Locked::new(length, fill);
    if let Some(error) = locked::take_trouble() {
        tracing::warn!(
            "some secrets are in memory that may be swapped out: {error} (hint: raise the limit of locked memory: LimitMEMLOCK= in the unit, ulimit -l in a shell)"
        );
    }
    locked
}

/// Random bytes and fractions; passed in, so that tests can be repeated.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A fraction in `[0, 1)`.
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        let bits = u64::from_le_bytes(bytes) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
        let fraction = bits as f64 / (1_u64 << 53) as f64;
        fraction
    }
}

/// A random source to pass round.
pub type SharedRandom = Arc<dyn Random>;

/// The system's cryptographic random source.
#[derive(Debug, Default)]
pub struct OsRandom(SystemRandom);

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // AWS-LC's generator fails only if the system's entropy source does, and then nothing that
        // follows would be safe.
        self.0
            .fill(bytes)
            .expect("the system's random source works");
    }
}

/// A repeatable source for tests: SplitMix64, not for secrets.
#[derive(Debug)]
pub struct SeededRandom(std::sync::Mutex<u64>);

impl SeededRandom {
    /// Starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(std::sync::Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_stay_in_range_and_seeds_repeat() {
        let (a, b) = (SeededRandom::new(7), SeededRandom::new(7));
        for _ in 0..1000 {
            let fraction = a.fraction();
            assert!((0.0..1.0).contains(&fraction));
            assert!((fraction - b.fraction()).abs() < f64::EPSILON);
        }
    }
}
