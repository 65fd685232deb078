//! `GET /v1/ledger`: records that are written; `GET /v1/events`: records as they are written.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use rolecall::api::{Code, Problem};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::super::answer::{Answering, Body, Events, JSON, Response, with_body};
use super::{Query, Tools, problem};

/// Records in an answer, if the request does not say.
const DEFAULT_COUNT: usize = 100;

/// Most records in an answer.
const MAX_COUNT: usize = 10_000;

/// Events that may wait for a slow reader before some are lost.
const BACKLOG: usize = 64;

/// The last `count` records after `after`; if there are none, waits for one.
pub(super) fn answer(tools: &Arc<Tools>, query: Query) -> Answering {
    let tools = Arc::clone(tools);
    Answering::later(async move {
        // Subscribed before reading, so that no record falls between.
        let mut news = tools.records.witness().subscribe();
        let mut records = match tail(&tools, query).await {
            Ok(records) => records,
            Err(problem) => return problem::answer(&problem),
        };
        if records.is_empty() && !query.wait.is_zero() {
            let mut drain = tools.drain.clone();
            let end = tools.clock.now().plus(query.wait);
            tokio::select! {
                _ = news.recv() => {}
                () = tools.clock.sleep_until(end) => {}
                _ = drain.wait_for(|draining| *draining) => {}
            }
            records = match tail(&tools, query).await {
                Ok(records) => records,
                Err(problem) => return problem::answer(&problem),
            };
        }
        let body = format!("{{\"records\":[{}]}}", records.join(","));
        with_body(StatusCode::OK, JSON, body.into())
    })
}

async fn tail(tools: &Arc<Tools>, query: Query) -> Result<Vec<String>, Problem> {
    let witness = Arc::clone(tools.records.witness());
    let count = query.count.unwrap_or(DEFAULT_COUNT).min(MAX_COUNT);
    let read = tokio::task::spawn_blocking(move || witness.tail(count, query.after)).await;
    read.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| Problem {
            code: Code::Internal,
            message: format!("the ledger cannot be read: {error}"),
            hint: Some("`rolecall status` shows the ledger's file".to_owned()),
        })
}

/// Every record from now on, as server-sent events named `record`; an event `gap` says how many were
/// lost because the reader was too slow.
pub(super) fn events(tools: &Tools) -> Response {
    let mut news = tools.records.witness().subscribe();
    let mut drain = tools.drain.clone();
    let (sender, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                record = news.recv() => match record {
                    Ok(line) => format!("event: record\ndata: {line}\n\n"),
                    Err(RecvError::Lagged(lost)) => format!("event: gap\ndata: {lost}\n\n"),
                    Err(RecvError::Closed) => return,
                },
                () = sender.closed() => return,
                _ = drain.wait_for(|draining| *draining) => return,
            };
            if sender.send(Bytes::from(event)).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(Body::Events(Events::new(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
