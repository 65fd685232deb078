//! Which consumer has had which session: a serve is recorded the first time only.

use std::collections::{HashMap, HashSet};

use crate::clock::Timestamp;

/// Pairs kept at most. What is forgotten early is recorded once more, never too seldom.
const MOST_PAIRS: usize = 65_536;

/// Pairs of session and consumer.
#[derive(Debug)]
pub(super) struct Seen {
    sessions: HashMap<Box<str>, Session>,
    pairs: usize,
    most: usize,
    /// No session ends earlier.
    first_end: Timestamp,
}

#[derive(Debug)]
struct Session {
    end: Timestamp,
    consumers: HashSet<Box<str>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_most(MOST_PAIRS)
    }
}

impl Seen {
    fn with_most(most: usize) -> Self {
        Self {
            sessions: HashMap::new(),
            pairs: 0,
            most,
            first_end: Timestamp::from_millis(i64::MAX),
        }
    }

    /// Whether the pair is new; remembers it. `end` is the session's, `now` the wall clock's time.
    pub(super) fn first(
        &mut self,
        access_key_id: &str,
        consumer: &str,
        end: Timestamp,
        now: Timestamp,
    ) -> bool {
        if let Some(session) = self.sessions.get(access_key_id)
            && session.consumers.contains(consumer)
        {
            return false;
        }
        if self.first_end <= now {
            self.forget_ended(now);
        }
        if self.pairs >= self.most {
            let mut ends: Vec<_> = self.sessions.values().map(|session| session.end).collect();
            let middle = ends.len() / 2;
            let (_, &mut median, _) = ends.select_nth_unstable(middle);
            self.forget_ended(median);
        }
        let session = self
            .sessions
            .entry(access_key_id.into())
            .or_insert_with(|| Session {
                end,
                consumers: HashSet::new(),
            });
        session.consumers.insert(consumer.into());
        self.first_end = self.first_end.min(session.end);
        self.pairs += 1;
        true
    }

    fn forget_ended(&mut self, by: Timestamp) {
        self.sessions.retain(|_, session| session.end > by);
        let left = self.sessions.values();
        self.pairs = left.clone().map(|session| session.consumers.len()).sum();
        self.first_end = left
            .map(|session| session.end)
            .min()
            .unwrap_or(Timestamp::from_millis(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_secs(0);

    #[test]
    fn each_pair_is_first_once() {
        let mut seen = Seen::default();
        assert!(seen.first("A", "x", END, NOW));
        assert!(!seen.first("A", "x", END, NOW));
        assert!(seen.first("A", "y", END, NOW) && seen.first("B", "x", END, NOW));
        assert!(!seen.first("A", "x", END, NOW) && !seen.first("A", "y", END, NOW));
    }

    #[test]
    fn ended_sessions_are_forgotten_when_a_new_one_comes() {
        let mut seen = Seen::default();
        seen.first("A", "x", END, NOW);
        seen.first("B", "x", END.plus(std::time::Duration::from_secs(1)), NOW);
        assert!(seen.first("C", "x", END, END));
        assert_eq!(seen.pairs, 2);
        assert!(!seen.sessions.contains_key("A"));
    }

    #[test]
    fn memory_is_bounded_for_many_consumers_and_many_sessions() {
        let (mut one, mut many) = (Seen::with_most(100), Seen::with_most(100));
        for n in 0..110 {
            let text = n.to_string();
            let end = Timestamp::from_millis(1000 + n);
            assert!(one.first("A", &text, END, NOW));
            assert!(many.first(&text, "x", end, NOW));
            assert!(one.pairs <= 100 && many.pairs <= 100);
        }
        assert!(!many.first("90", "x", END, NOW), "the longest-lived stay");
        assert!(many.first("9", "x", END, NOW), "again, not never");
    }
}
