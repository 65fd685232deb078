//! Whether somebody is inside a scope: pure, but for the look at `/proc` and the control groups.

use super::cgroup::is_below;
use super::scope::{Group, Leader, Place, Scope};
use crate::peer::Process;

/// What is known of who asks.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose it is.
    pub uid: u32,
    /// Id of its control group, where the kernel tells it of a connection (sock_diag).
    pub cgroup_id: Option<u64>,
    /// The process that has connected, if it is known.
    pub process: Option<&'a Process>,
}

/// Whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// That takes its process, which is not known, or is gone.
    Unknown,
}

impl Scope {
    /// Whether `subject` is inside, as far as it is known.
    ///
    /// Of a TCP connection the kernel tells the control group, and nothing else need be known where the scope is one.
    /// Of a Unix connection it tells the process: one that has left its group is still inside as long as it descends
    /// from the one that the group was made for.
    pub fn holds(&self, subject: Subject<'_>, place: Place<'_>) -> Inside {
        match self {
            // Root, where the doors let it in; the system service's admit other users, too.
            Self::Shared(user) => Inside::from(
                user.boot_id == place.boot_id && (subject.uid == user.uid || subject.uid == 0),
            ),
            Self::Uid(user) => {
                Inside::from(user.boot_id == place.boot_id && subject.uid == user.uid)
            }
            Self::PeerCgroup(group) => in_group(group, None, subject, place),
            Self::Cgroup { group, leader } => in_group(group, Some(leader), subject, place),
            Self::Process(leader) => with_process(subject, place, |process| {
                leader.is_alive(place) && descends(process, leader, place)
            }),
            Self::Session(leader) => with_process(subject, place, |process| {
                leader.is_alive(place)
                    && (process.sid == leader.pid || descends(process, leader, place))
            }),
        }
    }
}

impl From<bool> for Inside {
    fn from(inside: bool) -> Self {
        if inside { Self::Yes } else { Self::No }
    }
}

fn in_group(
    group: &Group,
    leader: Option<&Leader>,
    subject: Subject<'_>,
    place: Place<'_>,
) -> Inside {
    if !group.exists(place) {
        return Inside::No;
    }
    if let Some(id) = subject.cgroup_id {
        return Inside::from(place.groups.has(&group.path, id));
    }
    with_process(subject, place, |process| {
        let now = place.processes.process(process.pid);
        let path = now.and_then(|process| process.cgroup);
        path.is_some_and(|path| is_below(&path, &group.path))
            || leader
                .is_some_and(|leader| leader.is_alive(place) && descends(process, leader, place))
    })
}

/// What `holds` says of the subject's process, if that is known and still the one that connected: under a reused
/// pid, and of who has ended, nothing is known (threat T17).
fn with_process(
    subject: Subject<'_>,
    place: Place<'_>,
    holds: impl Fn(&Process) -> bool,
) -> Inside {
    let Some(process) = subject.process else {
        return Inside::Unknown;
    };
    let runs = || place.processes.started(process.pid) == Some(process.start_time);
    if !runs() {
        return Inside::Unknown;
    }
    let inside = holds(process);
    // Its ancestors were read by their pids: only of one that is there all the while is the answer its own.
    if runs() {
        Inside::from(inside)
    } else {
        Inside::Unknown
    }
}

fn descends(process: &Process, leader: &Leader, place: Place<'_>) -> bool {
    place.processes.descends_from(process.pid, leader.pid)
}

#[cfg(test)]
#[path = "inside_tests.rs"]
mod tests;
