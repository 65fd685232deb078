//! The append-only record of every attempt, every session, its first serve to each consumer, every
//! refusal.

use std::path::PathBuf;

use rolecall::api::Door;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock::{SharedClock, Timestamp};
use crate::config::LedgerOnError;
use crate::peer::{Consumer, Peer};
use crate::session::Origin;

/// What happened. The writer adds `v`, `seq`, `ts_wall`, `ts_boot`, `boot_id`, `host`, `daemon_ver`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What kind of event.
    pub event: Event,
    /// The role's name, or names joined by `,` for a step that serves several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// ARN of the IAM role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Short fingerprint of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionRecord>,
    /// Through which door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// The other end of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// Who the credentials are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Consumer>,
    /// Lease, if one was used or is made or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// The rule or check that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Failure code of an attempt, or reason of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Words for a person; never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Kinds of record (DESIGN rule 11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A call to AWS is about to be made.
    Attempt,
    /// The configuration in force changed.
    Config,
    /// The call failed: AWS issued nothing.
    Failed,
    /// Records were lost here.
    Gap,
    /// The call gave a session.
    Issued,
    /// A lease was made.
    Lease,
    /// A lease ended.
    LeaseEnd,
    /// Someone was refused.
    Refused,
    /// The configuration was read again.
    Reload,
    /// First serve of a session to a consumer.
    Serve,
    /// The daemon started.
    #[default]
    Start,
    /// The daemon stopped.
    Stop,
    /// Nobody knows whether AWS issued a session: the connection broke after the request was sent.
    Unknown,
}

/// A session, as the ledger names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionRecord {
    /// Access key id.
    pub akid: String,
    /// Assumed-role ARN.
    pub arn: String,
    /// `AROA…:session`.
    pub assumed_role_id: String,
    /// Session name.
    pub session_name: String,
    /// Source identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// When it was issued.
    pub not_before: String,
    /// Its true expiry.
    pub expiration: String,
    /// STS's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_request_id: Option<String>,
    /// The region STS was asked in.
    pub sts_region: String,
    /// Access key id that signed the request.
    pub parent_akid: String,
}

impl SessionRecord {
    /// Of a session.
    pub fn new(
        access_key_id: &str,
        origin: &Origin,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            akid: access_key_id.to_owned(),
            arn: origin.arn.clone(),
            assumed_role_id: origin.assumed_role_id.clone(),
            session_name: origin.session_name.clone(),
            source_identity: origin.source_identity.clone(),
            not_before: issued.to_string(),
            expiration: expires.to_string(),
            sts_request_id: origin.request_id.clone(),
            sts_region: origin.region.clone(),
            parent_akid: origin.parent_access_key_id.clone(),
        }
    }
}

/// Hands records to the writer's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {}

impl Ledger {
    /// Opens (or makes, 0600) `directory/ledger.jsonl` and starts the writer's thread.
    pub fn open(_directory: PathBuf, _clock: SharedClock, _on_error: LedgerOnError) -> Self {
        todo!()
    }

    /// Writes a record and waits until it is on disk. An error only under `ledger_on_error = "refuse"`.
    pub async fn commit(&self, _record: Record) -> Result<(), Unwritable> {
        todo!()
    }

    /// Queues a record; on disk within 100 ms.
    pub fn note(&self, _record: Record) {
        todo!()
    }

    /// Whether `consumer` gets session `access_key_id` for the first time; remembers it if so. Old
    /// sessions are forgotten after `end`.
    pub fn first_serve(&self, _access_key_id: &str, _consumer: &str, _end: Timestamp) -> bool {
        todo!()
    }

    /// Every record as its JSON line, from now on (`GET /v1/events`).
    pub fn subscribe(&self) -> broadcast::Receiver<std::sync::Arc<str>> {
        todo!()
    }

    /// The last `count` records after `after` (a sequence number), oldest first, as JSON lines.
    pub fn tail(&self, _count: usize, _after: Option<u64>) -> std::io::Result<Vec<String>> {
        todo!()
    }

    /// The file being written.
    pub fn file(&self) -> PathBuf {
        todo!()
    }

    /// Why it cannot be written, if it cannot.
    pub fn error(&self) -> Option<String> {
        todo!()
    }

    /// Changes what happens on errors (reload).
    pub fn set_on_error(&self, _on_error: LedgerOnError) {
        todo!()
    }

    /// Writes what is queued and ends the thread.
    pub fn close(&self) {
        todo!()
    }
}

/// The ledger cannot be written and `ledger_on_error = "refuse"`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the ledger cannot be written: {0}")]
pub struct Unwritable(pub String);
