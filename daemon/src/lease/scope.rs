//! Who a lease is bound to, and whether they are still there.

use std::fmt;

use rolecall::api::{LeaseBinding, LeaseScope};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cgroup::Groups;
use crate::peer::{self, Process};

/// Facts about processes.
pub trait Processes: Send + Sync {
    /// About one process; None if it is gone.
    fn process(&self, pid: u32) -> Option<Process>;

    /// When it started, in clock ticks since boot; None if it is gone.
    fn started(&self, pid: u32) -> Option<u64> {
        self.process(pid).map(|process| process.start_time)
    }

    /// Whether `pid` is `ancestor` or descends from it, now.
    fn descends_from(&self, pid: u32, ancestor: u32) -> bool;
}

/// The kernel's word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel;

impl Processes for Kernel {
    fn process(&self, pid: u32) -> Option<Process> {
        peer::process(pid)
    }

    fn started(&self, pid: u32) -> Option<u64> {
        peer::started(pid)
    }

    fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
        peer::descends_from(pid, ancestor)
    }
}

/// What a scope is looked up in.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a trait object")]
pub struct Place<'a> {
    /// Facts about processes.
    pub processes: &'a dyn Processes,
    /// Control groups.
    pub groups: &'a Groups,
    /// Names this boot.
    pub boot_id: &'a str,
}

/// Who a lease is bound to. On disk it is tagged, so that other kinds can come. None outlives its boot.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Scope {
    /// A process and its descendants.
    Process(Leader),
    /// A terminal session, by its leader.
    Session(Leader),
    /// A control group that was made for the lease's command.
    Cgroup {
        /// The group.
        group: Group,
        /// The process that it was made for.
        leader: Leader,
    },
    /// A control group that somebody else made.
    PeerCgroup(Group),
    /// A user's processes.
    Uid(User),
    /// The daemon's user's processes.
    Shared(User),
}

/// A control group of one boot: path and inode name one and no later one of that name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its path, as `/proc/PID/cgroup` names it.
    pub path: String,
    /// Its directory's inode, which is what sock_diag calls it.
    pub id: u64,
    /// In which boot.
    pub boot_id: String,
}

/// A user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// In which boot the lease was made.
    pub boot_id: String,
}

/// The process whose end is the lease's: pid and start time name one process of one boot.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Leader {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// In which boot.
    pub boot_id: String,
    /// What people call it; it may become another program later.
    pub name: Option<String>,
}

impl Scope {
    /// The process it was made for, if it was for one.
    pub fn leader(&self) -> Option<&Leader> {
        match self {
            Self::Process(leader) | Self::Session(leader) | Self::Cgroup { leader, .. } => {
                Some(leader)
            }
            Self::PeerCgroup(_) | Self::Uid(_) | Self::Shared(_) => None,
        }
    }

    /// Whether it is all that user's processes, by their uid.
    pub fn is_of_user(&self, uid: u32) -> bool {
        matches!(self, Self::Uid(user) if user.uid == uid)
    }

    /// The kind, for programs.
    pub fn binding(&self) -> LeaseBinding {
        match self {
            Self::Process(_) => LeaseBinding::Process,
            Self::Session(_) => LeaseBinding::Session,
            Self::Cgroup { .. } | Self::PeerCgroup(_) => LeaseBinding::Cgroup,
            Self::Uid(_) => LeaseBinding::Uid,
            Self::Shared(_) => LeaseBinding::Shared,
        }
    }

    /// Whether it is there yet: its process, or somebody in its group. One without an end of its own is as long as
    /// its boot.
    pub fn is_alive(&self, place: Place<'_>) -> bool {
        match self {
            Self::Process(leader) | Self::Session(leader) => leader.is_alive(place),
            Self::Cgroup { group, .. } => {
                group.exists(place) && place.groups.is_populated(&group.path)
            }
            Self::PeerCgroup(group) => group.exists(place),
            Self::Uid(user) | Self::Shared(user) => user.boot_id == place.boot_id,
        }
    }
}

impl Leader {
    /// Whether that process still lives.
    pub fn is_alive(&self, place: Place<'_>) -> bool {
        self.boot_id == place.boot_id && place.processes.started(self.pid) == Some(self.start_time)
    }
}

impl Group {
    /// Whether that group, and not another of its name, is there.
    pub fn exists(&self, place: Place<'_>) -> bool {
        self.boot_id == place.boot_id && place.groups.id(&self.path) == Some(self.id)
    }
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(leader) => leader.fmt(f),
            Self::Session(leader) => write!(f, "session of {leader}"),
            Self::Cgroup { leader, .. } => write!(f, "cgroup of {leader}"),
            Self::PeerCgroup(group) => write!(f, "cgroup {}", group.path),
            Self::Uid(user) => write!(f, "uid {}", user.uid),
            Self::Shared(user) => write!(f, "any process of uid {}", user.uid),
        }
    }
}

