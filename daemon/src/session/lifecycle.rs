//! When a session ends, when it is renewed, and what a step does next: pure functions and one pure
//! state machine, time and chance passed in.
//!
//! [`Step`] is the machine. A keeper tells it what happened ([`Event`]) and asks what to do now
//! ([`Step::plan`]); both are cheap, so a keeper asks after every wake-up.

use std::time::Duration;

use crate::clock::{Now, Timestamp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The longest a `Retry-After` is honoured: one that outlives what is served would do harm.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How soon after a session came another is got that nobody waits for: a server that gives sessions of a
/// few seconds is asked once a second at most.
pub const REST: Duration = SECOND;

/// Denials on renewal before the step stops asking: IAM is eventually consistent, so one means little.
pub const RENEWAL_DENIALS: u32 = 3;

/// Until when a session issued at `issued` and truly expiring at `expires` is served, which is also what
/// is reported: `expires` − min(60 s, D/15), down to the second, on both clocks (DESIGN rule 4).
pub fn end(issued: Now, expires: Timestamp) -> Now {
    let margin = (expires.since(issued.wall) / 15).min(MINUTE);
    let wall = expires.minus(margin).floor_to_second();
    Now {
        wall,
        boot: issued.boot + wall.since(issued.wall),
    }
}

/// When such a session is renewed: when the reported remainder is min(max(26 min, D/4), 3D/4), up to a
/// tenth of that remainder earlier by `fraction` in `[0, 1)` (DESIGN rule 4).
pub fn renewal(issued: Now, expires: Timestamp, fraction: f64) -> Now {
    let lifetime = expires.since(issued.wall);
    let remainder = (lifetime / 4).max(26 * MINUTE).min(lifetime * 3 / 4);
    let early = remainder.mul_f64(0.1 * fraction.clamp(0.0, 1.0));
    let end = end(issued, expires);
    let age = end
        .wall
        .since(issued.wall)
        .saturating_sub(remainder + early);
    issued.plus(age)
}

/// How long to wait after the `failures`-th failure in a row (from 1): full jitter between 1 s and
/// 2, 4, 8 … 60 s, and never less than AWS asked for.
pub fn backoff(failures: u32, fraction: f64, retry_after: Option<Duration>) -> Duration {
    let longest = SECOND * 2_u32.saturating_pow(failures.clamp(1, 6)).min(60);
    let jittered = SECOND
        + longest
            .saturating_sub(SECOND)
            .mul_f64(fraction.clamp(0.0, 1.0));
    jittered.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

/// How long a definite refusal of a cold step is remembered, so that a burst of SDK retries does not
/// become a burst of calls: 2, 4, 8 … 60 s.
pub fn refusal_kept(failures: u32) -> Duration {
    SECOND * 2_u32.saturating_pow(failures.clamp(1, 6)).min(60)
}

/// What kind of failure, as far as the schedule is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused: asking again soon gives the same answer, but IAM may only be late.
    Denied,
    /// Will be refused until something changes here.
    Never,
    /// Passing trouble; not before AWS's `Retry-After`, if it gave one.
    Passing(Option<Duration>),
}

/// What happened to a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Somebody waits for a first session.
    Asked,
    /// An attempt began; every attempt ends in one of the next three.
    Began,
    /// It gave a session. `fraction` in `[0, 1)` spreads renewals.
    Issued {
        /// When, on both clocks.
        issued: Now,
        /// The true expiry, on the local clock.
        expires: Timestamp,
        /// Jitter.
        fraction: f64,
    },
    /// It gave none. `fraction` in `[0, 1)` spreads retries.
    Failed {
        /// Why.
        failure: Failure,
        /// Jitter.
        fraction: f64,
    },
    /// It was given up before AWS was asked.
    Abandoned,
    /// AWS says that the session held is dead though its end has not come: get another now.
    Doubted,
    /// The configuration was put in force anew: what was refused may be granted now.
    Reset,
}

/// Who wants a step's session, beside those who wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Boot time of the last real read.
    pub last_read: Option<Duration>,
    /// Boot time of the newest pin (`keep_fresh`, listener, lease), while there is one.
    pub pinned: Option<Duration>,
    /// How long pins count without a real read.
    pub idle_after: Duration,
}

impl Readers {
    /// Whether a pin counts: there is one, and it or a real read is younger than `idle_after` (rule 6).
    fn pin_counts(&self, now: Now) -> bool {
        self.pinned.is_some_and(|pinned| {
            let newest = self.last_read.map_or(pinned, |read| read.max(pinned));
            now.boot < newest.saturating_add(self.idle_after)
        })
    }

