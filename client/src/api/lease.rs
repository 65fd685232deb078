//! Asking for a lease.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `POST /v1/leases`, asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a wish of its own, by name in JSON"
)]
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
    /// After how many seconds it ends, suspended time included; absent: with its scope alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Whether its scope may have this role and nothing else, though no policy narrows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
    /// A session policy: a JSON object as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// ARNs of managed session policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
    /// AWS's own `ReadOnlyAccess` as the session policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// How long a session is asked for, in seconds; no longer than the role's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Session tags besides the role's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
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

impl LeaseRequest {
    /// A lease of `role` for `scope` and no more; waits for nothing.
    pub fn new(role: &str, scope: LeaseScope) -> Self {
        Self {
            role: role.to_owned(),
            scope,
            reason: None,
            wait: 0,
            can_prompt: false,
            region: None,
            ttl: None,
            only: false,
            policy: None,
            policy_arns: Vec::new(),
            read_only: false,
            duration_seconds: None,
            tags: Vec::new(),
            through_lock: false,
            imds: false,
            socket: None,
        }
    }
}

/// Who a lease is bound to: whose processes its token is good for, and when it ends. The daemon checks that the
/// asker is, or descends from, the process named.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
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
    /// The control group that the asker has made for itself and is alone in: ends when it is empty. Where the
    /// daemon cannot see that group it is the process.
    Cgroup {
        /// The asker's process id.
        pid: u32,
    },
    /// Whoever is in this control group, or below. Ends by itself with its time alone.
    PeerCgroup {
        /// Its path, as `/proc/PID/cgroup` names it, or its directory.
        path: String,
    },
    /// Any process of this user, who need not be the daemon's. Ends by itself with its time alone.
    Uid {
        /// The user's id.
        uid: u32,
    },
    /// Any process of the daemon's user. Ends by itself with its time alone.
    Shared,
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
    /// Whether it is a fence: what is inside gets nothing but this lease's role.
    #[serde(default)]
    pub fence: bool,
    /// Whether it is bound to a control group, which processes that leave their parents do not leave.
    #[serde(default)]
    pub cgroup: bool,
}
