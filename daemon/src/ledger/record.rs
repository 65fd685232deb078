//! What a record says.

use rolecall::api::Door;
use serde::Serialize;

use crate::clock::Timestamp;
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
    /// The question that a person was asked, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
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
    /// A person said yes; `peer` is who answered, `consumer` who asked.
    Approved,
    /// A person is asked something.
    Asked,
    /// A call to AWS is about to be made.
    Attempt,
    /// The configuration in force changed.
    Config,
    /// A person said no.
    Denied,
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
    /// The doors were locked.
    Lock,
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
    /// The doors were unlocked.
    Unlock,
}

/// A session, as the ledger names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionRecord {
    /// Access key id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub akid: String,
    /// Assumed-role ARN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arn: String,
    /// `AROA…:session`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assumed_role_id: String,
    /// Session name.
    pub session_name: String,
    /// Source identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// When it was issued.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub not_before: String,
    /// Its true expiry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expiration: String,
    /// STS's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_request_id: Option<String>,
    /// The region STS was asked in.
    pub sts_region: String,
    /// Access key id that signed the request.
    pub parent_akid: String,
}

impl Event {
    /// Every kind, in order.
    pub const ALL: [Self; 18] = [
        Self::Approved,
        Self::Asked,
        Self::Attempt,
        Self::Config,
        Self::Denied,
        Self::Failed,
        Self::Gap,
        Self::Issued,
        Self::Lease,
        Self::LeaseEnd,
        Self::Lock,
        Self::Refused,
        Self::Reload,
        Self::Serve,
        Self::Start,
        Self::Stop,
        Self::Unknown,
        Self::Unlock,
    ];
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
