use rolecall::api::Door;

use super::*;
use crate::challenge::asker::AskersLease;
use crate::peer::Consumer;

const UID: u32 = 1000;

/// A process by pid, session and terminal; it started when its pid says.
fn process(pid: u32, sid: u32, tty: Option<&str>) -> Process {
    Process {
        pid,
        sid,
        uid: UID,
        start_time: u64::from(pid) * 10,
        tty: tty.map(str::to_owned),
        ..Process::default()
    }
}

fn asker(process: Process) -> Asker {
    let consumer = Consumer {
        uid: UID,
        process: Some(process),
    };
    Asker::new(&consumer, Door::Socket, None).unwrap()
}

fn answerer(own: Process, ancestors: Vec<Process>) -> Answerer {
    Answerer {
        uid: UID,
        owner: UID,
        process: Some(own),
        ancestors,
    }
}

const A: Option<&str> = Some("pts/1");
const B: Option<&str> = Some("pts/2");

#[test]
fn a_program_cannot_answer_for_itself() {
    // The desktop's session, terminal A with a shell and an agent in it, whose tool asks; terminal B.
    let desktop = process(10, 10, None);
    let shell_a = process(100, 100, A);
    let agent = process(110, 100, A);
    let tool = process(120, 100, A);
    let shell_b = process(200, 200, B);
    let approve_b = process(210, 200, B);
    let table = [
        (
            "from another terminal",
            answerer(approve_b.clone(), vec![shell_b.clone(), desktop.clone()]),
            Ok(()),
        ),
        (
            "the tool's child",
            answerer(
                process(130, 100, A),
                vec![tool.clone(), agent.clone(), shell_a.clone()],
            ),
            Err(NotYou::Descends),
        ),
        (
            "the tool",
            answerer(tool.clone(), vec![agent.clone()]),
            Err(NotYou::Descends),
        ),
        (
            "the agent, in its own terminal",
            answerer(process(130, 100, A), vec![agent.clone(), shell_a.clone()]),
            Err(NotYou::SameSession),
        ),
        (
            "the agent, in a pseudo-terminal that it made",
            answerer(
                process(140, 140, Some("pts/9")),
                vec![agent.clone(), shell_a.clone(), desktop.clone()],
            ),
            Err(NotYou::FromSession),
        ),
        (
            "the tool, in a pseudo-terminal that it made",
            answerer(
                process(140, 140, Some("pts/9")),
                vec![tool.clone(), agent.clone()],
            ),
            Err(NotYou::Descends),
        ),
        (
            "an orphan that kept the session",
            answerer(process(150, 100, A), vec![]),
            Err(NotYou::SameSession),
        ),
        (
            "an orphan that kept the session and lost the terminal",
            answerer(process(150, 100, None), vec![]),
            Err(NotYou::NoTerminal),
        ),
        (
            "a process without a terminal, elsewhere",
            answerer(process(300, 300, None), vec![desktop.clone()]),
            Err(NotYou::NoTerminal),
        ),
        (
            "a later process under the tool's pid",
            answerer(
                approve_b.clone(),
                vec![
                    Process {
                        start_time: 9,
                        sid: 200,
                        ..tool.clone()
                    },
                    shell_b.clone(),
                ],
            ),
            Ok(()),
        ),
        (
            "nobody",
            Answerer {
                uid: UID,
                ..Answerer::default()
            },
            Err(NotYou::Unknown),
        ),
        (
            "another user",
            Answerer {
                uid: 0,
                ..answerer(approve_b.clone(), vec![])
            },
            Err(NotYou::OtherUser),
        ),
    ];
    for (who, answerer, expected) in table {
        assert_eq!(
            may_answer(&asker(tool.clone()), &answerer),
            expected,
            "{who}"
        );
    }
}

#[test]
fn an_asker_without_a_terminal_has_a_session_all_the_same() {
    // An editor started by the desktop, with an agent in it that leads a session, and the agent's tool.
    let editor = process(20, 10, None);
    let agent = process(30, 30, None);
    let tool = asker(process(40, 30, None));
    let pty = process(50, 50, B);
    let from = |ancestors| answerer(pty.clone(), ancestors);
    let shell = process(49, 50, B);
    assert_eq!(
        may_answer(&tool, &from(vec![agent.clone(), editor.clone()])),
        Err(NotYou::FromSession)
    );
    assert_eq!(
        may_answer(&tool, &from(vec![shell.clone(), editor.clone()])),
        Ok(())
    );
    // The editor itself asks: its own terminals are no other place.
    assert_eq!(
        may_answer(&asker(editor.clone()), &from(vec![shell.clone(), editor])),
        Err(NotYou::Descends)
    );
    assert_eq!(may_answer(&tool, &from(vec![shell])), Ok(()));
}

#[test]
fn the_daemon_s_user_answers_for_a_container_s() {
    let mut inside = asker(process(40, 30, None));
    inside.consumer.uid = 100_000;
    let person = answerer(process(60, 60, B), vec![]);
    assert_eq!(may_answer(&inside, &person), Ok(()));
    let own = Answerer {
        uid: 100_000,
        owner: UID,
        ..person.clone()
    };
    assert_eq!(may_answer(&inside, &own), Ok(()));
    let stranger = Answerer {
        uid: 1001,
        ..person
    };
    assert_eq!(may_answer(&inside, &stranger), Err(NotYou::OtherUser));
}

#[test]
fn sessions_out_of_sight_are_told_apart_by_terminal() {
    // In a container the leader of every session may be outside of its process namespace.
    let at = |tty| process(5, 0, tty);
    let answer = |asker_tty, tty| {
        may_answer(
            &asker(at(asker_tty)),
            &answerer(process(6, 0, tty), vec![process(1, 0, None)]),
        )
    };
    assert_eq!(answer(A, B), Ok(()));
    assert_eq!(answer(A, A), Err(NotYou::SameSession));
    assert_eq!(answer(None, B), Err(NotYou::SameSession));
}

#[test]
fn nobody_answers_from_inside_the_lease() {
    let mut asker = asker(process(40, 30, A));
    asker.lease = Some(AskersLease {
        leader: Some((35, 350)),
        ..AskersLease::default()
    });
    let holder = process(35, 33, None);
    let inside = answerer(process(60, 60, B), vec![process(59, 60, B), holder]);
    assert_eq!(may_answer(&asker, &inside), Err(NotYou::InLease));
    // A lease of a session, by its leader.
    let led = answerer(process(60, 35, B), vec![]);
    assert_eq!(may_answer(&asker, &led), Err(NotYou::InLease));
    let outside = answerer(process(60, 60, B), vec![process(59, 60, B)]);
    assert_eq!(may_answer(&asker, &outside), Ok(()));
}
