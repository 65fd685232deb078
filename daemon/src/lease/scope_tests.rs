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

static NO_GROUPS: std::sync::LazyLock<Groups> =
    std::sync::LazyLock::new(|| Groups::at("/none".into()));

fn place(session: &Session) -> Place<'_> {
    Place {
        processes: session,
        groups: &NO_GROUPS,
        boot_id: "boot",
    }
}

fn pid(scope: &Scope) -> u32 {
    scope.leader().unwrap().pid
}

#[test]
fn a_shell_in_another_user_s_session_is_bound_to_itself() {
    let asked = LeaseScope::Session { leader: 10 };
    let resolve = |tree: &'static [(u32, u32, u32)], asker| {
        let session = Session(10, tree);
        let scope = resolve(&asked, session.process(asker).as_ref(), place(&session));
        scope.map(|scope| matches!(scope, Scope::Process(_)).then(|| pid(&scope)))
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
        let scope = resolve(&asked, session.process(asker).as_ref(), place(&session));
        scope.map(|scope| (pid(&scope), matches!(scope, Scope::Session(_))))
    };
    assert_eq!(resolve(0, 0, 3), Ok((1, false)));
    assert_eq!(resolve(0, 0, 1), Err(ScopeError::UnseenLeader));
    // The client cannot see it, and the daemon can.
    assert_eq!(resolve(2, 0, 3), Ok((2, true)));
    assert_eq!(resolve(0, 2, 3), Err(ScopeError::NotTheLeader(2)));
}
