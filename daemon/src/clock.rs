//! The one place that reads wall time and boot time, and sleeps.
//!
//! Everything that decides by time takes a [`Now`] or a [`Clock`]; nothing else in the daemon asks the
//! system. Boot time counts suspended time too, which `std::time::Instant` does not.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp as JiffTimestamp;
use tokio::sync::Notify;

/// A boxed future, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Wall time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same instant, down to the whole second.
    #[must_use]
    pub const fn floor_to_second(self) -> Self {
        Self::from_secs(self.as_secs())
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Later by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Earlier by `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// RFC 3339, UTC, whole seconds, `Z`: the only form every SDK reads.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = JiffTimestamp::from_second(self.as_secs()).unwrap_or(if self.0 < 0 {
            JiffTimestamp::MIN
        } else {
            JiffTimestamp::MAX
        });
        write!(f, "{}", timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall time; may jump either way.
    pub wall: Timestamp,
    /// Time since boot, suspended time included; never goes back.
    pub boot: Duration,
}

impl Now {
    /// This moment moved on by `duration` on both clocks.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self {
            wall: self.wall.plus(duration),
            boot: self.boot.saturating_add(duration),
        }
    }

    /// Whether *either* clock has reached `end`: a clock set back never lengthens anything (DESIGN rule 7).
    pub fn reached(self, end: Self) -> bool {
        self.wall >= end.wall || self.boot >= end.boot
    }

    /// How long until [`Self::reached`]: what the clock that is further on says.
    pub fn until(self, end: Self) -> Duration {
        end.wall
            .since(self.wall)
            .min(end.boot.saturating_sub(self.boot))
    }
}

/// Reads time and sleeps.
pub trait Clock: Send + Sync {
    /// Both clocks now.
    fn now(&self) -> Now;

    /// Returns when [`Now::reached`]`(end)` holds or may hold; callers look again.
    fn sleep_until(&self, end: Now) -> BoxFuture<'static, ()>;
}

/// A clock to pass round.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Now {
            wall: Timestamp(
                wall.tv_sec
                    .saturating_mul(1000)
                    .saturating_add(wall.tv_nsec / 1_000_000),
            ),
            boot: boot_time(),
        }
    }

    fn sleep_until(&self, end: Now) -> BoxFuture<'static, ()> {
        let remaining = self.now().until(end);
        Box::pin(tokio::time::sleep(remaining))
    }
}

fn boot_time() -> Duration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    // On macOS CLOCK_MONOTONIC goes on during sleep.
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// A clock that stands still until it is moved, for tests.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    inner: Arc<ManualInner>,
}

#[derive(Debug, Default)]
struct ManualInner {
    now: Mutex<Now>,
    moved: Notify,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Now) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    /// Moves both clocks on and wakes sleepers.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().plus(duration));
    }

    /// Sets both clocks and wakes sleepers.
    pub fn set(&self, now: Now) {
        *self
            .inner
            .now
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        self.inner.moved.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self
            .inner
            .now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, end: Now) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let moved = clock.inner.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if clock.now().reached(end) {
                    return;
                }
                moved.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_every_sdk_reads_them() {
        assert_eq!(
            Timestamp::from_millis(1_767_225_600_999).to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            Timestamp::from_millis(-1).to_string(),
            "1969-12-31T23:59:59Z"
        );
    }

    #[test]
    fn either_clock_ends_a_span() {
        let end = Now {
            wall: Timestamp::from_secs(100),
            boot: Duration::from_secs(50),
        };
        let wall_set_back = Now {
            wall: Timestamp::from_secs(1),
            boot: Duration::from_secs(50),
        };
        let suspended = Now {
            wall: Timestamp::from_secs(100),
            boot: Duration::from_secs(1),
        };
        assert!(wall_set_back.reached(end) && suspended.reached(end));
        let before = Now {
            wall: Timestamp::from_secs(99),
            boot: Duration::from_secs(20),
        };
        assert!(!before.reached(end));
        assert_eq!(before.until(end), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers() {
        let clock = ManualClock::default();
        let sleep = clock.sleep_until(clock.now().plus(Duration::from_secs(10)));
        let task = tokio::spawn(sleep);
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(Duration::from_secs(5));
        task.await.unwrap();
    }
}
