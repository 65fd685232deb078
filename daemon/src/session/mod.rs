//! Sessions: temporary credentials, when they end, and what the doors serve of them.

pub mod lifecycle;
pub mod render;

use bytes::Bytes;

use crate::clock::{Now, Timestamp};
use crate::secrets::Secret;

/// Temporary credentials that one step produced, with expiry and origin.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds secrets")]
pub struct Session {
    /// Access key id, `ASIA…`.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Secret,
    /// Session token.
    pub session_token: Secret,
    /// When it was issued, on both local clocks.
    pub issued: Now,
    /// The true expiry, on the local wall clock (skew taken out).
    pub expires: Timestamp,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a session comes from: what the ledger says about it. No secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Account id.
    pub account: String,
    /// `arn:…:assumed-role/name/session`.
    pub arn: String,
    /// `AROA…:session`.
    pub assumed_role_id: String,
    /// ARN of the IAM role asked for.
    pub role_arn: String,
    /// Session name.
    pub session_name: String,
    /// Source identity, if one was set.
    pub source_identity: Option<String>,
    /// STS's request id.
    pub request_id: Option<String>,
    /// The region STS was asked in.
    pub region: String,
    /// Access key id that signed the request.
    pub parent_access_key_id: String,
}

/// A session as it is handed out: rendered once, read by pointer (DESIGN rule 1).
#[expect(missing_debug_implementations, reason = "holds secrets")]
pub struct Served {
    /// The session.
    pub session: Session,
    /// The reported `Expiration`, whole seconds; the session is served until then.
    pub reported: Timestamp,
    /// The same moment on both clocks.
    pub end: Now,
    /// Body for the socket and `credential_process`.
    pub process_body: Bytes,
    /// Body for the IMDS and container doors.
    pub http_body: Bytes,
}

impl Served {
    /// Whether it may still be handed out (DESIGN rule 3): neither clock has reached its end.
    pub fn is_valid(&self, now: Now) -> bool {
        !now.reached(self.end)
    }
}
