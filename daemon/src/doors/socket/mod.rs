//! The socket door: rolecall's own API, version 1 (`docs/api.yaml`).

mod config;
mod confined;
mod credentials;
mod leases;
mod ledger;
mod problem;
mod route;
mod status;
mod whoami;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use rolecall::api::{Code, Door, MAX_WAIT_SECONDS, Problem, VERSION_HEADER};
use serde::Serialize;
use tokio::sync::watch;

use super::access::Access;
use super::answer::{Answering, JSON, Response, allowing, closing, with_body};
use super::guard::Refusal;
use super::metrics::Metrics;
use super::needs::{Control, RoleInForce, Roles};
use super::records::Records;
use super::server::Handler;
use super::visitor::Visitor;
use crate::clock::{SharedClock, Timestamp};
use crate::lease::Leases;
use route::{Route, route};

/// What the socket works with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Tools {
    /// The roles in force.
    pub roles: Arc<dyn Roles>,
    /// Live leases.
    pub leases: Leases,
    /// Who may have what.
    pub access: Arc<Access>,
    /// The ledger and the readers.
    pub records: Arc<Records>,
    /// The daemon as a whole.
    pub control: Arc<dyn Control>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: SharedClock,
    /// When the daemon started.
    pub started: Timestamp,
    /// The daemon's uid.
    pub uid: u32,
    /// The container door's address; None if it is not listening.
    pub container: Option<SocketAddr>,
    /// True once the daemon is stopping: streams and waits end.
    pub drain: watch::Receiver<bool>,
}

/// The socket door.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Socket(Arc<Tools>);

impl Socket {
    /// Answers with `tools`.
    pub fn new(tools: Tools) -> Self {
        Self(Arc::new(tools))
    }
}

impl Handler for Socket {
    fn door(&self) -> Door {
        Door::Socket
    }

    fn answer(&self, visitor: &Arc<Visitor>, head: &Parts, body: Bytes) -> Answering {
        match self.dispatch(visitor, head, &body) {
            Answering::Ready(response) => Answering::Ready(response.map(stamped)),
            Answering::Later(future) => Answering::later(async move { stamped(future.await) }),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let code = match refusal.status {
            StatusCode::FORBIDDEN => Code::Refused,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            _ => Code::BadRequest,
        };
        let problem = Problem {
            code,
            message: refusal.reason.to_owned(),
            hint: None,
        };
        let response = stamped(problem::with_status(refusal.status, &problem));
        if refusal.close {
            closing(response)
        } else {
            response
        }
    }
}

impl Socket {
    fn dispatch(&self, visitor: &Arc<Visitor>, head: &Parts, body: &[u8]) -> Answering {
        let tools = &self.0;
        let Some(route) = route(head.uri.path()) else {
            return problem::answer(&problem::no_such_path()).into();
        };
        let methods = route.methods();
        if !methods
            .split(", ")
            .any(|method| method == head.method.as_str())
        {
            return allowing(problem::answer(&problem::wrong_method(methods)), methods).into();
        }
        let query = match Query::parse(head.uri.query()) {
            Ok(query) => query,
            Err(problem) => return problem::answer(&problem).into(),
        };
        if let Some(answer) = confined::answer(tools, visitor, &route, &head.method) {
            return answer.into();
        }
        match route {
            Route::Credentials(role) => credentials::answer(tools, visitor, &role, query),
            Route::Status => json(StatusCode::OK, &status::status(tools)).into(),
            Route::Roles => json(StatusCode::OK, &status::roles(tools)).into(),
            Route::Metrics => status::metrics(tools).into(),
            Route::Whoami(role) => whoami::answer(tools, visitor, &role, query),
            Route::Events => ledger::events(tools).into(),
            Route::Ledger => ledger::answer(tools, query),
            Route::Leases if head.method == http::Method::GET => {
                json(StatusCode::OK, &tools.leases.list()).into()
            }
            Route::Leases => leases::create(tools, visitor, body),
            Route::Lease(id) => leases::end(tools, id.into_owned()),
            Route::Reload => config::reload(tools),
            Route::ConfigCheck => config::check(tools),
            Route::ConfigSetup => config::plan_setup(tools, body),
        }
    }
}

/// What may stand after `?`. Unknown names are ignored, so that a newer client can ask an older daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Query {
    wait: Duration,
    count: Option<usize>,
    after: Option<u64>,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut parsed = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "wait" => parsed.wait = wait(number(name, value)?),
                "count" => parsed.count = Some(number(name, value)?),
                "after" => parsed.after = Some(number(name, value)?),
                // No challenges yet: nobody is ever prompted.
                "can_prompt" if !matches!(value, "0" | "1" | "false" | "true") => {
                    return Err(problem::bad_parameter(name, "expected true or false"));
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, Problem> {
    value
        .parse()
        .map_err(|_| problem::bad_parameter(name, "expected a whole number"))
}

/// A wait as asked for, in seconds; more than the most is the most.
fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(MAX_WAIT_SECONDS))
}

/// The role of that name, or of that slug: the `credential_process` lines that setup writes have slugs.
fn named(tools: &Tools, name: &str) -> Option<Arc<dyn RoleInForce>> {
    let by_slug = || tools.roles.role_by_slug(name);
    tools.roles.role(name).or_else(by_slug)
}

/// The role of that name or slug, reading changed configuration files if it is not known (DESIGN rule 12).
async fn find(tools: &Tools, name: &str) -> Result<Arc<dyn RoleInForce>, Problem> {
    if let Some(role) = named(tools, name) {
        return Ok(role);
    }
    tools.control.freshen().await;
    named(tools, name).ok_or_else(|| {
        let config = tools.control.config_status();
        if !config.current {
            return problem::not_loaded(name, &config.problems);
        }
        let roles = tools.roles.roles();
        problem::unknown_role(name, roles.iter().map(|role| role.role().name.as_str()))
    })
}

/// A body of a request, read as JSON.
fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem {
        code: Code::BadRequest,
        message: format!("the request's body is not what is expected: {error}"),
        hint: None,
    })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with_body(status, JSON, body.into()),
        Err(error) => problem::answer(&Problem {
            code: Code::Internal,
            message: format!("the answer could not be written as JSON: {error}"),
            hint: None,
        }),
    }
}

fn stamped(mut response: Response) -> Response {
    response.headers_mut().insert(
        HeaderName::from_static(VERSION_HEADER),
        HeaderValue::from_static(env!("CARGO_PKG_VERSION")),
    );
    response
}
