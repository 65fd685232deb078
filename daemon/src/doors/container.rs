//! The container door: `GET /role/<slug>` with a lease's token in `Authorization` (SDK reference,
//! "Container credential provider"; client contract 73–87).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};
use rolecall::api::{Code, Door};
use serde_json::json;

use super::access::{Access, Asked, Denial, Verdict};
use super::answer::{Answering, JSON, Response, allowing, closing, with_body};
use super::guard::Refusal;
use super::needs::{RoleInForce, Roles, obtain};
use super::records::Records;
use super::server::Handler;
use super::target;
use super::visitor::Visitor;
use crate::clock::{Now, SharedClock};
use crate::keeper::NoSession;
use crate::lease::{Denied, Lease, Leases};
use crate::session::Served;

/// Longest wait for a call in flight: PHP, C++ and Java give an answer 1 s (DESIGN rule 8).
pub const WAIT: Duration = Duration::from_millis(900);

/// The container credentials endpoint.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Container {
    roles: Arc<dyn Roles>,
    leases: Leases,
    access: Arc<Access>,
    records: Arc<Records>,
    clock: SharedClock,
    only: Option<String>,
}

impl Container {
    /// Serves `roles` to whoever holds one of `leases`.
    pub fn new(
        roles: Arc<dyn Roles>,
        leases: Leases,
        access: Arc<Access>,
        records: Arc<Records>,
        clock: SharedClock,
    ) -> Self {
        Self {
            roles,
            leases,
            access,
            records,
            clock,
            only: None,
        }
    }

    /// The same for one lease, by its id: no other lease's token opens anything, and no other role exists.
    #[must_use]
    pub fn only(mut self, lease: &str) -> Self {
        self.only = Some(lease.to_owned());
        self
    }

    fn takes(&self, lease: &Lease) -> bool {
        self.only.as_deref().is_none_or(|only| only == lease.id())
    }

    /// Who may have what is asked for, and the role; or the answer that says no.
    fn authorized(
        &self,
        visitor: &Visitor,
        head: &Parts,
        now: Now,
    ) -> Result<(Arc<dyn RoleInForce>, Arc<Lease>), &'static Fixed> {
        let mut values = head.headers.get_all(AUTHORIZATION).iter();
        let token = match (values.next(), values.next()) {
            (Some(value), None) => value.as_bytes(),
            _ => b"",
        };
        let path = target::normal(head.uri.path());
        let slug = path
            .as_deref()
            .ok()
            .and_then(|path| path.strip_prefix("/role/"))
            .filter(|slug| !slug.is_empty() && !slug.contains('/'));
        let found = self.leases.verify(token, slug.unwrap_or_default());
        // Another user, whom some lease admits: with that lease's token and no other.
        if let Some(rule) = visitor.refused
            && !(found.as_ref()).is_ok_and(|lease| lease.scope().is_of_user(visitor.uid()))
        {
            let reason = "this daemon serves another user";
            self.records.refused(visitor, rule, reason, now);
            return Err(&NOT_YOURS);
        }
        match found {
            // By name: that is what was leased, should another role ever have the same slug.
            Ok(lease) if self.takes(&lease) => match self.roles.role(lease.role()) {
                Some(role) => Ok((role, lease)),
                None => Err(&NO_ROLE),
            },
            Ok(_) | Err(Denied::Unknown) => {
                self.records
                    .refused(visitor, "lease", "the token is no lease's", now);
                Err(&NO_LEASE)
            }
            Err(Denied::OtherRole) if self.only.is_some() => Err(&NO_ROLE),
            // The token is good for something: whether the role exists may be told.
            Err(Denied::OtherRole) => match slug.and_then(|slug| self.roles.role_by_slug(slug)) {
                Some(_) => {
                    self.records
                        .refused(visitor, "lease", "the lease is for another role", now);
                    Err(&OTHER_ROLE)
                }
                None => Err(&NO_ROLE),
            },
        }
    }
}

impl Handler for Container {
    fn door(&self) -> Door {
        Door::Container
    }

    fn admits(&self, uid: u32) -> bool {
        self.leases.admit(uid)
    }