/// Why a scope cannot be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScopeError {
    /// There is no such process.
    #[error("no process {0}")]
    Gone(u32),
    /// The asker's own process cannot be told.
    #[error("the asking process cannot be told")]
    UnknownAsker,
    /// It is another user's.
    #[error("process {0} belongs to another user")]
    OtherUser(u32),
    /// The asker is neither it nor below it.
    #[error("the asking process does not descend from process {0}")]
    NotAnAncestor(u32),
    /// It leads no session, or not the asker's.
    #[error("process {0} does not lead the asking process's session")]
    NotTheLeader(u32),
    /// Neither its own session's leader nor a parent of its own can be seen.
    #[error(
        "the asking process's session has no leader here, and no process of its own that goes on"
    )]
    UnseenLeader,
    /// There is no such control group.
    #[error("no control group {0:?} can be seen")]
    NoGroup(String),
    /// A kind of scope that this version does not know.
    #[error("this daemon does not know that kind of scope")]
    UnknownKind,
}

/// How far up a session's foreign leader may be.
const MOST_ANCESTORS: usize = 64;

/// The scope that `asker` may have for what it asked: a process it is or descends from, of its own uid; the leader
/// of its own session; a control group of its own; or, without an end of their own, somebody else's group or a user.
///
/// `su` and `sudo` start a shell within the session of another user, whose leader is not for the asker to
/// bind to, and what starts a container leads its session from outside of its process namespace: then it is the process that all of the asker's own in that session come from.
pub fn resolve(
    asked: &LeaseScope,
    asker: Option<&Process>,
    place: Place<'_>,
) -> Result<Scope, ScopeError> {
    let asker = asker.ok_or(ScopeError::UnknownAsker)?;
    let user = |uid| User {
        uid,
        boot_id: place.boot_id.to_owned(),
    };
    match asked {
        LeaseScope::Process { pid } => process(*pid, asker, place).map(Scope::Process),
        LeaseScope::Session { leader: 0 } => session(asker.sid, asker, place),
        LeaseScope::Session { leader } => session(*leader, asker, place),
        LeaseScope::Cgroup { pid } => cgroup(*pid, asker, place),
        LeaseScope::PeerCgroup { path } => {
            let found = place
                .groups
                .path_of(path)
                .and_then(|path| group(&path, place));
            found
                .map(Scope::PeerCgroup)
                .ok_or_else(|| ScopeError::NoGroup(path.clone()))
        }
        LeaseScope::Uid { uid } => Ok(Scope::Uid(user(*uid))),
        LeaseScope::Shared => Ok(Scope::Shared(user(asker.uid))),
        _ => Err(ScopeError::UnknownKind),
    }
}

fn process(pid: u32, asker: &Process, place: Place<'_>) -> Result<Leader, ScopeError> {
    let process = place.processes.process(pid).ok_or(ScopeError::Gone(pid))?;
    if process.uid != asker.uid {
        return Err(ScopeError::OtherUser(pid));
    }
    if !place.processes.descends_from(asker.pid, pid) {
        return Err(ScopeError::NotAnAncestor(pid));
    }
    Ok(leader(&process, place.boot_id))
}

fn session(pid: u32, asker: &Process, place: Place<'_>) -> Result<Scope, ScopeError> {
    let (processes, boot_id) = (place.processes, place.boot_id);
    let outermost = || outermost(asker, processes).map(|it| Scope::Process(leader(&it, boot_id)));
    if pid == 0 {
        return outermost().ok_or(ScopeError::UnseenLeader);
    }
    let process = processes.process(pid).ok_or(ScopeError::Gone(pid))?;
    if process.uid != asker.uid {
        return (asker.sid == pid)
            .then(outermost)
            .flatten()
            .ok_or(ScopeError::OtherUser(pid));
    }
    if process.sid != pid || asker.sid != pid {
        return Err(ScopeError::NotTheLeader(pid));
    }
    Ok(Scope::Session(leader(&process, boot_id)))
}

/// The group that the asker says it has made for itself; where that is not so, or cannot be seen, its process.
fn cgroup(pid: u32, asker: &Process, place: Place<'_>) -> Result<Scope, ScopeError> {
    let leader = process(pid, asker, place)?;
    let own = || {
        let path = place.processes.process(pid)?.cgroup?;
        (pid == asker.pid && place.groups.is_own(&path, pid))
            .then(|| group(&path, place))
            .flatten()
    };
    Ok(match own() {
        Some(group) => Scope::Cgroup { group, leader },
        None => Scope::Process(leader),
    })
}

fn group(path: &str, place: Place<'_>) -> Option<Group> {
    place.groups.id(path).map(|id| Group {
        path: path.to_owned(),
        id,
        boot_id: place.boot_id.to_owned(),
    })
}

/// The topmost of the ancestors in a row that are the asker's user's, in the asker's session. None if not
/// even the parent is: the asker itself is about to end.
fn outermost(asker: &Process, processes: &dyn Processes) -> Option<Process> {
    let own = |pid| {
        let process = processes.process(pid)?;
        (process.uid == asker.uid && process.sid == asker.sid).then_some(process)
    };
    std::iter::successors(own(asker.ppid), |child| own(child.ppid))
        .take(MOST_ANCESTORS)
        .last()
}

fn leader(process: &Process, boot_id: &str) -> Leader {
    Leader {
        pid: process.pid,
        start_time: process.start_time,
        boot_id: boot_id.to_owned(),
        name: name(process),
    }
}

fn name(process: &Process) -> Option<String> {
    let exe = process.exe.as_ref()?.file_name()?;
    Some(exe.to_string_lossy().into_owned())
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
