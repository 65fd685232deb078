//! `POST /v1/leases` and `DELETE /v1/leases/{id}`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rolecall::api::{Code, LeaseGrant, LeaseRequest, Problem};
use zeroize::Zeroizing;

use super::super::access::{Asked, Denial};
use super::super::answer::{Answering, Response, empty};
use super::super::needs::obtain;
use super::super::visitor::Visitor;
use super::{Tools, find, json, parse, problem, wait};
use crate::lease::files::Files;
use crate::lease::scope::{self, Scope, ScopeError};
use crate::lease::{Lease, Wanted};
use crate::recipe::Role;

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

/// Makes a lease, once the role has a session: a failure shows before the command has started.
pub(super) fn create(tools: &Arc<Tools>, visitor: &Arc<Visitor>, body: &[u8]) -> Answering {
    let request: LeaseRequest = match parse(body) {
        Ok(request) => request,
        Err(problem) => return problem::answer(&problem).into(),
    };
    if (request.reason.as_ref()).is_some_and(|reason| reason.len() > MAX_REASON) {
        return problem::answer(&problem::bad_parameter(
            "reason",
            "expected at most 1024 bytes",
        ))
        .into();
    }
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    Answering::later(async move {
        let can_prompt = request.can_prompt;
        match grant(&tools, &visitor, request).await {
            Ok(grant) => json(StatusCode::CREATED, &grant),
            Err(NotGranted::Denied(denial)) => problem::denied(&denial, can_prompt),
            Err(NotGranted::Failed(problem)) => problem::answer(&problem),
        }
    })
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
) -> Result<LeaseGrant, NotGranted> {
    let Some(door) = tools.container else {
        return Err(Problem {
            code: Code::Internal,
            message: "the container door is not listening".to_owned(),
            hint: Some("`rolecall status` shows why".to_owned()),
        }
        .into());
    };
    let asker = visitor.peer().and_then(|peer| peer.process.as_ref());
    let check = || {
        let (processes, boot_id) = (tools.leases.processes(), tools.leases.boot_id());
        scope::resolve(request.scope, asker, processes, boot_id).map_err(refused)
    };
    check()?;
    let mut role = find(tools, &request.role).await?;
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
    let consent = tools
        .access
        .decide_lease(asked, request.reason.clone(), patience)
        .await
        .map_err(NotGranted::Denied)?;
    if role.read(tools.clock.now()).is_none() {
        let left = tools.clock.now().until(end);
        (role, _) = obtain(&*tools.roles, &*tools.clock, role, left)
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
        role: role.name.clone(),
        scope,
        reason: request.reason,
        through_lock: request.through_lock,
        files,
        peer: visitor.peer().cloned(),
        consumer: visitor.complete().cloned(),
    };
    let (lease, token) = tools
        .leases
        .create(wanted)
        .await
        .map_err(|error| failed("the lease cannot be written down", &error))?;
    if let Some(consent) = &consent {
        tools.access.leased(consent, &lease);
    }
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
            hint: Some("`rolecall status` lists the leases".to_owned()),
        }),
        Err(error) => problem::answer(&failed("the lease has ended, cleaning up failed", &error)),
    }
}

fn refused(error: ScopeError) -> Problem {
    Problem {
        code: match error {
            ScopeError::UnknownKind => Code::BadRequest,
            _ => Code::Refused,
        },
        message: error.to_string(),
        hint: Some(
            "a lease is for the asking process, an ancestor of it, or its session".to_owned(),
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