    fn answer(&self, visitor: &Arc<Visitor>, head: &Parts, _body: Bytes) -> Answering {
        if head.method != Method::GET {
            return allowing(NOT_GET.response(), "GET").into();
        }
        let now = self.clock.now();
        let (role, lease) = match self.authorized(visitor, head, now) {
            Ok(authorized) => authorized,
            Err(no) => return no.response().into(),
        };
        let known = self.access.at_once(Asked {
            visitor,
            role: &role,
            lease: Some(&lease),
        });
        if let Some(Verdict::Yes(role)) = &known
            && let Some(served) = role.read(now)
        {
            let lease = Some(lease.id());
            self.records
                .served(visitor, role.as_ref(), &served, lease, now);
            return credentials(&served).into();
        }
        let (visitor, records) = (Arc::clone(visitor), Arc::clone(&self.records));
        let (access, roles) = (Arc::clone(&self.access), Arc::clone(&self.roles));
        let clock = Arc::clone(&self.clock);
        Answering::later(async move {
            let end = now.plus(WAIT);
            let verdict = if let Some(verdict) = known {
                verdict
            } else {
                let asked = Asked {
                    visitor: &visitor,
                    role: &role,
                    lease: Some(&lease),
                };
                access.decide(asked, WAIT).await
            };
            let role = match verdict {
                Verdict::Yes(role) => role,
                Verdict::No(denial) => return denied(&denial),
            };
            let decided = Arc::clone(&role);
            match obtain(&*roles, &*clock, role, clock.now().until(end)).await {
                Ok((role, served)) => {
                    let asked = Asked {
                        visitor: &visitor,
                        role: &role,
                        lease: Some(&lease),
                    };
                    let verdict = access.after_waiting(&*roles, asked, decided.role());
                    if let Err(denial) = verdict.await {
                        return denied(&denial);
                    }
                    let (lease, now) = (Some(lease.id()), clock.now());
                    records.served(&visitor, role.as_ref(), &served, lease, now);
                    credentials(&served)
                }
                Err(none) => without(&none),
            }
        })
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let code = if refusal.status == StatusCode::FORBIDDEN {
            "refused"
        } else {
            "bad_request"
        };
        let response = error(refusal.status, code, refusal.reason);
        if refusal.close {
            closing(response)
        } else {
            response
        }
    }
}

fn credentials(served: &Served) -> Response {
    with_body(StatusCode::OK, JSON, served.http_body.clone())
}

/// The table of answers' container column, where the doors themselves say no.
fn denied(denial: &Denial) -> Response {
    let status = match denial {
        Denial::Locked(_) | Denial::Refused(..) => StatusCode::FORBIDDEN,
        Denial::PersonNeeded(..) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = denial.problem();
    error(status, code_text(problem.code), &problem.message)
}

/// The table of answers' container column, as far as a role without a session can get here.
fn without(none: &NoSession) -> Response {
    let status = match none {
        NoSession::Unusable(_) => StatusCode::NOT_FOUND,
        NoSession::NotReady(_)
        | NoSession::AwsUnavailable(_)
        | NoSession::AwsDenied(_)
        | NoSession::LedgerUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = none.problem();
    error(status, code_text(problem.code), &problem.message)
}

/// A code as it stands in JSON.
fn code_text(code: Code) -> &'static str {
    match code {
        Code::NotReady => "not_ready",
        Code::PersonNeeded => "person_needed",
        Code::Locked => "locked",
        Code::Refused => "refused",
        Code::UnknownRole => "unknown_role",
        Code::Unusable => "unusable",
        Code::AwsUnavailable => "aws_unavailable",
        Code::AwsDenied => "aws_denied",
        Code::LedgerUnavailable => "ledger_unavailable",
        _ => "internal",
    }
}

/// A fixed error.
struct Fixed(StatusCode, &'static str, &'static str);

static NO_LEASE: Fixed = Fixed(
    StatusCode::UNAUTHORIZED,
    "no_lease",
    "the authorization token belongs to no live lease; start the command again with `rolecall exec`",
);
static OTHER_ROLE: Fixed = Fixed(
    StatusCode::FORBIDDEN,
    "refused",
    "the authorization token is for another role",
);
static NOT_YOURS: Fixed = Fixed(
    StatusCode::FORBIDDEN,
    "refused",
    "this daemon serves another user",
);
static NO_ROLE: Fixed = Fixed(
    StatusCode::NOT_FOUND,
    "unknown_role",
    "no role has this name; `rolecall roles` lists them",
);
static NOT_GET: Fixed = Fixed(
    StatusCode::METHOD_NOT_ALLOWED,
    "method_not_allowed",
    "only GET is answered here",
);

impl Fixed {
    fn response(&self) -> Response {
        error(self.0, self.1, self.2)
    }
}

/// Both spellings of each member: Go reads any case, Kotlin and JS the capitals (client contract 80).
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "Code": code, "Message": message, "code": code, "message": message });
    with_body(status, JSON, body.to_string().into())
}
