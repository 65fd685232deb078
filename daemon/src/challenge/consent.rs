//! What a person has consented to, and for how long. A state machine; time is passed in.
//!
//! Under `confirm = "first-use"` a consent lasts while it is used, up to [`IDLE`] between two uses and
//! [`LONGEST`] in all. Under `"always"` it is good for as many connections as waited for it, for one at least,
//! which must come within [`super::OPEN`]; on a connection it was used on it is good as under `"first-use"`. An
//! SDK's one read of the imds door takes several requests, on connections of their own: those of one process
//! within [`READ`] count as one.
//!
//! Suspended time counts, and a lock forgets all of it.

use std::collections::HashMap;
use std::time::Duration;

use super::OPEN;
use crate::clock::Now;
use crate::recipe::Fingerprint;

/// How long an unused consent is remembered (as 1Password does).
pub const IDLE: Duration = Duration::from_mins(10);

/// How long any consent is remembered.
pub const LONGEST: Duration = Duration::from_hours(12);

/// How long the requests of one read of the imds door may take together.
pub const READ: Duration = Duration::from_secs(5);

/// As many consents as are remembered.
const MOST: usize = 4096;

/// What is asked, and what a consent is remembered for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Whose process asks; the kernel's "nobody" where it is no matter.
    pub uid: u32,
    /// For which role.
    pub role: String,
    /// What that role was: another IAM role under the same name is asked for again.
    pub step: Option<Fingerprint>,
    /// For which program: the executable, and the script behind an interpreter. None: for all in the place.
    pub program: Option<String>,
    /// Where that program runs.
    pub place: Place,
}

/// Where a program runs for which a consent is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Within a lease, by its id.
    Lease(String),
    /// In a terminal session, by its leader and the leader's start time.
    Session {
        /// The leader's pid.
        leader: u32,
        /// When that process started, in clock ticks since boot.
        started: u64,
    },
    /// Nowhere in particular: it is remembered for this process alone.
    Process {
        /// Its pid.
        pid: u32,
        /// When it started, in clock ticks since boot.
        started: u64,
    },
}

/// How often a consent is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// `confirm = "first-use"`.
    FirstUse,
    /// `confirm = "always"`: for each connection, by its number.
    Always {
        /// Names the connection among all of this daemon's.
        connection: u64,
        /// The process behind it (pid and start time), if its other connections count as the same read.
        read_of: Option<(u32, u64)>,
    },
}

/// For whom within its question a consent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Everybody,
    /// Whoever comes next.
    Next,
    Connection(u64),
    ReadOf(u32, u64),
}

#[derive(Clone, Copy, Debug)]
struct Consent {
    /// Unless it is used before.
    idle_end: Now,
    end: Now,
    /// How often it can still be used; None is any number of times.
    uses: Option<u32>,
}

impl Consent {
    fn is_over(&self, now: Now) -> bool {
        now.reached(self.idle_end) || now.reached(self.end) || self.uses == Some(0)
    }
}

/// All consents.
#[derive(Debug, Default)]
pub struct Consents(HashMap<(Question, Holder), Consent>);

impl Consents {
    /// A person said yes to `question`, for which `waiting` callers waited.
    pub fn give(&mut self, question: Question, frequency: Frequency, waiting: u32, now: Now) {
        match frequency {
            Frequency::FirstUse => self.put(question, Holder::Everybody, IDLE, LONGEST, None, now),
            Frequency::Always { .. } => {
                let uses = Some(waiting.max(1));
                self.put(question, Holder::Next, OPEN, OPEN, uses, now);
            }
        }
    }

    /// Whether there is a consent to `question`; uses it.
    pub fn take(&mut self, question: &Question, frequency: Frequency, now: Now) -> bool {
        let (connection, read_of) = match frequency {
            Frequency::FirstUse => return self.renew(question, Holder::Everybody, now),
            Frequency::Always {
                connection,
                read_of,
            } => (connection, read_of),
        };
        let read_of = read_of.map(|(pid, started)| Holder::ReadOf(pid, started));
        if self.renew(question, Holder::Connection(connection), now)
            || read_of.is_some_and(|holder| self.stands(question, holder, now))
        {
            return true;
        }
        let next = self.0.get_mut(&(question.clone(), Holder::Next));
        let Some(uses) = next
            .filter(|consent| !consent.is_over(now))
            .and_then(|consent| consent.uses.as_mut())
        else {
            return false;
        };
        *uses -= 1;
        let own = Holder::Connection(connection);
        self.put(question.clone(), own, IDLE, LONGEST, None, now);
        if let Some(holder) = read_of {
            self.put(question.clone(), holder, READ, READ, None, now);
        }
        true
    }

    /// Remembers for `to` what stands for `from`, to the same end.
    pub fn hand_on(&mut self, from: &Question, to: Question, now: Now) {
        let consent = self.0.get(&(from.clone(), Holder::Everybody)).copied();
        if let Some(consent) = consent.filter(|consent| !consent.is_over(now)) {
            self.0.insert((to, Holder::Everybody), consent);
        }
    }

    fn stands(&self, question: &Question, holder: Holder, now: Now) -> bool {
        let consent = self.0.get(&(question.clone(), holder));
        consent.is_some_and(|consent| !consent.is_over(now))
    }

    fn renew(&mut self, question: &Question, holder: Holder, now: Now) -> bool {
        match self.0.get_mut(&(question.clone(), holder)) {
            Some(consent) if !consent.is_over(now) => {
                consent.idle_end = now.plus(IDLE);
                true
            }
            _ => false,
        }
    }

    fn put(
        &mut self,
        question: Question,
        holder: Holder,
        idle: Duration,
        longest: Duration,
        uses: Option<u32>,
        now: Now,
    ) {
        if self.0.len() >= MOST {
            self.0.retain(|_, consent| !consent.is_over(now));
        }
        // More than can be of use to anybody: who comes later is asked again.
        if self.0.len() < MOST {
            let consent = Consent {
                idle_end: now.plus(idle),
                end: now.plus(longest),
                uses,
            };
            self.0.insert((question, holder), consent);
        }
    }
}

#[cfg(test)]
#[path = "consent_tests.rs"]
mod tests;
