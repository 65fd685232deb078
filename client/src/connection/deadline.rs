//! One deadline for everything a request does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Error;

/// A moment after which nothing is waited for any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Duration,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now. Time in suspend counts: the answer's reader has waited it, too.
    pub fn after(limit: Duration) -> Self {
        Self {
            end: since_boot().saturating_add(limit),
            limit,
        }
    }

    /// What is left; None once it is over.
    pub fn remaining(&self) -> Option<Duration> {
        self.end
            .checked_sub(since_boot())
            .filter(|left| !left.is_zero())
    }

    /// The whole span it was set to.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left, or the error that says it is over.
    pub(super) fn require(&self) -> Result<Duration, Error> {
        self.remaining().ok_or(Error::Timeout(self.limit))
    }
}

fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let id = ClockId::Boottime;
    // On macOS CLOCK_MONOTONIC goes on during sleep.
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::Monotonic;
    let time = clock_gettime(id);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_nothing() {
        assert_eq!(Deadline::after(Duration::ZERO).remaining(), None);
        let minute = Deadline::after(Duration::from_mins(1));
        assert!(
            minute
                .remaining()
                .is_some_and(|left| left > Duration::from_secs(50))
        );
    }
}
