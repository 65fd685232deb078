//! `GET /v1/credentials/{role}`: what `credential_process` prints.

use std::sync::Arc;

use http::StatusCode;

use super::super::access::{Asked, Verdict};
use super::super::answer::{Answering, JSON, Response, with_body};
use super::super::needs::{RoleInForce, obtain};
use super::super::visitor::Visitor;
use super::{Query, Sight, Tools, find_for, named, problem};
use crate::clock::Now;
use crate::session::Served;

/// With a valid session at hand: a pointer, two clocks, and the bytes.
pub(super) fn answer(
    tools: &Arc<Tools>,
    visitor: &Arc<Visitor>,
    sight: Sight,
    role: &str,
    query: Query,
) -> Answering {
    let now = tools.clock.now();
    if let Some(role) = named(tools, role)
        && sight.hides(role.role()).is_none()
        && let Some(Verdict::Yes(role)) = tools.access.at_once(asked(visitor, &role))
        && let Some(served) = role.read(now)
    {
        return give(tools, visitor, role.as_ref(), &served, now).into();
    }
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    let name = role.to_owned();
    Answering::later(async move {
        // What pins whoever waits holds file descriptors, and ten thousand may wait.
        visitor.complete();
        let role = match find_for(&tools, &visitor, &sight, &name).await {
            Ok(role) => role,
            Err(problem) => return problem::answer(&problem),
        };
        let begun = tools.clock.now();
        let verdict = tools
            .access
            .decide(asked(&visitor, &role), query.patience())
            .await;
        let role = match verdict {
            Verdict::Yes(role) => role,
            Verdict::No(denial) => return problem::denied(&denial, query.can_prompt),
        };
        let left = tools.clock.now().until(begun.plus(query.wait));
        let decided = Arc::clone(&role);
        let (role, served) = match obtain(&*tools.roles, &*tools.clock, role, left).await {
            Ok(obtained) => obtained,
            Err(none) => return problem::answer(none.problem()),
        };
        let verdict = tools
            .access
            .after_waiting(&*tools.roles, asked(&visitor, &role), decided.role())
            .await;
        match verdict {
            Ok(()) => give(&tools, &visitor, role.as_ref(), &served, tools.clock.now()),
            Err(denial) => problem::denied(&denial, query.can_prompt),
        }
    })
}

fn asked<'a>(visitor: &'a Arc<Visitor>, role: &'a Arc<dyn RoleInForce>) -> Asked<'a> {
    Asked {
        visitor,
        role,
        lease: None,
    }
}

fn give(
    tools: &Tools,
    visitor: &Arc<Visitor>,
    role: &dyn RoleInForce,
    served: &Arc<Served>,
    now: Now,
) -> Response {
    let lease = role.lease();
    tools.records.served(visitor, role, served, lease, now);
    with_body(StatusCode::OK, JSON, served.process_body.clone())
}
