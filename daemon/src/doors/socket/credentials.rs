//! `GET /v1/credentials/{role}`: what `credential_process` prints.

use std::sync::Arc;

use http::StatusCode;

use super::super::access::{Asked, Verdict};
use super::super::answer::{Answering, JSON, Response, with_body};
use super::super::needs::{RoleInForce, obtain};
use super::super::visitor::Visitor;
use super::{Query, Tools, find, named, problem};
use crate::clock::Now;
use crate::session::Served;

/// With a valid session at hand: a pointer, two clocks, and the bytes.
pub(super) fn answer(
    tools: &Arc<Tools>,
    visitor: &Arc<Visitor>,
    role: &str,
    query: Query,
) -> Answering {
    let now = tools.clock.now();
    if let Some(role) = named(tools, role) {
        match tools.access.at_once(asked(visitor, &role)) {
            Some(Verdict::Yes(role)) => {
                if let Some(served) = role.read(now) {
                    return give(tools, visitor, role.as_ref(), &served, now).into();
                }
            }
            Some(Verdict::No(denial)) => return problem::answer(denial.problem()).into(),
            None => {}
        }
    }
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    let name = role.to_owned();
    Answering::later(async move {
        let role = match find(&tools, &name).await {
            Ok(role) => role,
            Err(problem) => return problem::answer(&problem),
        };
        let begun = tools.clock.now();
        let role = match tools
            .access
            .decide(asked(&visitor, &role), query.wait)
            .await
        {
            Verdict::Yes(role) => role,
            Verdict::No(denial) => return problem::answer(denial.problem()),
        };
        let now = tools.clock.now();
        if let Some(served) = role.read(now) {
            return give(&tools, &visitor, role.as_ref(), &served, now);
        }
        let left = now.until(begun.plus(query.wait));
        match obtain(&*tools.roles, &*tools.clock, role, left).await {
            Ok((role, served)) => give(&tools, &visitor, role.as_ref(), &served, tools.clock.now()),
            Err(none) => problem::answer(none.problem()),
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
