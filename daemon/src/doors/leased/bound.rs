//! A door that answers only the processes its lease is bound to.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts as Head;
use rolecall::api::Door;

use super::super::access::subject;
use super::super::answer::{Answering, Response};
use super::super::guard::Refusal;
use super::super::needs::WhoIs;
use super::super::records::{self, Records};
use super::super::server::Handler;
use super::super::visitor::Visitor;
use super::Parts;
use crate::clock::SharedClock;
use crate::lease::inside::Inside;
use crate::lease::{Lease, Leases};

const OUTSIDE: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    reason: "the peer is outside of the lease's scope",
    close: true,
};

/// `door`, for those inside of the lease's scope.
pub(super) struct Bound {
    door: Arc<dyn Handler>,
    binding: Arc<Binding>,
}

struct Binding {
    lease: Arc<Lease>,
    leases: Leases,
    whois: Arc<dyn WhoIs>,
    records: Arc<Records>,
    clock: SharedClock,
}

impl Bound {
    pub(super) fn new(door: Arc<dyn Handler>, lease: Arc<Lease>, parts: &Parts) -> Self {
        Self {
            door,
            binding: Arc::new(Binding {
                lease,
                leases: parts.leases.clone(),
                whois: Arc::clone(&parts.common.whois),
                records: Arc::clone(&parts.records),
                clock: Arc::clone(&parts.clock),
            }),
        }
    }
}

impl Handler for Bound {
    fn door(&self) -> Door {
        self.door.door()
    }

    fn answer(&self, visitor: &Arc<Visitor>, head: &Head, body: Bytes) -> Answering {
        // Looked up once for each connection; the doors close with the lease, and so do its connections.
        match visitor.inside() {
            Some(true) => self.door.answer(visitor, head, body),
            Some(false) => self.door.refuse(&OUTSIDE).into(),
            None => {
                let (door, binding) = (Arc::clone(&self.door), Arc::clone(&self.binding));
                let (visitor, head) = (Arc::clone(visitor), head.clone());
                Answering::later(async move {
                    if binding.admits(&visitor).await {
                        door.answer(&visitor, &head, body).await
                    } else {
                        door.refuse(&OUTSIDE)
                    }
                })
            }
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.door.refuse(refusal)
    }
}

impl Binding {
    /// Whether the visitor's process is inside. One that cannot be told is not.
    async fn admits(&self, visitor: &Arc<Visitor>) -> bool {
        let look = || self.leases.holds(&self.lease, subject(visitor));
        let mut found = look();
        if found == Inside::Unknown {
            records::find(&self.whois, visitor).await;
            found = look();
        }
        let inside = visitor.set_inside(found == Inside::Yes);
        if !inside {
            let now = self.clock.now();
            self.records.refused(visitor, "lease", OUTSIDE.reason, now);
        }
        inside
    }
}
