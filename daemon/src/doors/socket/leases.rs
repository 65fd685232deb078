//! `POST /v1/leases` and `DELETE /v1/leases/{id}`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rolecall::api::{Code, LeaseGrant, LeaseRequest, LeaseScope, Problem};
use zeroize::Zeroizing;

use super::super::answer::{Answering, Response, empty};
use super::super::needs::obtain;
use super::super::visitor::Visitor;
use super::{Tools, find, json, parse, problem, wait};
use crate::lease::files::Files;
use crate::lease::scope::{self, Scope, ScopeError};
use crate::lease::{Lease, Wanted};
use crate::recipe::{Narrowing, Role};

/// What shadows the container variables in one SDK or another.
const SHADOWING: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    // The oldest SDKs' file of keys, which botocore still reads before the container door.
    "AWS_CREDENTIAL_FILE",
    // Wins over the full URI in every SDK but Go's first.
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

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
        match grant(&tools, &visitor, request, terms).await {
            Ok(grant) => json(StatusCode::CREATED, &grant),
            Err(problem) => problem::answer(&problem),
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

async fn grant(
    tools: &Tools,
    visitor: &Visitor,
    request: LeaseRequest,
    terms: Terms,
) -> Result<LeaseGrant, Problem> {
    let Some(door) = tools.container else {
        return Err(Problem {
            code: Code::Internal,
            message: "the container door is not listening".to_owned(),
            hint: Some("`rolecall status` shows why".to_owned()),
        });
    };
    let asker = visitor.peer.as_ref().and_then(|peer| peer.process.as_ref());
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
    if role.read(tools.clock.now()).is_none() {
        (role, _) = obtain(&*tools.roles, &*tools.clock, role, wait(request.wait))
            .await
            .map_err(|none| none.problem().clone())?;
    }
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
        files,
        peer: visitor.peer.clone(),
        consumer: visitor.complete().cloned(),
    };
    let (lease, token) = tools
        .leases
        .create(wanted)
        .await
        .map_err(|error| failed("the lease cannot be written down", &error))?;
    Ok(LeaseGrant {
        id: lease.id().to_owned(),
        role: lease.role().to_owned(),
        set: variables(
            role,
            request.region.as_deref(),
            &lease,
            token,
            door,
            tools.leases.files(),
        ),
        unset: SHADOWING.map(str::to_owned).to_vec(),
        fence: lease.is_fence(),
        cgroup: matches!(lease.scope(), Scope::Cgroup { .. }),
    })
}

fn variables(
    role: &Role,
    region: Option<&str>,
    lease: &Lease,
    token: Zeroizing<String>,
    door: SocketAddr,
    files: &Files,
) -> Vec<(String, Zeroizing<String>)> {
    let path = |path: std::path::PathBuf| path.display().to_string();
    let uri = format!("http://{door}/role/{}", role.name.slug());
    let mut set = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            path(files.token(lease.id())),
        ),
        ("AWS_CONFIG_FILE", path(files.config(lease.id()))),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            path(files.credentials(lease.id())),
        ),
        ("AWS_EC2_METADATA_V1_DISABLED", "true".to_owned()),
    ];
    if let Some(region) = role.region.as_deref().or(region) {
        set.push(("AWS_REGION", region.to_owned()));
        set.push(("AWS_DEFAULT_REGION", region.to_owned()));
    }
    let mut set: Vec<_> = set
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Zeroizing::new(value)))
        .collect();
    set.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), token));
    set
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
