//! `POST /v1/leases` and `DELETE /v1/leases/{id}`.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rolecall::api::{Code, Door, LeaseGrant, LeaseRequest, LeaseScope, Problem};

use super::super::access::{Asked, Denial};
use super::super::answer::{Answering, Response, empty};
use super::super::leased::{NotMade, WantedDoors};
use super::super::needs::obtain;
use super::super::visitor::Visitor;
use super::environment::{Copies, Environment, Pointer, environment};
use super::{Tools, find, json, parse, problem, wait};
use crate::lease::Wanted;
use crate::lease::doors::{Doors, SocketDoor};
use crate::lease::scope::{self, Scope, ScopeError};
use crate::recipe::Narrowing;

/// Longest reason, in bytes: it stands in the ledger, and in the file that is written with every lease.
const MAX_REASON: usize = 1024;

/// Longest time that a lease may have.
const MAX_TTL: Duration = Duration::from_hours(24 * 30);

/// Makes a lease, once the role has a session: a failure shows before the command has started.
pub(super) fn create(tools: &Arc<Tools>, visitor: &Arc<Visitor>, body: &[u8]) -> Answering {
    let asked = parse(body).and_then(|request: LeaseRequest| {
        let terms = terms(&request)?;
        Ok((request, terms))
    });
    let (request, terms) = match asked {
        Ok(asked) => asked,
        Err(problem) => return problem::answer(&problem).into(),
    };
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    Answering::later(async move {
        let can_prompt = request.can_prompt;
        match grant(&tools, &visitor, request, terms).await {
            Ok(grant) => json(StatusCode::CREATED, &grant),
            Err(NotGranted::Denied(denial)) => problem::denied(&denial, can_prompt),
            Err(NotGranted::Failed(problem)) => problem::answer(&problem),
        }
    })
}

/// What a lease takes away, and when it ends.
struct Terms {
    narrowing: Narrowing,
    ttl: Option<Duration>,
}

/// The terms asked for, if they could be some role's. Problems name the option of `rolecall` that asked for it.
fn terms(request: &LeaseRequest) -> Result<Terms, Problem> {
    let wrong = |message: String, hint: Option<String>| Problem {
        code: Code::BadRequest,
        message,
        hint,
    };
    if (request.reason.as_ref()).is_some_and(|reason| reason.len() > MAX_REASON) {
        let message = "--reason: expected at most 1024 bytes".to_owned();
        return Err(wrong(message, None));
    }
    let ttl = request.ttl.map(Duration::from_secs);
    if ttl.is_some_and(|ttl| ttl.is_zero() || ttl > MAX_TTL) {
        let message = "--ttl: expected a duration from 1s to 30d".to_owned();
        return Err(wrong(message, None));
    }
    let endless = matches!(
        request.scope,
        LeaseScope::PeerCgroup { .. } | LeaseScope::Uid { .. } | LeaseScope::Shared
    );
    if endless && ttl.is_none() {
        let message =
            "--ttl is missing: a lease for a user or a group of processes has no end of its own";
        let hint = "say how long it is needed, such as --ttl 8h";
        return Err(wrong(message.to_owned(), Some(hint.to_owned())));
    }
    if endless && request.only {
        let message = "--only needs processes of the lease's own to fence in";
        let hint =
            "leave out --shared, --peer-uid and --peer-cgroup, or use `rolecall exec --only`";
        return Err(wrong(message.to_owned(), Some(hint.to_owned())));
    }
    let asked = Narrowing {
        policy: request.policy.clone(),
        policy_arns: request.policy_arns.clone(),
        read_only: request.read_only,
        duration_seconds: request.duration_seconds,
        tags: request.tags.clone(),
    };
    let narrowing = (asked.checked()).map_err(|error| wrong(error.to_string(), error.hint()))?;
    Ok(Terms { narrowing, ttl })
}

/// Why there is no lease.
enum NotGranted {
    Denied(Denial),
    Failed(Problem),
}

