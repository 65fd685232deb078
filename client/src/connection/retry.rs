//! Whether a failed try is worth another: riding through a daemon's restart.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use super::Error;

/// Tries after which a daemon that was there is given up.
const TRIES_AFTER_BREAK: u32 = 5;

/// The pause before the second try at the longest; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(150);

/// Failures that another try may cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody listens.
    Absent,
    /// The connection broke before the first byte of the answer: the request may have been carried out.
    Broken,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Closed => Some(Self::Broken),
            Error::Unreachable { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::WouldBlock
            )
            .then_some(Self::Absent),
            _ => None,
        }
    }
}

/// Counts tries. Where nobody listens, one more try is made, for the moment in which a restarted
/// daemon has closed its socket and not opened it again; where a connection broke there *was* a
/// daemon, and its restart is waited for (about two seconds).
#[derive(Debug)]
pub(super) struct Retries {
    repeatable: bool,
    made: u32,
    allowed: u32,
    random: u64,
}

impl Retries {
    /// `repeatable`: the request does no harm if it is carried out twice.
    pub(super) fn new(repeatable: bool) -> Self {
        Self::seeded(repeatable, RandomState::new().hash_one(0))
    }

    fn seeded(repeatable: bool, random: u64) -> Self {
        Self {
            repeatable,
            made: 1,
            allowed: 2,
            random,
        }
    }

    /// How long to wait before the next try; None to give up.
    pub(super) fn next(&mut self, failure: Failure) -> Option<Duration> {
        if failure == Failure::Broken {
            if !self.repeatable {
                return None;
            }
            self.allowed = TRIES_AFTER_BREAK;
        }
        if self.made >= self.allowed {
            return None;
        }
        let longest = FIRST_PAUSE * 2_u32.pow(self.made - 1);
        self.made += 1;
        self.random = self.random.rotate_left(16);
        // Between half and all of it, so that many shims do not come back in one instant.
        let share = u32::try_from(self.random & 0xffff).unwrap_or(0);
        Some(longest / 2 + longest / 2 * share / 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(retries: &mut Retries, failure: Failure) -> Vec<Duration> {
        std::iter::from_fn(|| retries.next(failure)).collect()
    }

    #[test]
    fn an_absent_daemon_is_tried_twice() {
        assert_eq!(
            pauses(&mut Retries::seeded(true, 1), Failure::Absent).len(),
            1
        );
        assert_eq!(
            pauses(&mut Retries::seeded(false, 1), Failure::Absent).len(),
            1
        );
    }

    #[test]
    fn a_broken_connection_is_ridden_through_only_if_that_is_harmless() {
        let mut reading = Retries::seeded(true, 7);
        assert!(reading.next(Failure::Broken).is_some());
        assert_eq!(pauses(&mut reading, Failure::Absent).len(), 3);
        assert_eq!(
            Retries::seeded(false, 7).next(Failure::Broken),
            None::<Duration>
        );
    }

    #[test]
    fn pauses_double_and_keep_within_two_and_a_half_seconds() {
        for random in [0, u64::MAX, 0x1234_5678_9abc_def0] {
            let all = pauses(&mut Retries::seeded(true, random), Failure::Broken);
            for (index, pause) in (0..).zip(&all) {
                let longest = FIRST_PAUSE * 2_u32.pow(index);
                assert!(*pause >= longest / 2 && *pause <= longest, "{pause:?}");
            }
            assert!(all.iter().sum::<Duration>() <= Duration::from_millis(2500));
        }
    }
}
