//! Who a lease is bound to, and whether they are still there.

use std::fmt;

use rolecall::api::LeaseScope;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::peer::{self, Process};

/// Facts about processes.
pub trait Processes: Send + Sync {
    /// About one process; None if it is gone.
    fn process(&self, pid: u32) -> Option<Process>;

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

    fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
        peer::descends_from(pid, ancestor)
    }
}

/// Who a lease is bound to. On disk it is tagged, so that other kinds can come.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Scope {
    /// A process and its descendants.
    Process(Leader),
    /// A terminal session, by its leader.
    Session(Leader),
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
    /// The process whose end is the lease's.
    pub fn leader(&self) -> &Leader {
        match self {
            Self::Process(leader) | Self::Session(leader) => leader,
        }
    }

    /// Whether that process still lives.
    pub fn is_alive(&self, boot_id: &str, processes: &dyn Processes) -> bool {
        let leader = self.leader();
        leader.boot_id == boot_id
            && processes
                .process(leader.pid)
                .is_some_and(|process| process.start_time == leader.start_time)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, leader) = match self {
            Self::Process(leader) => ("process", leader),
            Self::Session(leader) => ("session of process", leader),
        };
        write!(f, "{kind} {}", leader.pid)?;
        match &leader.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// Why a scope cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
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
    /// A kind of scope that this version does not know.
    #[error("this daemon does not know that kind of scope")]
    UnknownKind,
}

/// How far up a session's foreign leader may be.
const MOST_ANCESTORS: usize = 64;

/// The scope that `asker` may have for what it asked: a process it is or descends from, of its own uid;
/// or the leader of its own session.
///
/// `su` and `sudo` start a shell within the session of another user, whose leader is not for the asker to
/// bind to, and what starts a container leads its session from outside of its process namespace: then it is the process that all of the asker's own in that session come from.
pub fn resolve(
    asked: LeaseScope,
    asker: Option<&Process>,
    processes: &dyn Processes,
    boot_id: &str,
) -> Result<Scope, ScopeError> {
    let asker = asker.ok_or(ScopeError::UnknownAsker)?;
    let (pid, session) = match asked {
        LeaseScope::Process { pid } => (pid, false),
        LeaseScope::Session { leader: 0 } => (asker.sid, true),
        LeaseScope::Session { leader } => (leader, true),
        _ => return Err(ScopeError::UnknownKind),
    };
    if session && pid == 0 {
        return outermost(asker, processes)
            .map(|process| Scope::Process(leader(&process, boot_id)))
            .ok_or(ScopeError::UnseenLeader);
    }
    let process = processes.process(pid).ok_or(ScopeError::Gone(pid))?;
    if process.uid != asker.uid {
        return (session && asker.sid == pid)
            .then(|| outermost(asker, processes))
            .flatten()
            .map(|process| Scope::Process(leader(&process, boot_id)))
            .ok_or(ScopeError::OtherUser(pid));
    }
    if session && (process.sid != pid || asker.sid != pid) {
        return Err(ScopeError::NotTheLeader(pid));
    }
    if !session && !processes.descends_from(asker.pid, pid) {
        return Err(ScopeError::NotAnAncestor(pid));
    }
    let leader = leader(&process, boot_id);
    Ok(if session {
        Scope::Session(leader)
    } else {
        Scope::Process(leader)
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
mod tests {
    use super::*;

    /// Pid, parent and uid of everything in a session, after its leader.
    struct Session(u32, &'static [(u32, u32, u32)]);

    impl Processes for Session {
        fn process(&self, pid: u32) -> Option<Process> {
            let (pid, ppid, uid) = *self.1.iter().find(|process| process.0 == pid)?;
            Some(Process {
                pid,
                ppid,
                uid,
                sid: self.0,
                ..Process::default()
            })
        }

        fn descends_from(&self, _pid: u32, _ancestor: u32) -> bool {
            false
        }
    }

    #[test]
    fn a_shell_in_another_user_s_session_is_bound_to_itself() {
        let asked = LeaseScope::Session { leader: 10 };
        let resolve = |tree: &'static [(u32, u32, u32)], asker| {
            let session = Session(10, tree);
            let scope = resolve(asked, session.process(asker).as_ref(), &session, "boot");
            scope.map(|scope| matches!(scope, Scope::Process(_)).then(|| scope.leader().pid))
        };
        // A root's shell, sudo, the shell it started, a subshell of that, and the client.
        let sudo = &[
            (10, 1, 0),
            (11, 10, 0),
            (12, 11, 7),
            (13, 12, 7),
            (14, 13, 7),
        ];
        assert_eq!(resolve(sudo, 14), Ok(Some(12)));
        // The client alone: nothing of the user's goes on.
        assert_eq!(resolve(sudo, 12), Err(ScopeError::OtherUser(10)));
        // A tree that is none.
        let circle = &[(10, 1, 0), (12, 13, 7), (13, 12, 7)];
        assert!(resolve(circle, 12).is_ok());
    }
    #[test]
    fn a_session_whose_leader_is_out_of_sight_is_bound_to_what_goes_on() {
        // A container's first process, its shell and the client.
        let tree = &[(1, 0, 7), (2, 1, 7), (3, 2, 7)];
        let resolve = |sid, leader, asker| {
            let session = Session(sid, tree);
            let asked = LeaseScope::Session { leader };
            let scope = resolve(asked, session.process(asker).as_ref(), &session, "boot");
            scope.map(|scope| (scope.leader().pid, matches!(scope, Scope::Session(_))))
        };
        assert_eq!(resolve(0, 0, 3), Ok((1, false)));
        assert_eq!(resolve(0, 0, 1), Err(ScopeError::UnseenLeader));
        // The client cannot see it, and the daemon can.
        assert_eq!(resolve(2, 0, 3), Ok((2, true)));
        assert_eq!(resolve(0, 2, 3), Err(ScopeError::NotTheLeader(2)));
    }
}