impl From<Problem> for NotGranted {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

async fn grant(
    tools: &Tools,
    visitor: &Arc<Visitor>,
    request: LeaseRequest,
    terms: Terms,
) -> Result<LeaseGrant, NotGranted> {
    let doors = own_doors(&request)?;
    let container = tools.container.filter(|_| !doors.imds);
    let leased = tools
        .leased
        .as_ref()
        .filter(|_| container.is_some() || doors.imds);
    let Some(leased) = leased else {
        return Err(Problem {
            code: Code::Internal,
            message: "the container door is not listening".to_owned(),
            hint: Some("`rolecall status` shows why".to_owned()),
        }
        .into());
    };
    let asker = visitor.peer().and_then(|peer| peer.process.as_ref());
    let check = || {
        scope::resolve(&request.scope, asker, tools.leases.place()).map_err(|error| refused(&error))
    };
    check()?;
    let role = find(tools, &request.role).await?;
    terms.narrowing.of(role.role()).map_err(|error| Problem {
        code: Code::BadRequest,
        message: format!(
            "the role `{}` cannot be leased so: {error}",
            role.role().name
        ),
        hint: error.hint(),
    })?;
    let narrowed = !terms.narrowing.is_empty();
    let prepared = (tools.leases).prepare(role.role().name.as_str(), terms.narrowing);
    let mut role = if narrowed {
        tools.roles.narrowed(prepared.id()).unwrap_or(role)
    } else {
        role
    };
    let end = tools.clock.now().plus(wait(request.wait));
    let patience = if request.can_prompt {
        Duration::ZERO
    } else {
        wait(request.wait)
    };
    let asked = Asked {
        visitor,
        role: &role,
        lease: None,
    };
    let door = if doors.imds {
        Door::Imds
    } else {
        Door::Container
    };
    let consent = tools
        .access
        .decide_lease(asked, door, request.reason.clone(), patience)
        .await
        .map_err(NotGranted::Denied)?;
    if role.read(tools.clock.now()).is_none() {
        let left = tools.clock.now().until(end);
        (role, _) = obtain(&*tools.roles, &*tools.clock, role, left)
            .await
            .map_err(|none| none.problem().clone())?;
    }
    let asked = Asked {
        visitor,
        role: &role,
        lease: None,
    };
    tools.access.not_locked(asked).map_err(NotGranted::Denied)?;
    let role = role.role();
    let files = tools
        .control
        .exec_files(role.name.as_str())
        .await
        .map_err(|error| failed("the copies of the AWS configuration cannot be made", &error))?;
    // Again: that may have been a minute, and the process another.
    let scope: Scope = check()?;
    let wanted = Wanted {
        prepared,
        role: role.name.clone(),
        scope,
        only: request.only,
        ttl: terms.ttl,
        reason: request.reason,
        through_lock: request.through_lock,
        files,
        peer: visitor.peer().cloned(),
        consumer: visitor.complete().cloned(),
        doors: Doors::default(),
    };
    let (lease, token) = leased.create(wanted, doors).await.map_err(not_made)?;
    // Once more: `lock --revoke` may have ended every lease there was while this one was being made.
    if let Err(denial) = tools.access.not_locked(asked) {
        let end = tools.leases.end(lease.id(), "the doors were locked");
        end.await
            .map_err(|error| failed("a lease could not be ended", &error))?;
        return Err(NotGranted::Denied(denial));
    }
    if let Some(consent) = &consent {
        tools.access.leased(consent, &lease);
    }
    let files = tools.leases.files();
    let pointer = match (container, lease.doors().imds_port) {
        (Some(door), None) => Pointer::Container {
            door,
            slug: role.name.slug(),
            token,
            token_file: files.token(lease.id()),
        },
        (_, port) => Pointer::Imds(port.unwrap_or_default()),
    };
    let copies = Copies {
        config: files.config(lease.id()),
        credentials: files.credentials(lease.id()),
    };
    let region = role.region.as_deref().or(request.region.as_deref());
    let Environment { set, unset } = environment(pointer, &copies, region);
    Ok(LeaseGrant {
        id: lease.id().to_owned(),
        role: lease.role().to_owned(),
        set,
        unset,
        fence: lease.is_fence(),
        cgroup: matches!(lease.scope(), Scope::Cgroup { .. }),
    })
}

/// The doors that the lease is to have of its own. The socket of a lease for a user is that user's.
fn own_doors(request: &LeaseRequest) -> Result<WantedDoors, Problem> {
    let uid = match request.scope {
        LeaseScope::Uid { uid } => Some(uid),
        _ => None,
    };
    let socket = request.socket.as_ref().map(|socket| SocketDoor {
        path: socket.path.clone().into(),
        peer_uid: socket.peer_uid.or(uid),
    });
    if socket.as_ref().is_some_and(|it| !it.path.is_absolute()) {
        return Err(problem::bad_parameter(
            "socket",
            "expected an absolute path",
        ));
    }
    Ok(WantedDoors {
        imds: request.imds,
        socket,
    })
}

fn not_made(why: NotMade) -> Problem {
    match why {
        NotMade::Lease(error) => failed("the lease cannot be written down", &error),
        NotMade::Door(error) => Problem {
            code: Code::BadRequest,
            message: format!("a door of the lease's own cannot be opened: {error}"),
            hint: Some(
                "a socket goes into a directory of its own, below $XDG_RUNTIME_DIR for example"
                    .to_owned(),
            ),
        },
    }
}

/// Ends a lease; 404 if there is none of that id.
pub(super) fn end(tools: &Arc<Tools>, id: String) -> Answering {
    let tools = Arc::clone(tools);
    Answering::later(async move { ended(&tools, &id).await })
}

async fn ended(tools: &Tools, id: &str) -> Response {
    match tools.leases.end(id, "ended by hand").await {
        Ok(true) => empty(StatusCode::NO_CONTENT),
        Ok(false) => problem::answer(&Problem {
            code: Code::NotFound,
            message: "no such lease".to_owned(),
            hint: Some("`rolecall lease list` lists the leases".to_owned()),
        }),
        Err(error) => problem::answer(&failed("the lease has ended, cleaning up failed", &error)),
    }
}

fn refused(error: &ScopeError) -> Problem {
    Problem {
        code: match error {
            ScopeError::UnknownKind | ScopeError::NoGroup(_) => Code::BadRequest,
            _ => Code::Refused,
        },
        message: error.to_string(),
        hint: Some(
            match error {
                ScopeError::NoGroup(_) => {
                    "the second column of `systemd-cgls` or /proc/PID/cgroup names it"
                }
                _ => "a lease is for the asking process, an ancestor of it, or its session",
            }
            .to_owned(),
        ),
    }
}

fn failed(what: &str, error: &std::io::Error) -> Problem {
    let hint = match error.kind() {
        std::io::ErrorKind::InvalidData => "`rolecall config check` shows all that is wrong",
        _ => "see that the state and runtime directories can be written to",
    };
    Problem {
        code: Code::Internal,
        message: format!("{what}: {error}"),
        hint: Some(hint.to_owned()),
    }
}
