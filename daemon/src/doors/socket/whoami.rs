//! `GET /v1/whoami/{role}`: GetCallerIdentity with the role's session.

use std::sync::Arc;

use http::StatusCode;

use super::super::access::{Asked, Verdict};
use super::super::answer::Answering;
use super::super::needs::obtain;
use super::super::visitor::Visitor;
use super::{Query, Sight, Tools, find_for, json, problem};

pub(super) fn answer(
    tools: &Arc<Tools>,
    visitor: &Arc<Visitor>,
    sight: Sight,
    role: &str,
    query: Query,
) -> Answering {
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    let name = role.to_owned();
    Answering::later(async move {
        let role = match find_for(&tools, &visitor, &sight, &name).await {
            Ok(role) => role,
            Err(problem) => return problem::answer(&problem),
        };
        let asked = Asked {
            visitor: &visitor,
            role: &role,
            lease: None,
        };
        let role = match tools.access.decide(asked, query.patience()).await {
            Verdict::Yes(role) => role,
            Verdict::No(denial) => return problem::denied(&denial, query.can_prompt),
        };
        let decided = Arc::clone(&role);
        let (role, session) = match obtain(&*tools.roles, &*tools.clock, role, query.wait).await {
            Ok(obtained) => obtained,
            Err(none) => return problem::answer(none.problem()),
        };
        let asked = Asked {
            visitor: &visitor,
            role: &role,
            lease: None,
        };
        let access = &tools.access;
        let verdict = access.after_waiting(&*tools.roles, asked, decided.role());
        if let Err(denial) = verdict.await {
            return problem::denied(&denial, query.can_prompt);
        }
        match tools.control.identity(role, session).await {
            Ok(identity) => json(StatusCode::OK, &identity),
            Err(problem) => problem::answer(&problem),
        }
    })
}
