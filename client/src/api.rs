//! The types of the socket's API, version 1 (`docs/api.yaml`).
//!
//! Instants are RFC 3339 in UTC with whole seconds (`2026-01-01T00:00:00Z`), durations are whole
//! seconds. Unknown members are ignored, so that an older client can read a newer daemon.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Every answer carries the daemon's version in this header.
pub const VERSION_HEADER: &str = "rolecall-version";

/// The longest `wait=` a request may ask for, in seconds.
pub const MAX_WAIT_SECONDS: u64 = 55;

/// `GET /v1/credentials/{role}`: exactly what `credential_process` must print (clients.md 3.2).
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

/// One mistake in a configuration file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// `error` or `warning`.
    pub severity: Severity,
    /// The file, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The key or section, dotted: `roles.prod.duration_seconds`, `profile dev.role_arn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The role that does not work because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How bad a [`ConfigProblem`] is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work because of it.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
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
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
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
    /// The one role of an IMDS listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
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

/// `POST /v1/leases`, asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LeaseRequest {
    /// The role.
    pub role: String,
    /// Who the lease is for.
    pub scope: LeaseScope,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Longest wait for the role's first session, in seconds.
    #[serde(default)]
    pub wait: u64,
    /// Whether the asker can put a challenge to a person.
    #[serde(default)]
    pub can_prompt: bool,
    /// The asker's own `AWS_CONFIG_FILE`… are the daemon's business only as far as regions go: the
    /// caller's `AWS_REGION`, kept if the role has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Who a lease is bound to, and therefore when it ends. The daemon checks that the asker is, or
/// descends from, the process named.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum LeaseScope {
    /// A process and its descendants: ends when that process does.
    Process {
        /// Its id.
        pid: u32,
    },
    /// A terminal session, by its leader: ends when the leader does.
    Session {
        /// The leader's process id.
        leader: u32,
    },
}

/// `POST /v1/leases`, answered (201). No Debug: it holds the token.
#[derive(Deserialize, Serialize)]
#[expect(missing_debug_implementations, reason = "holds the lease's token")]
pub struct LeaseGrant {
    /// The lease's id.
    pub id: String,
    /// The role.
    pub role: String,
    /// Variables to set, the token among them.
    pub set: Vec<(String, Zeroizing<String>)>,
    /// Variables to unset (clients.md 1.6).
    pub unset: Vec<String>,
}

/// `POST /v1/config/check`, answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConfigReport {
    /// The files read.
    pub files: Vec<String>,
    /// Names of the roles that can work.
    pub roles: Vec<String>,
    /// Everything found.
    pub problems: Vec<ConfigProblem>,
}

/// `POST /v1/reload`, answered (200 if it is in force now, 409 with the same body if the old
/// configuration stays).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// True if the new configuration is in force.
    pub applied: bool,
    /// Everything found.
    pub problems: Vec<ConfigProblem>,
    /// Roles that came, went or changed, one line each.
    pub changes: Vec<String>,
}

/// `POST /v1/config/setup`, asked: what would putting profiles behind rolecall change?
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SetupRequest {
    /// Profiles to move; all that can be moved if empty.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Absolute path of the client that the `credential_process` line names.
    pub client: String,
}

/// `POST /v1/config/setup`, answered. The daemon writes nothing: the client shows the change, asks,
/// and carries it out, so that a sandboxed daemon needs no right to write there.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SetupPlan {
    /// What to change, one entry a file, in the order to write them.
    pub edits: Vec<FileEdit>,
    /// Profiles that are moved.
    pub moved: Vec<String>,
    /// Profiles that are left alone, with the reason.
    pub skipped: Vec<SkippedProfile>,
}

/// A profile that `setup` leaves alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SkippedProfile {
    /// Its name.
    pub profile: String,
    /// Why.
    pub reason: String,
}

/// Changes to one file, as hunks of whole lines: everything outside them is kept byte for byte, and no
/// secret of the file travels.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct FileEdit {
    /// Absolute path, links resolved.
    pub path: String,
    /// Lower-case hex SHA-256 of the file the hunks were made for; absent if there was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// In ascending order of line, not overlapping.
    pub hunks: Vec<Hunk>,
}

/// One replaced run of lines.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// First line replaced, from 1; for a pure insertion the line before which it goes (one more than
    /// the number of lines appends).
    pub line: u32,
    /// How many lines are removed.
    pub remove: u32,
    /// What comes instead, with its line ends.
    pub insert: String,
}
