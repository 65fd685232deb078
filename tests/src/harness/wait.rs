//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Long enough for anything that will happen at all, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A point in time after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own time, not the daemon's"
    )]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left of it; None when it is over.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own time, not the daemon's"
    )]
    pub fn left(self) -> Option<Duration> {
        self.0
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }
}

/// Does `work`, and tells how long it took.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own time, not the daemon's"
)]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}

/// Asks again and again, with pauses from 1 to 20 ms, until there is an answer or `time` is over.
pub fn until<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Deadline::after(time);
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        let left = deadline.left()?;
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// The same with [`PATIENCE`].
///
/// # Panics
/// When the time is over; `what` says what did not happen.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until(PATIENCE, ask).unwrap_or_else(|| panic!("not within {PATIENCE:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_until_there_is_an_answer_or_no_time() {
        let mut asked = 0;
        let answer = until(PATIENCE, || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(answer, Some(3));
        assert_eq!(until(Duration::from_millis(5), || None::<()>), None);
    }
}
