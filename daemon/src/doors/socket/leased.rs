//! The socket of one lease: that lease's role, its state, and nothing else of the API.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::request::Parts as Head;
use http::{Method, StatusCode};
use rolecall::api::{Code, ConfigStatus, Door, LedgerStatus, Problem, RoleStatus, Status};

use super::super::access::{Access, Asked, Verdict};
use super::super::answer::{Answering, JSON, Response, allowing, with_body};
use super::super::container::Container;
use super::super::guard::Refusal;
use super::super::leased::{Leased, Parts};
use super::super::needs::{RoleInForce, Roles, obtain};
use super::super::records::Records;
use super::super::server::Handler;
use super::super::target;
use super::super::visitor::Visitor;
use super::route::{Route, route};
use super::{Query, json, problem, refusal, stamped};
use crate::clock::{Now, SharedClock, Timestamp};
use crate::lease::{Lease, Leases};
use crate::session::Served;

/// A lease's Unix socket.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct LeaseSocket(Arc<Inner>);

struct Inner {
    roles: Arc<dyn Roles>,
    access: Arc<Access>,
    records: Arc<Records>,
    clock: SharedClock,
    started: Timestamp,
    lease: Arc<Lease>,
    leases: Leases,
    doors: Weak<Leased>,
    /// The container door's answers, for SDKs behind a forwarder.
    container: Container,
}

impl LeaseSocket {
    /// Serves `lease`, whose doors are among `doors`.
    pub fn new(parts: &Parts, lease: &Arc<Lease>, doors: &Arc<Leased>) -> Self {
        let container = Container::new(
            Arc::clone(&parts.roles),
            parts.leases.clone(),
            Arc::clone(&parts.access),
            Arc::clone(&parts.records),
            Arc::clone(&parts.clock),
        );
        Self(Arc::new(Inner {
            roles: Arc::clone(&parts.roles),
            access: Arc::clone(&parts.access),
            records: Arc::clone(&parts.records),
            clock: Arc::clone(&parts.clock),
            started: parts.clock.now().wall,
            lease: Arc::clone(lease),
            leases: parts.leases.clone(),
            doors: Arc::downgrade(doors),
            container: container.only(lease.id()),
        }))
    }
}

impl Handler for LeaseSocket {
    fn door(&self) -> Door {
        Door::Socket
    }

    fn answer(&self, visitor: &Arc<Visitor>, head: &Head, body: Bytes) -> Answering {
        // Whoever has the socket is who the lease is for.
        visitor.set_inside(true);
        let path = head.uri.path();
        if target::normal(path).is_ok_and(|path| path.starts_with("/role/")) {
            return self.0.container.answer(visitor, head, body);
        }
        match self.0.dispatch(visitor, head) {
            Answering::Ready(response) => Answering::Ready(response.map(stamped)),
            Answering::Later(future) => Answering::later(async move { stamped(future.await) }),
        }
    }

    fn refuse(&self, refused: &Refusal) -> Response {
        refusal(refused)
    }
}

impl Inner {
    fn dispatch(self: &Arc<Self>, visitor: &Arc<Visitor>, head: &Head) -> Answering {
        let route = route(head.uri.path());
        let Some(route @ (Route::Status | Route::Credentials(_))) = route else {
            return problem::answer(&not_here()).into();
        };
        if head.method != Method::GET {
            return allowing(problem::answer(&problem::wrong_method("GET")), "GET").into();
        }
        let query = match Query::parse(head.uri.query()) {
            Ok(query) => query,
            Err(problem) => return problem::answer(&problem).into(),
        };
        match route {
            Route::Credentials(name) => self.credentials(visitor, &name, query),
            _ => json(StatusCode::OK, &self.status()).into(),
        }
    }

    fn credentials(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        name: &str,
        query: Query,
    ) -> Answering {
        let own = name == self.lease.role() || name == self.lease.slug();
        let Some(role) = own.then(|| self.roles.role(self.lease.role())).flatten() else {
            let known = std::iter::once(self.lease.role());
            return problem::answer(&problem::unknown_role(name, known)).into();
        };
        let now = self.clock.now();
        if let Some(Verdict::Yes(role)) = self.access.at_once(self.asked(visitor, &role))
            && let Some(served) = role.read(now)
        {
            return self.give(visitor, role.as_ref(), &served, now).into();
        }
        let (socket, visitor) = (Arc::clone(self), Arc::clone(visitor));
        Answering::later(async move {
            let begun = socket.clock.now();
            let asked = socket.asked(&visitor, &role);
            let role = match socket.access.decide(asked, query.patience()).await {
                Verdict::Yes(role) => role,
                Verdict::No(denial) => return problem::denied(&denial, query.can_prompt),
            };
            let left = socket.clock.now().until(begun.plus(query.wait));
            let decided = Arc::clone(&role);
            match obtain(&*socket.roles, &*socket.clock, role, left).await {
                Ok((role, served)) => {
                    let asked = socket.asked(&visitor, &role);
                    let access = &socket.access;
                    let verdict = access.after_waiting(&*socket.roles, asked, decided.role());
                    match verdict.await {
                        Ok(()) => socket.give(&visitor, role.as_ref(), &served, socket.clock.now()),
                        Err(denial) => problem::denied(&denial, query.can_prompt),
                    }
                }
                Err(none) => problem::answer(none.problem()),
            }
        })
    }

    fn asked<'a>(&'a self, visitor: &'a Arc<Visitor>, role: &'a Arc<dyn RoleInForce>) -> Asked<'a> {
        Asked {
            visitor,
            role,
            lease: Some(&self.lease),
        }
    }

    fn give(
        &self,
        visitor: &Arc<Visitor>,
        role: &dyn RoleInForce,
        served: &Arc<Served>,
        now: Now,
    ) -> Response {
        let lease = Some(self.lease.id());
        self.records.served(visitor, role, served, lease, now);
        with_body(StatusCode::OK, JSON, served.process_body.clone())
    }

    /// What concerns the lease; of the machine around it, nothing.
    fn status(&self) -> Status {
        let now = self.clock.now();
        let role = if self.lease.is_narrowed() {
            self.roles.narrowed(self.lease.id())
        } else {
            self.roles.role(self.lease.role())
        };
        let doors = self.doors.upgrade();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            started: self.started.to_string(),
            config: ConfigStatus {
                files: Vec::new(),
                loaded: self.started.to_string(),
                current: true,
                problems: Vec::new(),
            },
            roles: (role.iter())
                .map(|role| RoleStatus {
                    // Who else reads the role is their business.
                    consumers: Vec::new(),
                    ..role.status(now)
                })
                .collect(),
            doors: doors.map_or_else(Vec::new, |doors| doors.status_of(self.lease.id())),
            leases: vec![self.leases.status(&self.lease)],
            challenges: Vec::new(),
            lock: self.access.lock().status(),
            ledger: LedgerStatus {
                file: String::new(),
                error: None,
            },
            store: String::new(),
            notes: Vec::new(),
        }
    }
}

fn not_here() -> Problem {
    Problem {
        code: Code::Refused,
        message: "this socket serves one lease and nothing else".to_owned(),
        hint: Some("ask on the daemon's own socket, outside of the container".to_owned()),
    }
}
