//! Locking the doors.

use serde::{Deserialize, Serialize};

/// Whether the doors are locked, in `GET /v1/status`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct LockStatus {
    /// True while they hand out nothing.
    pub locked: bool,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What unlocking demands.
    #[serde(default)]
    pub unlock: UnlockDemand,
}

/// What unlocking demands of a person.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnlockDemand {
    /// Nothing: the lock is advisory, and any program of the user's can take it away.
    #[default]
    Nothing,
    /// Something this client does not know.
    #[serde(other)]
    Unknown,
}

/// `POST /v1/lock`, asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct LockRequest {
    /// Whether every lease ends, those made with `--through-lock` too.
    #[serde(default)]
    pub revoke: bool,
}

/// `POST /v1/lock` and `POST /v1/unlock`, answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LockReport {
    /// How it is now.
    pub lock: LockStatus,
    /// Whether it was not so before.
    pub changed: bool,
    /// How many leases were ended.
    #[serde(default)]
    pub ended_leases: u64,
}