    /// Whether the session issued at `issued` should be renewed.
    fn want_renewal(&self, issued: Now, now: Now) -> bool {
        self.last_read.is_some_and(|read| read >= issued.boot) || self.pin_counts(now)
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Begin an attempt (and tell the machine so with [`Event::Began`]).
    pub attempt: bool,
    /// The session held has reached its end: stop serving it.
    pub lapse: bool,
    /// Look again then, at the latest.
    pub wake: Option<Now>,
    /// A renewal is due but nobody wants it: the next read must wake the keeper.
    pub dormant: bool,
}

/// The session a step holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When it was issued.
    pub issued: Now,
    /// When it is served no more.
    pub end: Now,
    /// When it is renewed if somebody wants it.
    pub renewal: Now,
}

/// The failure a step is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// Denials in a row among them.
    pub denials: u32,
    /// No attempt before then; until then readers without a session get the last failure at once.
    /// None: no attempt while the session held is valid.
    pub retry: Option<Now>,
}

/// One step's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    held: Option<Held>,
    /// No attempt that nobody waits for before then.
    rest: Option<Now>,
    trouble: Option<Trouble>,
    attempting: bool,
    asked: bool,
}

impl Step {
    /// Takes in what happened at `now`.
    pub fn on(&mut self, now: Now, event: Event) {
        match event {
            Event::Asked => self.asked = true,
            Event::Began => {
                self.attempting = true;
                self.asked = false;
            }
            Event::Issued {
                issued,
                expires,
                fraction,
            } => {
                *self = Self {
                    held: Some(Held {
                        issued,
                        end: end(issued, expires),
                        renewal: renewal(issued, expires, fraction),
                    }),
                    rest: Some(issued.plus(REST)),
                    ..Self::default()
                };
            }
            Event::Failed { failure, fraction } => {
                self.attempting = false;
                // Who asked during the attempt has its answer.
                self.asked = false;
                let (failures, denials) = self
                    .trouble
                    .map_or((0, 0), |trouble| (trouble.failures, trouble.denials));
                let failures = failures.saturating_add(1);
                let denials = match failure {
                    Failure::Denied => denials.saturating_add(1),
                    Failure::Never | Failure::Passing(_) => 0,
                };
                self.trouble = Some(Trouble {
                    failures,
                    denials,
                    retry: self.retry(now, failure, failures, denials, fraction),
                });
            }
            Event::Abandoned => self.attempting = false,
            Event::Doubted => {
                if let Some(held) = &mut self.held {
                    held.renewal = now;
                }
                // A refusal that was held was about another question.
                self.trouble = self.trouble.filter(|trouble| trouble.retry.is_some());
                self.asked = true;
            }
            Event::Reset => self.trouble = None,
        }
    }

    /// What to do at `now`.
    pub fn plan(&mut self, now: Now, readers: &Readers) -> Plan {
        let mut plan = Plan::default();
        self.rest = self.rest.filter(|rest| !now.reached(*rest));
        if self.held.is_some_and(|held| now.reached(held.end)) {
            self.held = None;
            // What held an attempt back was that something valid was there to hold on to.
            self.trouble = self.trouble.filter(|trouble| trouble.retry.is_some());
            plan.lapse = true;
        }
        let end = self.held.map(|held| held.end);
        if self.attempting {
            plan.wake = end;
            return plan;
        }
        let due = match self.held {
            Some(held) if !now.reached(held.renewal) => {
                plan.wake = Some(held.renewal);
                return plan;
            }
            Some(held) => self.asked || readers.want_renewal(held.issued, now),
            None => self.asked || readers.pin_counts(now),
        };
        if !due {
            plan.dormant = self.held.is_some();
            plan.wake = end;
            return plan;
        }
        if let Some(rest) = self.rest.filter(|_| !self.asked) {
            plan.wake = Some(sooner(rest, end, now));
            return plan;
        }
        match self.trouble {
            Some(Trouble { retry: None, .. }) => plan.wake = end,
            Some(Trouble {
                retry: Some(retry), ..
            }) if !now.reached(retry) => plan.wake = Some(sooner(retry, end, now)),
            _ => {
                plan.attempt = true;
                plan.wake = end;
            }
        }
        plan
    }

    /// The session held.
    pub const fn held(&self) -> Option<Held> {
        self.held
    }

    /// The failure it is in.
    pub const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Whether AWS is being asked.
    pub const fn attempting(&self) -> bool {
        self.attempting
    }

    fn retry(
        &self,
        now: Now,
        failure: Failure,
        failures: u32,
        denials: u32,
        fraction: f64,
    ) -> Option<Now> {
        let valid = self.held.is_some_and(|held| !now.reached(held.end));
        let wait = match (failure, valid) {
            (Failure::Passing(retry_after), _) => backoff(failures, fraction, retry_after),
            (Failure::Denied | Failure::Never, false) => refusal_kept(failures),
            (Failure::Never, true) => return None,
            (Failure::Denied, true) if denials >= RENEWAL_DENIALS => return None,
            // 20 s and 40 s: three tries in a minute.
            (Failure::Denied, true) => 20 * SECOND * denials,
        };
        Some(now.plus(wait))
    }
}

fn sooner(a: Now, b: Option<Now>, now: Now) -> Now {
    b.filter(|b| now.until(*b) < now.until(a)).unwrap_or(a)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
