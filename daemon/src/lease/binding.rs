//! Whether a process is inside of what a lease is bound to.

use super::scope::{Processes, Scope};
use crate::peer::Process;

/// Whether `process` is inside `scope`, now: the leader itself or a descendant, or a member of its session.
///
/// What a command leaves behind that goes on by itself (a daemon that was forked twice) descends from whoever
/// took it in, and is outside.
pub fn holds(scope: &Scope, process: &Process, boot_id: &str, processes: &dyn Processes) -> bool {
    if !scope.is_alive(boot_id, processes) {
        return false;
    }
    let leader = scope.leader();
    match scope {
        Scope::Process(_) => processes.descends_from(process.pid, leader.pid),
        Scope::Session(_) => process.sid == leader.pid,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scope::Leader;
    use super::*;

    /// 40 leads the session of 41 and 42; 42 is 41's child.
    struct Three;

    impl Processes for Three {
        fn process(&self, pid: u32) -> Option<Process> {
            (40..=42).contains(&pid).then(|| Process {
                pid,
                sid: 40,
                start_time: u64::from(pid),
                ..Process::default()
            })
        }

        fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
            pid == ancestor || (pid, ancestor) == (42, 41)
        }
    }

    #[test]
    fn the_leader_its_descendants_and_its_session_are_inside() {
        let leader = |pid, start_time| Leader {
            pid,
            start_time,
            boot_id: "boot".to_owned(),
            name: None,
        };
        let stranger = Process {
            pid: 50,
            sid: 50,
            ..Process::default()
        };
        let process = |pid| Three.process(pid).unwrap_or_else(|| stranger.clone());
        for (scope, pid, inside) in [
            (Scope::Process(leader(41, 41)), 41, true),
            (Scope::Process(leader(41, 41)), 42, true),
            (Scope::Process(leader(41, 41)), 40, false),
            (Scope::Process(leader(41, 41)), 50, false),
            // The pid is another process's now.
            (Scope::Process(leader(41, 99)), 41, false),
            (Scope::Session(leader(40, 40)), 42, true),
            (Scope::Session(leader(40, 40)), 50, false),
            (Scope::Session(leader(40, 99)), 42, false),
        ] {
            let found = holds(&scope, &process(pid), "boot", &Three);
            assert_eq!(found, inside, "{scope:?} {pid}");
        }
        let scope = Scope::Process(leader(41, 41));
        assert!(!holds(&scope, &process(41), "next boot", &Three));
    }
}
