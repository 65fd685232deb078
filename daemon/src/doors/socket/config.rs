//! `POST /v1/reload`, `config/check` and `config/setup`.

use std::sync::Arc;

use http::StatusCode;

use super::super::answer::Answering;
use super::{Tools, json, parse, problem};

pub(super) fn reload(tools: &Arc<Tools>) -> Answering {
    let tools = Arc::clone(tools);
    Answering::later(async move {
        let report = tools.control.reload().await;
        let status = if report.applied {
            StatusCode::OK
        } else {
            StatusCode::CONFLICT
        };
        json(status, &report)
    })
}

pub(super) fn check(tools: &Arc<Tools>) -> Answering {
    let tools = Arc::clone(tools);
    Answering::later(async move { json(StatusCode::OK, &tools.control.check().await) })
}

pub(super) fn plan_setup(tools: &Arc<Tools>, body: &[u8]) -> Answering {
    let request = match parse(body) {
        Ok(request) => request,
        Err(problem) => return problem::answer(&problem).into(),
    };
    let tools = Arc::clone(tools);
    Answering::later(async move {
        match tools.control.plan_setup(request).await {
            Ok(plan) => json(StatusCode::OK, &plan),
            Err(problem) => problem::answer(&problem),
        }
    })
}
