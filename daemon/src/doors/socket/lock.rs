//! `POST /v1/lock` and `POST /v1/unlock`. Both go on to their end when nobody waits for the answer any more: a
//! lock that forgot no consent would be half a lock, and an unlock that is not written down none that can be traced.

use std::sync::Arc;

use http::StatusCode;
use rolecall::api::{Code, LockReport, LockRequest, Problem};

use super::super::answer::{Answering, Response};
use super::super::visitor::Visitor;
use super::{Tools, json, parse, problem};
use crate::ledger::{Event, Record};

/// Locks the doors, forgets every consent, and ends all leases if that is asked for. Renewals go on.
pub(super) fn lock(tools: &Arc<Tools>, visitor: &Arc<Visitor>, body: &[u8]) -> Answering {
    let request = if body.is_empty() {
        Ok(LockRequest::default())
    } else {
        parse(body)
    };
    let request: LockRequest = match request {
        Ok(request) => request,
        Err(problem) => return problem::answer(&problem).into(),
    };
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    to_its_end(async move { locked(&tools, &visitor, request).await })
}

async fn locked(tools: &Tools, visitor: &Visitor, request: LockRequest) -> Response {
    let access = &tools.access;
    let written = access.lock().lock(tools.clock.now().wall).await;
    access.challenges().forget();
    let mut ended_leases = 0;
    if request.revoke {
        for lease in tools.leases.list() {
            match tools.leases.end(&lease.id, "locked with --revoke").await {
                Ok(true) => ended_leases += 1,
                Ok(false) => {}
                Err(error) => {
                    return problem::answer(&failed(
                        "a lease has ended, cleaning up failed",
                        &error,
                    ));
                }
            }
        }
    }
    match written {
        Ok(changed) => {
            if changed || request.revoke {
                let revoked = format!("{ended_leases} leases ended");
                note(
                    tools,
                    visitor,
                    Event::Lock,
                    request.revoke.then_some(revoked),
                );
            }
            report(tools, changed, ended_leases)
        }
        Err(error) => {
            note(tools, visitor, Event::Lock, Some(error.to_string()));
            let what = "the doors are locked, but only until the daemon ends";
            problem::answer(&failed(what, &error))
        }
    }
}

/// Unlocks the doors. Nothing can be configured yet that it would demand.
pub(super) fn unlock(tools: &Arc<Tools>, visitor: &Arc<Visitor>) -> Answering {
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    to_its_end(async move {
        match tools.access.lock().unlock().await {
            Ok(changed) => {
                if changed {
                    note(&tools, &visitor, Event::Unlock, None);
                }
                report(&tools, changed, 0)
            }
            Err(error) => problem::answer(&failed("the doors stay locked", &error)),
        }
    })
}

/// Does `work` in a task of its own, which the end of the connection does not end.
fn to_its_end(work: impl Future<Output = Response> + Send + 'static) -> Answering {
    let task = tokio::spawn(work);
    Answering::later(async move { task.await.expect("it does not panic, and panics abort") })
}

fn report(tools: &Tools, changed: bool, ended_leases: u64) -> Response {
    let report = LockReport {
        lock: tools.access.lock().status(),
        changed,
        ended_leases,
    };
    json(StatusCode::OK, &report)
}

fn note(tools: &Tools, visitor: &Visitor, event: Event, message: Option<String>) {
    tools.records.witness().note(Record {
        event,
        door: Some(visitor.door),
        peer: visitor.peer().cloned(),
        consumer: visitor.complete().cloned(),
        message,
        ..Record::default()
    });
}

fn failed(what: &str, error: &std::io::Error) -> Problem {
    Problem {
        code: Code::Internal,
        message: format!("{what}: {error}"),
        hint: Some("see that the state directory can be written to".to_owned()),
    }
}
