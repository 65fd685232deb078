//! The IMDS door: IMDSv2 for one role (EC2 user guide, "Use the Instance Metadata Service";
//! client contract 1–42).
//!
//! Whatever fails, fails with an empty body: CRT takes the body of a failed listing for the role's name
//!. Listing and document answer from the same read, so that no SDK is told a name
//! whose document is then missing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use rolecall::api::Door;

use super::access::{Access, Asked, Denial, Verdict};
use super::answer::{Answering, Response, TEXT, allowing, closing, empty, with_body};
use super::guard::Refusal;
use super::needs::{RoleInForce, Roles, obtain};
use super::records::Records;
use super::server::Handler;
use super::target;
use super::token::{MAX_TTL_SECONDS, MIN_TTL_SECONDS, TokenAuthority};
use super::visitor::Visitor;
use crate::clock::{Now, SharedClock, Timestamp};
use crate::keeper::NoSession;
use crate::lease::Lease;
use crate::session::Served;

mod place;
mod route;

use route::{Leaf, Route, route};

/// Longest wait for a call in flight: Go's SDK gives an answer 500 ms (DESIGN rule 8).
pub const WAIT: Duration = Duration::from_millis(400);

const TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");

/// One IMDS listener.
#[expect(missing_debug_implementations, reason = "trait objects and a key")]
pub struct Imds {
    inner: Arc<Inner>,
}

struct Inner {
    role: String,
    roles: Arc<dyn Roles>,
    tokens: TokenAuthority,
    access: Arc<Access>,
    records: Arc<Records>,
    clock: SharedClock,
    started: Timestamp,
    lease: Option<Arc<Lease>>,
}

impl Imds {
    /// Serves `role`, with `tokens` of this listener.
    pub fn new(
        role: String,
        roles: Arc<dyn Roles>,
        tokens: TokenAuthority,
        access: Arc<Access>,
        records: Arc<Records>,
        clock: SharedClock,
    ) -> Self {
        let started = clock.now().wall;
        Self {
            inner: Arc::new(Inner {
                role,
                roles,
                tokens,
                access,
                records,
                clock,
                started,
                lease: None,
            }),
        }
    }

    /// The same, for the listener that is `lease`'s own.
    #[must_use]
    pub fn of_lease(mut self, lease: Arc<Lease>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.lease = Some(lease);
        }
        self
    }

    /// How tokens name the listener at `address`.
    pub fn listener_name(address: SocketAddr) -> String {
        address.to_string()
    }
}

impl Handler for Imds {
    fn door(&self) -> Door {
        Door::Imds
    }

    fn answer(&self, visitor: &Arc<Visitor>, head: &Parts, _body: Bytes) -> Answering {
        let Ok(path) = target::normal(head.uri.path()) else {
            return empty(StatusCode::NOT_FOUND).into();
        };
        let path = path.as_ref();
        if path == "/latest/api/token" || path == "/latest/api/token/" {
            return self.inner.token(visitor, head).into();
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            return allowing(empty(StatusCode::METHOD_NOT_ALLOWED), "GET, HEAD").into();
        }
        let now = self.inner.clock.now();
        // Before anything is looked up: whether a path exists is nobody's business without a token.
        let Some(left) = self.inner.token_left(visitor, head, now) else {
            return empty(StatusCode::UNAUTHORIZED).into();
        };
        self.inner.get(visitor, path, left, now)
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let response = empty(refusal.status);
        if refusal.close {
            closing(response)
        } else {
            response
        }
    }
}

impl Inner {
    fn token(&self, visitor: &Visitor, head: &Parts) -> Response {
        if head.method != Method::PUT {
            return allowing(empty(StatusCode::METHOD_NOT_ALLOWED), "PUT");
        }
        let mut values = head.headers.get_all(TTL).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let Some(seconds) = ttl_seconds(value.as_bytes()) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let token = self.tokens.issue(
            visitor.uid(),
            Duration::from_secs(seconds),
            self.clock.now().boot,
        );
        let mut response = with_body(StatusCode::OK, TEXT, Bytes::from(token));
        response
            .headers_mut()
            .insert(TTL, HeaderValue::from(seconds));
        response
    }

    fn token_left(&self, visitor: &Visitor, head: &Parts, now: Now) -> Option<u64> {
        let mut values = head.headers.get_all(TOKEN).iter();
        let (Some(token), None) = (values.next(), values.next()) else {
            return None;
        };
        let token = token.as_bytes();
        let left = self
            .tokens
            .remaining(token, visitor.uid(), now.boot, &visitor.token)?;
        // Rounded up: a token that is good is good for a second.
        Some(left.as_millis().div_ceil(1000).try_into().unwrap_or(0))
    }

