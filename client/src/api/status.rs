//! What the daemon says about itself.

use serde::{Deserialize, Serialize};

use super::{ChallengeStatus, Code, ConfigProblem, LockStatus};

/// `GET /v1/status`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The daemon's process id.
    pub pid: u32,
    /// The daemon's uid.
    pub uid: u32,
    /// When the daemon started.
    pub started: String,
    /// The configuration in force and what is wrong with the files now.
    pub config: ConfigStatus,
    /// Every role, by name.
    pub roles: Vec<RoleStatus>,
    /// What is listening.
    pub doors: Vec<DoorStatus>,
    /// Live leases.
    pub leases: Vec<LeaseStatus>,
    /// What a person is asked now, oldest first.
    #[serde(default)]
    pub challenges: Vec<ChallengeStatus>,
    /// Whether the doors are locked.
    #[serde(default)]
    pub lock: LockStatus,
    /// The ledger's health.
    pub ledger: LedgerStatus,
    /// Where sessions are kept besides memory: `memory` if nowhere (DESIGN rule 10).
    pub store: String,
    /// Things worth knowing that are no errors.
    pub notes: Vec<String>,
}

/// The configuration in force.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConfigStatus {
    /// The files it was read from, in order of reading; absent files are left out.
    pub files: Vec<String>,
    /// When it was last read.
    pub loaded: String,
    /// False if the files as they are now could not be loaded and an older configuration is in force.
    pub current: bool,
    /// What is wrong with the files as they are now.
    pub problems: Vec<ConfigProblem>,
}

/// What a role is doing now.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoleState {
    /// A valid session is held.
    Ready,
    /// No session and nobody asking.
    Cold,
    /// AWS is being asked for the first session.
    Issuing,
    /// A valid session is held, but its renewal fails.
    Degraded,
    /// No valid session, and the last attempt failed.
    Failing,
    /// Cannot work as configured.
    Unusable,
    /// A state this client does not know.
    #[serde(other)]
    Unknown,
}

/// One role, in `GET /v1/status` and `GET /v1/roles`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RoleStatus {
    /// The role's name.
    pub name: String,
    /// What it is doing.
    pub state: RoleState,
    /// The recipe on one line: `base → dev 1h`.
    pub recipe: String,
    /// The ARN of the IAM role at the recipe's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Its account id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The role's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The session held, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionStatus>,
    /// The last attempt, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Who read it, most recent first, at most eight.
    #[serde(default)]
    pub consumers: Vec<ConsumerStatus>,
    /// Why it cannot work, and other things worth knowing (a capped duration).
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A session, without its secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SessionStatus {
    /// Access key id.
    pub access_key_id: String,
    /// The assumed-role ARN.
    pub arn: String,
    /// Its session name.
    pub session_name: String,
    /// When it was issued.
    pub issued: String,
    /// Its reported end: it is served until then (DESIGN rule 4).
    pub expiration: String,
    /// Seconds until `expiration`.
    pub remaining_seconds: u64,
    /// Seconds from `issued` to `expiration`.
    pub lifetime_seconds: u64,
    /// When it is renewed if someone still wants it; absent if it lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<String>,
}

/// A failed attempt.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When it failed.
    pub at: String,
    /// What kind of failure.
    pub code: Code,
    /// AWS's words or ours.
    pub message: String,
    /// When it is tried again; absent if only a reader or a change of configuration does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<String>,
}

/// Someone who read a role.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConsumerStatus {
    /// Short name: the script or the executable's file name, or `uid 1000` if nothing more is known.
    pub name: String,
    /// Process id, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Through which door.
    pub door: Door,
    /// When it read last.
    pub last_read: String,
}

/// A way in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Ord, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The container credentials endpoint.
    Container,
    /// An IMDS listener.
    Imds,
    /// The Unix socket.
    Socket,
}

/// A listener.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct DoorStatus {
    /// Which door.
    pub door: Door,
    /// Path or `address:port`.
    pub address: String,
    /// The one role of an IMDS listener, or of a lease's own door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The lease whose own door this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// Why it is not listening, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A lease, without its token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LeaseStatus {
    /// Its id.
    pub id: String,
    /// Its role.
    pub role: String,
    /// Who it is bound to, for people: `process 4711 (terraform)`.
    pub scope: String,
    /// When it was made.
    pub created: String,
    /// When it ends at the latest; absent if only with its scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// Whether it goes on while the doors are locked.
    #[serde(default)]
    pub through_lock: bool,
    /// Whose processes its token is good for.
    #[serde(default)]
    pub binding: LeaseBinding,
    /// What its sessions have less than the role's, for people: `read-only, sessions of 15m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it is a fence: what is inside its scope gets its role and nothing else.
    #[serde(default)]
    pub fence: bool,
    /// True of a fence whose lease has ended before its scope: what is inside gets nothing any more.
    #[serde(default)]
    pub ended: bool,
}

/// Whose processes a lease's token is good for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeaseBinding {
    /// One process and its descendants.
    Process,
    /// One terminal session.
    Session,
    /// One control group.
    Cgroup,
    /// Another user's, or the daemon's own by its uid.
    Uid,
    /// Any of the daemon's user.
    Shared,
    /// A kind this client does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The ledger's health.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LedgerStatus {
    /// The file being written.
    pub file: String,
    /// Why it cannot be written, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
