//! Which consumer has had which session: a serve is recorded the first time only.

use std::collections::{HashMap, HashSet};

use crate::clock::Timestamp;

/// Pairs kept at most. What is forgotten early is recorded once more, never too seldom.
const MOST_PAIRS: usize = 16_384;

/// Pairs of session and consumer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sessions: HashMap<Box<str>, Session>,
    pairs: usize,
}

#[derive(Debug)]
struct Session {
    end: Timestamp,
    consumers: HashSet<Box<str>>,
}

impl Seen {
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
        if !self.sessions.contains_key(access_key_id) {
            self.forget(|session| session.end <= now);
        }
        while self.pairs >= MOST_PAIRS {
            let Some(earliest) = self.sessions.values().map(|session| session.end).min() else {
                break;
            };
            self.forget(|session| session.end <= earliest);
        }
        let session = self
            .sessions
            .entry(access_key_id.into())
            .or_insert_with(|| Session {
                end,
                consumers: HashSet::new(),
            });
        session.consumers.insert(consumer.into());
        self.pairs += 1;
        true
    }

    fn forget(&mut self, which: impl Fn(&Session) -> bool) {
        self.sessions.retain(|_, session| !which(session));
        self.pairs = self
            .sessions
            .values()
            .map(|session| session.consumers.len())
            .sum();
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
        let (mut one, mut many) = (Seen::default(), Seen::default());
        for n in 0..(MOST_PAIRS + 10) {
            let text = n.to_string();
            let end = Timestamp::from_millis(1000 + i64::try_from(n).unwrap());
            assert!(one.first("A", &text, END, NOW));
            assert!(many.first(&text, "x", end, NOW));
            assert!(one.pairs <= MOST_PAIRS && many.pairs <= MOST_PAIRS);
        }
        assert!(!many.first("10", "x", END, NOW), "the longest-lived stay");
        assert!(many.first("9", "x", END, NOW));
    }
}