    fn get(self: &Arc<Self>, visitor: &Arc<Visitor>, path: &str, left: u64, now: Now) -> Answering {
        let Some(role) = self.roles.role(&self.role) else {
            return empty(StatusCode::NOT_FOUND).into();
        };
        let wanted = match route(path) {
            Route::Plain(leaf) => return self.plain(visitor, role, leaf, left),
            Route::Listing => Wanted::Listing,
            Route::Document(name) if name == role.role().name.slug() => Wanted::Document,
            Route::Info => Wanted::Info,
            Route::Document(_) | Route::Unknown => return empty(StatusCode::NOT_FOUND).into(),
        };
        let known = self.access.at_once(Asked {
            visitor,
            role: &role,
            lease: self.lease.as_ref(),
        });
        if let Some(Verdict::Yes(role)) = &known
            && let Some(served) = role.read(now)
        {
            return self
                .give(visitor, role.as_ref(), &served, wanted, left, now)
                .into();
        }
        let (door, visitor) = (Arc::clone(self), Arc::clone(visitor));
        Answering::later(async move {
            let end = now.plus(WAIT);
            let verdict = if let Some(verdict) = known {
                verdict
            } else {
                let asked = Asked {
                    visitor: &visitor,
                    role: &role,
                    lease: door.lease.as_ref(),
                };
                door.access.decide(asked, WAIT).await
            };
            let role = match verdict {
                Verdict::Yes(role) => role,
                Verdict::No(denial) => return empty(status_denied(&denial)),
            };
            let rest = door.clock.now().until(end);
            let decided = Arc::clone(&role);
            match obtain(&*door.roles, &*door.clock, role, rest).await {
                Ok((role, served)) => {
                    let asked = Asked {
                        visitor: &visitor,
                        role: &role,
                        lease: door.lease.as_ref(),
                    };
                    let access = &door.access;
                    let verdict = access.after_waiting(&*door.roles, asked, decided.role());
                    if let Err(denial) = verdict.await {
                        return empty(status_denied(&denial));
                    }
                    let now = door.clock.now();
                    door.give(&visitor, role.as_ref(), &served, wanted, left, now)
                }
                Err(none) => empty(status_without(&none)),
            }
        })
    }

    /// What the role's configuration alone answers, its region and account: for whom the role is.
    fn plain(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        role: Arc<dyn RoleInForce>,
        leaf: Leaf,
        left: u64,
    ) -> Answering {
        let text = place::plain(leaf, role.role(), self.started);
        let answer = text.map_or_else(|| empty(StatusCode::NOT_FOUND), |text| found(text, left));
        let asked = Asked {
            visitor,
            role: &role,
            lease: self.lease.as_ref(),
        };
        if self.access.admits_at_once(asked).is_some() {
            return answer.into();
        }
        let (door, visitor) = (Arc::clone(self), Arc::clone(visitor));
        Answering::later(async move {
            let asked = Asked {
                visitor: &visitor,
                role: &role,
                lease: door.lease.as_ref(),
            };
            match door.access.admits(asked).await {
                Ok(()) => answer,
                Err(denial) => empty(status_denied(&denial)),
            }
        })
    }

    fn give(
        &self,
        visitor: &Arc<Visitor>,
        role: &dyn RoleInForce,
        served: &Arc<Served>,
        wanted: Wanted,
        left: u64,
        now: Now,
    ) -> Response {
        match wanted {
            Wanted::Listing => found(Bytes::from(role.role().name.slug()), left),
            Wanted::Info => found(place::info(role.role(), served), left),
            Wanted::Document => {
                let own = self.lease.as_ref().map(|lease| lease.id());
                let lease = own.or_else(|| role.lease());
                self.records.served(visitor, role, served, lease, now);
                found(served.http_body.clone(), left)
            }
        }
    }
}

/// What needs a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Listing,
    Document,
    Info,
}

/// The table of answers' last column, where the doors themselves say no.
fn status_denied(denial: &Denial) -> StatusCode {
    match denial {
        Denial::Locked(_) | Denial::Refused(..) => StatusCode::NOT_FOUND,
        Denial::PersonNeeded(..) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The table of answers' last column, as far as a role without a session can get here.
fn status_without(none: &NoSession) -> StatusCode {
    match none {
        NoSession::Unusable(_) => StatusCode::NOT_FOUND,
        NoSession::NotReady(_)
        | NoSession::AwsUnavailable(_)
        | NoSession::AwsDenied(_)
        | NoSession::LedgerUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn found(body: Bytes, left: u64) -> Response {
    let mut response = with_body(StatusCode::OK, TEXT, body);
    response.headers_mut().insert(TTL, HeaderValue::from(left));
    response
}

/// Decimal digits and nothing else, within the bounds.
fn ttl_seconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 5 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value)
        .ok()?
        .parse()
        .ok()
        .filter(|ttl| (MIN_TTL_SECONDS..=MAX_TTL_SECONDS).contains(ttl))
}
