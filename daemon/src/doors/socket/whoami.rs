//! `GET /v1/whoami/{role}`: GetCallerIdentity with the role's session.

use std::sync::Arc;

use http::StatusCode;

use super::super::answer::Answering;
use super::super::needs::obtain;
use super::{Query, Tools, find, json, problem};

pub(super) fn answer(tools: &Arc<Tools>, role: &str, query: Query) -> Answering {
    let (tools, name) = (Arc::clone(tools), role.to_owned());
    Answering::later(async move {
        let role = match find(&tools, &name).await {
            Ok(role) => role,
            Err(problem) => return problem::answer(&problem),
        };
        let (role, session) = match role.read(tools.clock.now()) {
            Some(session) => (role, session),
            None => match obtain(&*tools.roles, &*tools.clock, role, query.wait).await {
                Ok(obtained) => obtained,
                Err(none) => return problem::answer(none.problem()),
            },
        };
        match tools.control.identity(role, session).await {
            Ok(identity) => json(StatusCode::OK, &identity),
            Err(problem) => problem::answer(&problem),
        }
    })
}
