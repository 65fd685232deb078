//! Waiting with an end, and with an eye on Ctrl-C.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::interrupt::Interrupt;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Time since a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "nothing here outlives a suspend")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn passed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Looks until `look` finds something; `what` is what did not come, for the error.
pub(super) fn until<T>(
    interrupt: &Interrupt,
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let watch = Stopwatch::start();
    loop {
        interrupt.check()?;
        if let Some(found) = look()? {
            return Ok(found);
        }
        if watch.passed() > limit {
            bail!("not within {} s: {what}", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// Does nothing for `time`, or until a signal comes.
pub(super) fn pause(interrupt: &Interrupt, time: Duration) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    while watch.passed() < time {
        interrupt.check()?;
        std::thread::sleep(LOOK.min(time));
    }
    Ok(())
}
