//! What was called, by whom, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One call, recorded when it arrives and completed when it is answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Call {
    /// When it arrived, by the fake's own clock, with milliseconds.
    pub time: String,
    /// `AssumeRole`; empty if the request named none.
    pub action: String,
    /// The key the request says it is signed with.
    pub access_key_id: Option<String>,
    /// The region its signature is for.
    pub region: Option<String>,
    /// Whose key it is: known once the signature proved right.
    pub caller: Option<String>,
    /// `RoleArn`.
    pub role: Option<String>,
    /// `RoleSessionName`.
    pub session_name: Option<String>,
    /// `DurationSeconds`.
    pub duration_seconds: Option<u32>,
    /// The request's `User-Agent`.
    pub user_agent: Option<String>,
    /// The id in the answer and its header.
    pub request_id: String,
    /// The access key id that was issued.
    pub issued: Option<String>,
    /// Where it stands.
    pub outcome: Outcome,
    /// Everything the request said.
    pub parameters: BTreeMap<String, String>,
}

/// Where a call stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Delayed or hanging, or given up by the client meanwhile.
    Pending,
    /// Answered with success; the answer may have been spoiled on its way.
    Answered,
    /// Answered with an error of this code.
    Refused(String),
    /// The connection was closed instead.
    Closed,
}
