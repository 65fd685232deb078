//! One file per way of getting a session.
//!
//! [`sts::Sts`] makes the calls; `assume_role` says what is asked and checks what comes back; `failure`
//! and `classify` tell failures apart; `network`, `resolver` and `transport` are the way there; `skew` keeps AWS's time.

mod assume_role;
pub mod classify;
mod exchange;
mod failure;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
pub mod network;
mod resolver;
pub mod skew;
pub mod sts;
#[cfg(test)]
mod tests;
mod transport;

use std::time::Duration;

use thiserror::Error;

use crate::clock::BoxFuture;
use crate::recipe::Call;
use crate::secrets::Secret;
use crate::session::Session;

/// Credentials that sign a call: the source's or the parent step's.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Signer {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Secret,
    /// Session token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// One attempt at a step.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Attempt {
    /// The call.
    pub call: Call,
    /// Who signs it.
    pub signer: Signer,
    /// The session name, rendered.
    pub session_name: String,
}

/// Makes the calls. An object, so that keepers can be tested without AWS.
pub trait Issuer: Send + Sync {
    /// Makes one attempt: no retries of its own, at most 60 s.
    fn issue(&self, attempt: Attempt) -> BoxFuture<'_, Result<Session, IssueError>>;

    /// GetCallerIdentity with a session: account, ARN, user id.
    fn identity(
        &self,
        signer: Signer,
        call: Call,
    ) -> BoxFuture<'_, Result<(String, String, String), IssueError>>;
}

/// Why an attempt gave no session.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct IssueError {
    /// What kind of failure.
    pub class: Class,
    /// AWS's error code (`AccessDenied`), or ours.
    pub code: String,
    /// AWS's words or ours; no secrets.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// STS's request id.
    pub request_id: Option<String>,
    /// How long AWS asks us to wait.
    pub retry_after: Option<Duration>,
    /// The request may have reached AWS: a session may exist that nobody holds.
    pub sent: bool,
}

/// What kind of failure an attempt met (what to do about it: `session::lifecycle`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS refuses this principal this role.
    Denied,
    /// The signer is expired or revoked.
    ParentDead,
    /// Our clock is off; it has been learnt, repeat once.
    Skew,
    /// Too many calls.
    Throttled,
    /// 5xx, time-out, DNS, connection, an answer that makes no sense.
    TryAgain,
    /// Wrong for ever: bad request.
    Never,
}
