//! Asking for a lease.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

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
    /// Whether the lease goes on while the doors are locked.
    #[serde(default)]
    pub through_lock: bool,
    /// Whether the lease gets an IMDS listener of its own, instead of the container door: for programs
    /// that know no other way. It serves the lease's scope alone and lives as long as the lease.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imds: bool,
    /// A Unix socket of the lease's own, for a container to mount: it serves this lease and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<LeaseSocket>,
}

/// A Unix socket that serves one lease only.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LeaseSocket {
    /// Absolute path. Its directory must be the daemon's user's and closed to others, or, with another
    /// `peer_uid`, such that others cannot write to it; it is made if it is missing.
    pub path: String,
    /// The one uid that may use it, as the daemon sees it: in a user namespace that maps users, that of the
    /// container's user outside. The daemon's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_uid: Option<u32>,
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
        /// The leader's process id. 0 if the asker cannot see it (a container's own process namespace): its
        /// own session, whoever leads that.
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
    /// Variables to unset, because they would win over the lease (client contract 101).
    pub unset: Vec<String>,
}
