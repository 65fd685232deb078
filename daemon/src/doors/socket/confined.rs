//! What the socket answers to who is inside a fence (DESIGN, "Confinement"): sessions of its role, by way of
//! [`super::super::access`]; its own lease in `status`, `roles` and `leases`; and nothing else, whatever paths come.

use http::{Method, StatusCode};
use rolecall::api::Problem;

use super::super::access::{Confined, nothing_else};
use super::super::answer::Response;
use super::super::visitor::Visitor;
use super::route::Route;
use super::{Sight, Tools, json, problem, status};

/// The answer, if the fence has a say in it; None if the request goes its usual way.
pub(super) fn answer(
    tools: &Tools,
    visitor: &Visitor,
    sight: &Sight,
    route: &Route<'_>,
    method: &Method,
) -> Option<Response> {
    let refused = |problem: &Problem| {
        tools.access.refused_by_fence(visitor, problem);
        problem::answer(problem)
    };
    let lease = match tools.access.confined(visitor) {
        Confined::No => return None,
        Confined::By(lease) => lease,
        Confined::From(problem) => return Some(refused(&problem)),
    };
    let ok = StatusCode::OK;
    match route {
        // What the lease takes away is taken away where sessions are handed out.
        Route::Credentials(role) | Route::Whoami(role) if lease.is_for(role) => None,
        Route::Status => Some(json(ok, &status::confined(tools, sight, &lease))),
        Route::Roles => Some(json(ok, &status::confined_roles(tools, &lease))),
        Route::Leases if method == Method::GET => Some(json(ok, &[tools.leases.status(&lease)])),
        _ => Some(refused(&nothing_else(&lease))),
    }
}
