//! The first check of all: a lease's token is good for who the lease is bound to, and what is inside a fence gets
//! that lease's role as the lease narrows it and nothing else (DESIGN, "Confinement").
//!
//! What cannot be told is refused: while a fence is live, a process that is gone before it is looked at, or hides
//! from us, could be one from inside.

use std::sync::Arc;

use rolecall::api::{Code, Problem};

use super::super::needs::{RoleInForce, Roles, WhoIs};
use super::super::records;
use super::super::visitor::Visitor;
use super::{Asked, Denial};
use crate::lease::inside::{Inside, Subject};
use crate::lease::{Fenced, Lease, Leases};

/// The rule that a fence refuses by, in the ledger.
pub(super) const FENCE: &str = "fence";

/// The rule that a lease's binding refuses by.
const LEASE: &str = "lease";

/// What leases say about who may have what.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Fence {
    leases: Leases,
    roles: Arc<dyn Roles>,
}

/// What the fences say.
pub(super) enum Gate {
    /// Nothing against it: this role, which a lease may have put in the place of the one asked for.
    Open(Arc<dyn RoleInForce>),
    /// No.
    Closed(Denial),
    /// That takes the process behind the connection.
    Unknown,
}

/// Whether somebody is inside a fence.
#[expect(missing_debug_implementations, reason = "leases hold standing readers")]
pub enum Confined {
    /// No.
    No,
    /// In this lease's, which may have ended.
    By(Arc<Lease>),
    /// Something is in the way of anything: fences that want different things, or a process that cannot be told.
    From(Problem),
}

/// What `fence` says from what is at hand; without one, nothing.
pub(super) fn at_once(fence: Option<&Fence>, asked: Asked<'_>) -> Gate {
    match fence {
        Some(fence) => fence.gate(asked),
        None => Gate::Open(Arc::clone(asked.role)),
    }
}

/// Has the process of a TCP connection found, if `fence` needs it: milliseconds, once a connection, on a thread of
/// its own. What it says afterwards is final.
pub(super) async fn identify(fence: Option<&Fence>, whois: &Arc<dyn WhoIs>, asked: Asked<'_>) {
    let Some(fence) = fence else { return };
    if matches!(fence.gate(asked), Gate::Unknown) {
        records::find(whois, asked.visitor).await;
    }
}

impl Fence {
    /// Knows `leases` and what is narrowed for them in `roles`.
    pub fn new(leases: Leases, roles: Arc<dyn Roles>) -> Self {
        Self { leases, roles }
    }

    /// Whether the process behind a connection is inside a fence, as far as it is known.
    pub(super) fn confined(&self, visitor: &Visitor) -> Confined {
        // Another user, whom a lease of theirs lets in for that lease alone, is inside of nothing of ours; and where
        // their processes are they do not show us.
        let of_another = visitor.refused.is_some() && visitor.known_uid().is_some();
        if of_another || !self.leases.has_fences() {
            return Confined::No;
        }
        match self.leases.fenced(subject(visitor)) {
            Fenced::No => Confined::No,
            Fenced::Unknown => Confined::From(unknown()),
            Fenced::By(mut around) => match (around.pop(), around.is_empty()) {
                (Some(lease), true) => Confined::By(lease),
                _ => Confined::From(several()),
            },
        }
    }

    fn gate(&self, asked: Asked<'_>) -> Gate {
        let visitor = asked.visitor;
        let searched = visitor.owner.is_none() || visitor.consumer().is_some();
        let closed = |rule, problem| Gate::Closed(Denial::Refused(rule, problem));
        let confined = match self.confined(visitor) {
            Confined::From(_) if !searched => return Gate::Unknown,
            confined => confined,
        };
        let lease = match (&confined, asked.lease) {
            (Confined::From(problem), _) => return closed(FENCE, problem.clone()),
            (Confined::By(fence), asked_with) => {
                let other = asked_with.is_some_and(|lease| lease.id() != fence.id());
                if other || asked.role.role().name.as_str() != fence.role() {
                    return closed(FENCE, nothing_else(fence));
                }
                if !self.leases.is_live(fence) {
                    return closed(FENCE, over(fence));
                }
                Some(fence)
            }
            // A lease's own door is for whom it was made for, who may be outside: a container that has its socket.
            (Confined::No, Some(lease))
                if visitor.inside() == Some(true) || visitor.is_bound(lease.id()) =>
            {
                Some(lease)
            }
            (Confined::No, Some(lease)) => {
                match self.leases.holds(lease, subject(visitor)) {
                    Inside::Yes => visitor.bind(lease.id()),
                    Inside::Unknown if !searched => return Gate::Unknown,
                    Inside::No | Inside::Unknown => return closed(LEASE, not_yours()),
                }
                Some(lease)
            }
            (Confined::No, None) => None,
        };
        match lease.filter(|lease| lease.is_narrowed()) {
            None => Gate::Open(Arc::clone(asked.role)),
            // Never the role as it is: what the lease takes away stays away.
            Some(lease) => match self.roles.narrowed(lease.id()) {
                Some(narrowed) => Gate::Open(narrowed),
                None => closed(LEASE, over(lease)),
            },
        }
    }
}

/// What is known of who asks. On the socket it is the process that has connected; the consumer behind our own
/// client is an ancestor of it, and inside no more than it is.
pub(in super::super) fn subject(visitor: &Visitor) -> Subject<'_> {
    let peer = visitor.peer();
    let of_tcp = || {
        let searched = visitor.owner.and(visitor.consumer());
        searched.and_then(|consumer| consumer.process.as_ref())
    };
    Subject {
        uid: visitor.uid(),
        cgroup_id: peer.and_then(|peer| peer.cgroup_id),
        process: peer.and_then(|peer| peer.process.as_ref()).or_else(of_tcp),
    }
}

fn refused(message: String, hint: &str) -> Problem {
    Problem {
        code: Code::Refused,
        message,
        hint: Some(hint.to_owned()),
    }
}

/// To who is inside and asks for something else.
pub(in super::super) fn nothing_else(lease: &Lease) -> Problem {
    let message = format!(
        "this process is fenced in by lease {}: it may have the role `{}` as that lease narrows it, and nothing \
         else",
        lease.id(),
        lease.role()
    );
    refused(
        message,
        "ask from a terminal outside of what `rolecall` has started",
    )
}

fn over(lease: &Lease) -> Problem {
    let message = format!("lease {} has ended, and its fence stays", lease.id());
    refused(message, "start the command again with `rolecall exec`")
}

fn several() -> Problem {
    refused(
        "this process is inside the fences of several leases, which have nothing in common"
            .to_owned(),
        "`rolecall lease list` from another terminal shows them; end one's processes",
    )
}

fn unknown() -> Problem {
    refused(
        "some lease is a fence, and whether the asking process is inside cannot be told".to_owned(),
        "ask directly, from a process that waits for the answer; `rolecall lease list` shows the fences",
    )
}

/// To who is asked about, and still cannot be told once their process was looked for.
pub(super) fn of_unknown() -> Denial {
    Denial::Refused(FENCE, unknown())
}

fn not_yours() -> Problem {
    refused(
        "the authorization token is of a lease that is bound to other processes".to_owned(),
        "start the program with `rolecall exec`, or make a lease for it with `rolecall lease create`",
    )
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
