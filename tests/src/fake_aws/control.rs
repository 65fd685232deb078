//! Steering from outside: JSON under `/_control/` on the same port.
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /_control/calls` | every call so far ([`super::Call`]), oldest first |
//! | `POST /_control/faults` | appends a [`Fault`], or a list of them |
//! | `DELETE /_control/faults` | forgets all faults |
//! | `POST /_control/clock` | `{"offset_seconds": 600}`: the fake's clock, against the machine's |
//! | `POST /_control/down` | `{"milliseconds": 3000}`: connections are refused for so long |
//! | `POST /_control/reset` | forgets calls and faults and sets the clock right; issued keys stay good |

use std::time::Duration;

use hyper::Response;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::body::AnswerBody;
use super::faults::Fault;
use super::request::Request;
use super::server::{Command, Order};
use super::state::State;

/// Where steering begins.
pub(super) const PREFIX: &str = "/_control/";

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<Fault>),
    One(Fault),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Down {
    milliseconds: u64,
}

/// Does what the request asks and answers with JSON.
pub(super) fn answer(
    path: &str,
    request: &Request,
    state: &State,
    steer: &mpsc::UnboundedSender<Order>,
) -> Response<AnswerBody> {
    let done = match (request.method.as_str(), path) {
        ("GET", "calls") => return json(200, &state.lock().calls),
        ("POST", "faults") => read::<OneOrMore>(request).map(|faults| {
            state.lock().faults.extend(match faults {
                OneOrMore::More(faults) => faults,
                OneOrMore::One(fault) => vec![fault],
            });
        }),
        ("DELETE", "faults") => {
            state.lock().faults.clear();
            Ok(())
        }
        ("POST", "clock") => read::<Clock>(request).map(|clock| {
            state.lock().offset = SignedDuration::from_secs(clock.offset_seconds);
        }),
        ("POST", "down") => read::<Down>(request).map(|down| {
            tokio::spawn(go_down(
                steer.clone(),
                Duration::from_millis(down.milliseconds),
            ));
        }),
        ("POST", "reset") => {
            state.lock().reset();
            Ok(())
        }
        _ => return json(404, &problem("no such control")),
    };
    match done {
        Ok(()) => json(200, &serde_json::json!({})),
        Err(error) => json(400, &problem(&error.to_string())),
    }
}

/// Leaves time for this very answer to be sent.
async fn go_down(steer: mpsc::UnboundedSender<Order>, time: Duration) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    // Nobody waits for these, and the server may have ended.
    let _ = steer.send((Command::Down, oneshot::channel().0));
    tokio::time::sleep(time).await;
    let _ = steer.send((Command::Up, oneshot::channel().0));
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, serde_json::Error> {
    serde_json::from_slice(&request.body)
}

fn problem(message: &str) -> serde_json::Value {
    serde_json::json!({ "error": message })
}

fn json(status: u16, value: &impl Serialize) -> Response<AnswerBody> {
    let text = serde_json::to_string(value).expect("these types are plain data");
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(AnswerBody::whole(text + "\n"))
        .expect("status and headers are valid")
}
