//! The types of the socket's API, version 1 (`docs/api.yaml`).
//!
//! Instants are RFC 3339 in UTC with whole seconds (`2026-01-01T00:00:00Z`), durations are whole
//! seconds. Unknown members are ignored, so that an older client can read a newer daemon.

mod challenge;
mod config;
mod lease;
mod lock;
mod status;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use challenge::*;
pub use config::*;
pub use lease::*;
pub use lock::*;
pub use status::*;

/// Every answer carries the daemon's version in this header.
pub const VERSION_HEADER: &str = "rolecall-version";

/// The longest `wait=` a request may ask for, in seconds.
pub const MAX_WAIT_SECONDS: u64 = 55;

/// `GET /v1/credentials/{role}`: exactly what `credential_process` must print (AWS SDKs
/// and Tools Reference Guide, "Process credential provider").
///
/// No Debug: it holds the session's secrets.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_debug_implementations, reason = "holds the session's secrets")]
pub struct ProcessCredentials {
    /// Always the number 1.
    pub version: u8,
    /// Access key id, `ASIA…`.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Zeroizing<String>,
    /// Session token.
    pub session_token: Zeroizing<String>,
    /// When the session ends, as reported (DESIGN rule 4).
    pub expiration: String,
    /// Twelve-digit account id.
    pub account_id: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of failure this is; decides the exit code.
    pub code: Code,
    /// What happened, for a person: lower case, no full stop.
    pub message: String,
    /// What the person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What kind of failure an answer reports (DESIGN, table of answers).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// AWS is still being asked, and the time to wait is over.
    NotReady,
    /// A person must answer a challenge first.
    PersonNeeded,
    /// The doors are locked.
    Locked,
    /// A rule refuses this caller.
    Refused,
    /// No role of that name.
    UnknownRole,
    /// The role is known but cannot work as configured.
    Unusable,
    /// AWS could not be reached or failed, and nothing valid is held.
    AwsUnavailable,
    /// AWS refused, and nothing valid is held.
    AwsDenied,
    /// The request itself is wrong.
    BadRequest,
    /// No such thing: path, lease, record.
    NotFound,
    /// The method is not allowed on this path.
    MethodNotAllowed,
    /// The ledger cannot be written and `ledger_on_error = "refuse"`.
    LedgerUnavailable,
    /// The daemon failed; its log says more.
    Internal,
    /// A code this client does not know.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// The exit code of `rolecall` for this failure (DESIGN, "What scripts may rely on").
    pub const fn exit(self) -> u8 {
        match self {
            Self::UnknownRole | Self::NotFound => 3,
            Self::PersonNeeded => 4,
            Self::Locked | Self::Refused => 5,
            Self::NotReady | Self::AwsUnavailable | Self::AwsDenied => 7,
            Self::BadRequest
            | Self::Internal
            | Self::LedgerUnavailable
            | Self::MethodNotAllowed
            | Self::Unknown
            | Self::Unusable => 1,
        }
    }

    /// The status of the answer that carries it on the socket.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Locked | Self::Refused => 403,
            Self::NotFound | Self::UnknownRole => 404,
            Self::MethodNotAllowed => 405,
            Self::Unusable => 409,
            Self::Internal | Self::Unknown => 500,
            Self::AwsDenied => 502,
            Self::AwsUnavailable
            | Self::LedgerUnavailable
            | Self::NotReady
            | Self::PersonNeeded => 503,
        }
    }
}

/// `GET /v1/whoami/{role}`: what GetCallerIdentity answers with the role's session.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The role's name.
    pub role: String,
    /// Account id.
    pub account: String,
    /// The assumed-role ARN.
    pub arn: String,
    /// `AROA…:session-name`.
    pub user_id: String,
}
