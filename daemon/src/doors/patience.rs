//! How long a connection may take for a head, and how long it may do nothing.
//!
//! Decided from counters rather than clocks, so that a request costs no reading of time and no timer:
//! a connection's one timer looks, when it fires, whether anything has happened since it was set.

use std::time::Duration;

use super::connections::Connection;

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From connecting, or from a head's first byte, to its end.
    pub head: Duration,
    /// Between requests; a connection may idle for up to twice as long.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(2),
            idle: Duration::from_secs(30),
        }
    }
}

/// What the timer was set for, with the number of complete heads at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// The connection's first head.
    First,
    /// A later head that has begun.
    Head(u64),
    /// Nothing in particular.
    Idle(u64),
}

/// What to do when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Close the connection.
    Close,
    /// Set the timer again.
    Again(Armed),
}

impl Patience {
    /// How long the timer runs.
    pub fn limit(self, armed: Armed) -> Duration {
        match armed {
            Armed::First | Armed::Head(_) => self.head,
            Armed::Idle(_) => self.idle,
        }
    }

    /// What the timer must be set to now, if a head has begun that it was not set for.
    pub fn begins(self, armed: Armed, connection: &Connection) -> Option<Armed> {
        if !connection.is_inside_head() || connection.is_answering() {
            return None;
        }
        let heads = connection.heads();
        let known = match armed {
            Armed::First => heads == 0,
            Armed::Head(since) => since == heads,
            Armed::Idle(_) => false,
        };
        (!known).then_some(Armed::Head(heads))
    }

    /// The timer fired.
    pub fn over(self, armed: Armed, connection: &Connection) -> Verdict {
        let heads = connection.heads();
        let still = match armed {
            Armed::First => heads == 0,
            Armed::Head(since) => since == heads && connection.is_inside_head(),
            Armed::Idle(since) => since == heads,
        };
        if still && !connection.is_answering() {
            Verdict::Close
        } else {
            Verdict::Again(Armed::Idle(heads))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::{Busy, Connections, Welcome};
    use super::*;

    /// Client contract 67.
    #[test]
    fn a_connection_may_idle_for_longer_than_sdks_keep_one_for_the_next_read() {
        assert!(Patience::default().idle >= Duration::from_secs(5));
    }

    #[test]
    fn a_connection_is_closed_only_if_nothing_happened_since_the_timer_was_set() {
        let connections = Connections::new(1);
        let admitted = connections.admit(Welcome::Served).unwrap();
        let connection = admitted.connection();
        let patience = Patience::default();

        assert_eq!(patience.over(Armed::First, connection), Verdict::Close);
        let busy = Busy::begin(connection);
        let answering = Verdict::Again(Armed::Idle(1));
        assert_eq!(patience.over(Armed::First, connection), answering);
        assert_eq!(patience.over(Armed::Idle(1), connection), answering);
        drop(busy);
        assert_eq!(patience.over(Armed::Idle(1), connection), Verdict::Close);
        assert_eq!(patience.over(Armed::Idle(0), connection), answering);

        assert_eq!(patience.begins(Armed::Idle(1), connection), None);
        connection.inside_head(true);
        let head = Some(Armed::Head(1));
        assert_eq!(patience.begins(Armed::Idle(1), connection), head);
        assert_eq!(patience.begins(Armed::First, connection), head);
        assert_eq!(patience.begins(Armed::Head(1), connection), None);
        assert_eq!(patience.over(Armed::Head(1), connection), Verdict::Close);
        connection.inside_head(false);
        assert_eq!(patience.over(Armed::Head(1), connection), answering);
    }
}
