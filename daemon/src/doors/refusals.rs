//! Which refusals are written to the ledger: the first of a kind in a minute, with a count of those
//! before it that were not, so that nobody can fill the disk by knocking (threat T19).

use std::collections::HashMap;
use std::time::Duration;

use rolecall::api::Door;

/// How long after a recorded refusal others of its kind are only counted.
pub const QUIET: Duration = Duration::from_mins(1);

/// How many kinds are told apart; uids are the caller's choice where user namespaces are.
const MOST_KINDS: usize = 256;

/// What makes two refusals alike: uid, door, rule and the role asked for, if one was.
pub type Kind = (Option<u32>, Door, &'static str, Option<String>);

/// Counts refusals.
#[derive(Debug, Default)]
pub struct Refusals {
    windows: HashMap<Kind, Window>,
    overflow: Window,
}

#[derive(Debug, Default)]
struct Window {
    ends: Duration,
    uncounted: u64,
}

impl Refusals {
    /// A refusal at `boot` time: if it is to be recorded, how many alike before it were not.
    pub fn offer(&mut self, kind: Kind, boot: Duration) -> Option<u64> {
        if self.windows.len() >= MOST_KINDS {
            self.windows
                .retain(|_, window| window.ends > boot || window.uncounted > 0);
        }
        let room = self.windows.len() < MOST_KINDS || self.windows.contains_key(&kind);
        let window = if room {
            self.windows.entry(kind).or_default()
        } else {
            &mut self.overflow
        };
        if boot < window.ends {
            window.uncounted += 1;
            return None;
        }
        window.ends = boot + QUIET;
        Some(std::mem::take(&mut window.uncounted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_first_in_a_minute_is_recorded_and_the_others_are_counted() {
        let mut refusals = Refusals::default();
        let kind = || (Some(7), Door::Imds, "uid", None);
        assert_eq!(refusals.offer(kind(), AT(100)), Some(0));
        for second in 101..160 {
            assert_eq!(refusals.offer(kind(), AT(second)), None);
        }
        assert_eq!(refusals.offer(kind(), AT(160)), Some(59));
        assert_eq!(
            refusals.offer((Some(8), Door::Imds, "uid", None), AT(160)),
            Some(0)
        );
    }

    #[test]
    fn a_flood_of_kinds_takes_no_more_memory_and_few_records() {
        let mut refusals = Refusals::default();
        let recorded = (0..100_000)
            .filter(|&uid| {
                refusals
                    .offer((Some(uid), Door::Socket, "uid", None), AT(10))
                    .is_some()
            })
            .count();
        assert_eq!(recorded, MOST_KINDS + 1);
        assert_eq!(refusals.windows.len(), MOST_KINDS);
    }
}
