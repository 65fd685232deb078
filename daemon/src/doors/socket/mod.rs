//! The socket door: rolecall's own API, version 1 (`docs/api.yaml`).

mod challenges;
mod config;
mod confined;
mod credentials;
mod environment;
pub mod leased;
mod leases;
mod ledger;
mod lock;
mod problem;
mod route;
mod sight;
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
use super::leased::Leased;
use super::metrics::Metrics;
use super::needs::{Control, RoleInForce, Roles};
use super::records::Records;
use super::server::Handler;
use super::visitor::Visitor;
use crate::clock::{SharedClock, Timestamp};
use crate::lease::Leases;
use route::{Route, route};
use sight::Sight;

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
    /// The doors of leases; None where there are none (`--once`).
    pub leased: Option<Arc<Leased>>,
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

    fn refuse(&self, refused: &Refusal) -> Response {
        refusal(refused)
    }
}

/// The answer to what the guard refused.
fn refusal(refusal: &Refusal) -> Response {
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
        let sight = Sight::of(visitor, tools.uid);
        if !sight.opens(&route) {
            let problem = sight::not_in_charge();
            let now = tools.clock.now();
            (tools.records).refused(visitor, "in-charge", &problem.message, now);
            return problem::answer(&problem).into();
        }
        let query = match Query::parse(head.uri.query()) {
            Ok(query) => query,
            Err(problem) => return problem::answer(&problem).into(),
        };
        if let Some(answer) = confined::answer(tools, visitor, &sight, &route, &head.method) {
            return answer.into();
        }
        match route {
            Route::Credentials(role) => credentials::answer(tools, visitor, sight, &role, query),
            Route::Status => json(StatusCode::OK, &status::status(tools, &sight)).into(),
            Route::Roles => json(StatusCode::OK, &status::roles(tools, &sight)).into(),
            Route::Metrics => status::metrics(tools).into(),
            Route::Whoami(role) => whoami::answer(tools, visitor, sight, &role, query),
            Route::Events => ledger::events(tools).into(),
            Route::Ledger => ledger::answer(tools, query),
            Route::Challenges => json(StatusCode::OK, &tools.access.challenges().list()).into(),
            Route::Challenge(id) => challenges::answer(tools, visitor, id.into_owned(), body),
            Route::Lock => lock::lock(tools, visitor, body),
            Route::Unlock => lock::unlock(tools, visitor),
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
    can_prompt: bool,
}

impl Query {
    /// How long a person's answer is waited for: not at all by who can put the question to one.
    fn patience(self) -> Duration {
        if self.can_prompt {
            Duration::ZERO
        } else {
            self.wait
        }
    }

    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut parsed = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "wait" => parsed.wait = wait(number(name, value)?),
                "count" => parsed.count = Some(number(name, value)?),
                "after" => parsed.after = Some(number(name, value)?),
                "can_prompt" => {
                    parsed.can_prompt = match value {
                        "1" | "true" => true,
                        "0" | "false" => false,
                        _ => return Err(problem::bad_parameter(name, "expected true or false")),
                    };
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

/// [`find`], for this visitor: of roles that are somebody else's they learn nothing.
async fn find_for(
    tools: &Tools,
    visitor: &Visitor,
    sight: &Sight,
    name: &str,
) -> Result<Arc<dyn RoleInForce>, Problem> {
    let role = match find(tools, name).await {
        Ok(role) => role,
        Err(problem) if *sight == Sight::All => return Err(problem),
        Err(_) => {
            let roles = tools.roles.roles();
            let theirs = roles
                .iter()
                .filter(|role| sight.hides(role.role()).is_none());
            let names = theirs.map(|role| role.role().name.as_str());
            return Err(problem::unknown_role(name, names));
        }
    };
    let Some(rule) = sight.hides(role.role()) else {
        return Ok(role);
    };
    let problem = sight::not_theirs(name);
    (tools.records).refused(visitor, rule, &problem.message, tools.clock.now());
    Err(problem)
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
