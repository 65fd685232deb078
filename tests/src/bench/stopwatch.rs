//! The benchmark's own time.

use std::time::{Duration, Instant};

/// Time that has passed since it was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures the daemon from outside; nothing here decides about sessions"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has run.
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How long `work` takes.
///
/// # Errors
/// When `work` fails.
pub(super) fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let watch = Stopwatch::start();
    work()?;
    Ok(watch.elapsed())
}
