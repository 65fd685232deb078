use std::sync::Mutex;

use super::super::cgroup::Groups;
use super::super::scope::{Processes, User};
use super::*;

/// Processes by pid, parent and session; each started at ten times its pid, in the group `/g` if it is listed.
#[derive(Default)]
struct Fake {
    rows: Vec<(u32, u32, u32)>,
    grouped: Vec<u32>,
    /// Gone after that many looks.
    looks: Mutex<Option<u32>>,
}

impl Processes for Fake {
    fn process(&self, pid: u32) -> Option<Process> {
        if let Some(left) = &mut *self.looks.lock().unwrap() {
            *left = left.checked_sub(1)?;
        }
        let (pid, ppid, sid) = *self.rows.iter().find(|row| row.0 == pid)?;
        Some(Process {
            pid,
            ppid,
            sid,
            start_time: u64::from(pid) * 10,
            cgroup: self.grouped.contains(&pid).then(|| "/g".to_owned()),
            ..Process::default()
        })
    }

    fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
        let parent = |pid: &u32| Some(self.rows.iter().find(|row| row.0 == *pid)?.1);
        std::iter::successors(Some(pid), parent).any(|pid| pid == ancestor)
    }
}

fn tree() -> Fake {
    Fake {
        // A shell, a command, its child, an orphan in the session, one elsewhere, one that left the group.
        rows: vec![
            (1, 0, 1),
            (10, 1, 10),
            (20, 10, 10),
            (30, 20, 30),
            (40, 1, 10),
            (50, 1, 50),
        ],
        grouped: vec![20, 40],
        looks: Mutex::default(),
    }
}

fn leader(pid: u32) -> Leader {
    Leader {
        pid,
        start_time: u64::from(pid) * 10,
        boot_id: "boot".to_owned(),
        name: None,
    }
}

struct Rig {
    processes: Fake,
    groups: Groups,
    directory: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for group in ["g/sub", "other"] {
            std::fs::create_dir_all(directory.path().join(group)).unwrap();
        }
        Self {
            processes: tree(),
            groups: Groups::at(directory.path().to_owned()),
            directory,
        }
    }

    fn holds(&self, scope: &Scope, pid: u32, cgroup_id: Option<u64>) -> Inside {
        let rows = tree();
        let process = rows.process(pid);
        let subject = Subject {
            uid: 7,
            cgroup_id,
            process: process.as_ref(),
        };
        let place = Place {
            processes: &self.processes,
            groups: &self.groups,
            boot_id: "boot",
        };
        scope.holds(subject, place)
    }

    fn group(&self, path: &str) -> Group {
        Group {
            path: path.to_owned(),
            id: self.groups.id(path).unwrap(),
            boot_id: "boot".to_owned(),
        }
    }
}

#[test]
fn a_process_s_scope_is_what_descends_from_it() {
    let rig = Rig::new();
    let scope = Scope::Process(leader(20));
    for (pid, inside) in [
        (20, Inside::Yes),
        (30, Inside::Yes),
        (10, Inside::No),
        (40, Inside::No),
        (99, Inside::Unknown),
    ] {
        assert_eq!(rig.holds(&scope, pid, None), inside, "{pid}");
    }
    let other = Leader {
        start_time: 1,
        ..leader(20)
    };
    assert_eq!(
        rig.holds(&Scope::Process(other), 30, None),
        Inside::No,
        "a reused pid"
    );
    let other = Leader {
        boot_id: "before".to_owned(),
        ..leader(20)
    };
    assert_eq!(
        rig.holds(&Scope::Process(other), 30, None),
        Inside::No,
        "another boot"
    );
}

#[test]
fn a_session_s_scope_is_the_session_and_what_left_it() {
    let rig = Rig::new();
    let scope = Scope::Session(leader(10));
    for (pid, inside) in [
        (20, Inside::Yes),
        (30, Inside::Yes),
        (40, Inside::Yes),
        (50, Inside::No),
    ] {
        assert_eq!(rig.holds(&scope, pid, None), inside, "{pid}");
    }
}

#[test]
fn a_group_s_scope_is_told_by_the_connection_s_group_or_else_by_its_process() {
    let rig = Rig::new();
    let scope = Scope::Cgroup {
        group: rig.group("/g"),
        leader: leader(20),
    };
    let id = |path: &str| rig.groups.id(path);
    for (pid, cgroup_id, inside) in [
        (99, id("/g"), Inside::Yes),
        (99, id("/g/sub"), Inside::Yes),
        (20, id("/other"), Inside::No),
        (40, None, Inside::Yes),
        (30, None, Inside::Yes),
        (50, None, Inside::No),
        (99, None, Inside::Unknown),
    ] {
        assert_eq!(
            rig.holds(&scope, pid, cgroup_id),
            inside,
            "{pid} {cgroup_id:?}"
        );
    }
    let peers = Scope::PeerCgroup(rig.group("/g"));
    assert_eq!(rig.holds(&peers, 30, None), Inside::No, "it has no leader");
    assert_eq!(rig.holds(&peers, 40, None), Inside::Yes);
    let path = rig.directory.path().join("g");
    let (old, new) = (id("/g"), rig.directory.path().join("new"));
    std::fs::rename(&path, &new).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_ne!(old, id("/g"));
    assert_eq!(
        rig.holds(&peers, 40, None),
        Inside::No,
        "another group of that name"
    );
}

#[test]
fn users_are_told_by_their_uid() {
    let rig = Rig::new();
    let user = |uid| User {
        uid,
        boot_id: "boot".to_owned(),
    };
    assert_eq!(rig.holds(&Scope::Shared(user(7)), 99, None), Inside::Yes);
    assert_eq!(rig.holds(&Scope::Shared(user(8)), 99, None), Inside::No);
    assert_eq!(rig.holds(&Scope::Uid(user(8)), 20, None), Inside::No);
}

#[test]
fn who_ends_meanwhile_is_nobody() {
    let rig = Rig::new();
    // Its own start, its leader's, and its own once more.
    for looks in 0..3 {
        *rig.processes.looks.lock().unwrap() = Some(looks);
        let found = rig.holds(&Scope::Process(leader(20)), 30, None);
        assert_eq!(found, Inside::Unknown, "{looks}");
    }
    *rig.processes.looks.lock().unwrap() = Some(3);
    assert_eq!(
        rig.holds(&Scope::Process(leader(20)), 30, None),
        Inside::Yes
    );
}
