//! How far AWS's clock is from ours, learnt from the `Date` of its answers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;

use crate::clock::{SharedClock, Timestamp};

/// A `Date` this close to the time between sending and receiving says nothing: it has whole seconds,
/// and answers dawdle.
const IGNORED: Duration = Duration::from_secs(30);

/// What the wall clock is off by, in milliseconds: AWS's time is ours plus this.
pub fn measure(sent: Timestamp, received: Timestamp, date: Timestamp) -> i64 {
    if date >= sent.minus(IGNORED) && date <= received.plus(IGNORED) {
        return 0;
    }
    date.as_millis().saturating_sub(received.as_millis())
}

/// The difference that was learnt last; shared by every client of AWS.
#[derive(Debug, Default)]
pub struct Skew(AtomicI64);

impl Skew {
    /// Takes in the `Date` of an answer; the difference in force, and whether it changed by more than
    /// [`measure`] ignores.
    pub fn learn(&self, sent: Timestamp, received: Timestamp, date: Timestamp) -> (i64, bool) {
        let new = measure(sent, received, date);
        let old = self.0.swap(new, Ordering::Relaxed);
        let changed = u128::from(new.abs_diff(old)) > IGNORED.as_millis();
        (new, changed)
    }

    /// Milliseconds to add to our time to get AWS's.
    pub fn millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time that requests are signed with: ours, corrected.
pub(super) struct CorrectedTime {
    pub(super) clock: SharedClock,
    pub(super) skew: std::sync::Arc<Skew>,
}

impl std::fmt::Debug for CorrectedTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CorrectedTime")
            .field("skew", &self.skew)
            .finish_non_exhaustive()
    }
}

impl TimeSource for CorrectedTime {
    fn now(&self) -> std::time::SystemTime {
        let millis = self.clock.now().wall.as_millis() + self.skew.millis();
        UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_ignored_and_large_ones_learnt() {
        let at = Timestamp::from_secs;
        for (sent, received, date, millis) in [
            (1000, 1001, 1000, 0),
            (1000, 1001, 970, 0),
            (1000, 1001, 969, -32_000),
            (1000, 1001, 1031, 0),
            (1000, 1001, 1032, 31_000),
            // A slow answer: AWS's clock was read somewhere in between.
            (1000, 1060, 1005, 0),
            (1000, 1001, 1000 + 7200, 7_199_000),
        ] {
            assert_eq!(
                measure(at(sent), at(received), at(date)),
                millis,
                "{sent} {received} {date}"
            );
        }
    }

    #[test]
    fn a_clock_set_right_is_learnt_too() {
        let (skew, at) = (Skew::default(), Timestamp::from_secs);
        assert_eq!(skew.learn(at(0), at(0), at(600)), (600_000, true));
        assert_eq!(skew.learn(at(10), at(10), at(611)), (601_000, false));
        assert_eq!(skew.learn(at(700), at(700), at(700)), (0, true));
        assert_eq!(skew.millis(), 0);
    }
}
