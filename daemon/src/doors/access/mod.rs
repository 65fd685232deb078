//! May this consumer have this role through this door, now? Asked before every session that a door hands
//! out, by all doors alike.
//!
//! Most roles have no rules, and most of the time nothing is locked or fenced: [`Access::at_once`] says so
//! from what is at hand, without a lock. What takes more (a process to be looked up, a person to be asked)
//! is left to [`Access::decide`].

mod fence;

use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Code, Problem};

use super::needs::{RoleInForce, WhoIs};
use super::visitor::Visitor;
use crate::lease::Lease;
use fence::Gate;
pub(super) use fence::nothing_else;
pub use fence::{Confined, Fence};

/// What is asked.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Asked<'a> {
    /// By whom, through which door.
    pub visitor: &'a Arc<Visitor>,
    /// For which role.
    pub role: &'a Arc<dyn RoleInForce>,
    /// With which lease's token, on the container door.
    pub lease: Option<&'a Arc<Lease>>,
}

/// The answer.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub enum Verdict {
    /// Yes: with the session of this role, which a lease may have put in the place of the one asked for.
    Yes(Arc<dyn RoleInForce>),
    /// No.
    No(Denial),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The doors are locked.
    Locked(Problem),
    /// A rule says no: the name of the rule, for the ledger.
    Refused(&'static str, Problem),
    /// A person has been asked and has not answered yet.
    PersonNeeded(Problem),
}

impl Denial {
    /// What the socket says, and the container door in its own form.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Locked(problem) | Self::Refused(_, problem) | Self::PersonNeeded(problem) => {
                problem
            }
        }
    }
}

/// Decides.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Access {
    whois: Arc<dyn WhoIs>,
    fence: Option<Fence>,
}

impl Access {
    /// Looks processes up with `whois`.
    pub fn new(whois: Arc<dyn WhoIs>) -> Self {
        Self { whois, fence: None }
    }

    /// With the bounds and fences of leases.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Whether the process behind a Unix connection is inside a fence, whatever it asks for.
    pub fn confined(&self, visitor: &Visitor) -> Confined {
        let fence = self.fence.as_ref();
        fence.map_or(Confined::No, |fence| fence.confined(visitor))
    }

    /// Writes down that a fence refused something that is no role.
    pub fn refused_by_fence(&self, visitor: &Visitor, problem: &Problem) {
        if let Some(fence) = &self.fence {
            fence.record(visitor, problem);
        }
    }

    /// The verdict, if it takes nothing that is not at hand.
    pub fn at_once(&self, asked: Asked<'_>) -> Option<Verdict> {
        let role = match fence::at_once(self.fence.as_ref(), asked) {
            Gate::Open(role) => role,
            Gate::Closed(denial) => return Some(Verdict::No(denial)),
            Gate::Unknown => return None,
        };
        if role.role().rules.is_empty() {
            return Some(Verdict::Yes(role));
        }
        None
    }

    /// The verdict, waiting at most `limit` for a person.
    pub async fn decide(&self, asked: Asked<'_>, limit: Duration) -> Verdict {
        fence::identify(self.fence.as_ref(), &self.whois, asked).await;
        if let Some(verdict) = self.at_once(asked) {
            return verdict;
        }
        let _ = (&self.whois, limit);
        Verdict::No(Denial::Refused(
            "allow",
            Problem {
                code: Code::Refused,
                message: "a rule refuses".to_owned(),
                hint: None,
            },
        ))
    }
}
