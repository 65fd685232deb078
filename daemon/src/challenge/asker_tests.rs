use super::*;
use crate::recipe::{RoleName, Rules, Unusable};

fn role() -> Role {
    Role {
        name: RoleName::new("prod").unwrap(),
        region: None,
        recipe: Err(Unusable {
            reason: String::new(),
            hint: None,
        }),
        keep_fresh: false,
        rules: Rules::default(),
        notes: Vec::new(),
    }
}

fn asker(exe: &str, script: Option<&str>, tty: Option<&str>) -> Asker {
    let process = Process {
        pid: 42,
        start_time: 420,
        sid: 40,
        exe: Some(exe.into()),
        script: script.map(str::to_owned),
        cwd: Some("/srv".into()),
        tty: tty.map(str::to_owned),
        ..Process::default()
    };
    let consumer = Consumer {
        uid: 1000,
        process: Some(process),
    };
    Asker::new(&consumer, Door::Container, None).unwrap()
}

fn question(asker: &Asker, leader: Option<u32>) -> (Option<String>, Place) {
    let exe = asker.process.exe.clone().map(|path| Executable {
        path,
        device: 7,
        inode: 9,
    });
    let leader = leader.map(|pid| Process {
        pid,
        start_time: 400,
        ..Process::default()
    });
    let question = asker.question_with(&role(), exe, leader);
    assert_eq!((question.uid, question.role.as_str()), (1000, "prod"));
    (question.program, question.place)
}

const HERE: Place = Place::Session {
    leader: 40,
    started: 400,
};
const ITSELF: Place = Place::Process {
    pid: 42,
    started: 420,
};
const TTY: Option<&str> = Some("pts/3");

#[test]
#[cfg(target_os = "linux")]
fn a_program_is_remembered_in_its_terminal_and_else_as_a_process() {
    let python = "/usr/bin/python3.12";
    let table = [
        (
            asker("/usr/bin/terraform", None, TTY),
            Some("7:9:/usr/bin/terraform"),
            HERE,
        ),
        (
            asker(python, Some("job.py"), TTY),
            Some("7:9:/usr/bin/python3.12 /srv/job.py"),
            HERE,
        ),
        (
            asker(python, Some("/a/job.py"), TTY),
            Some("7:9:/usr/bin/python3.12 /a/job.py"),
            HERE,
        ),
        // What it runs has no name.
        (asker(python, None, TTY), None, ITSELF),
        (asker("/usr/bin/bash", None, TTY), None, ITSELF),
        (
            asker("/usr/bin/terraform", None, None),
            Some("7:9:/usr/bin/terraform"),
            ITSELF,
        ),
    ];
    for (asker, program, place) in table {
        let expected = (program.map(str::to_owned), place);
        assert_eq!(question(&asker, Some(40)), expected, "{asker:?}");
    }
    // Nobody to be seen who leads the session.
    let terraform = asker("/usr/bin/terraform", None, TTY);
    assert_eq!(question(&terraform, None).1, ITSELF);
}

#[test]
fn within_a_lease_that_is_the_place() {
    let mut asker = asker("/usr/bin/terraform", None, TTY);
    let mut lease = AskersLease {
        id: "0a".to_owned(),
        ..AskersLease::default()
    };
    asker.lease = Some(lease.clone());
    assert_eq!(question(&asker, Some(40)).1, Place::Lease("0a".to_owned()));
    // One that is about to be made is none yet.
    lease.id.clear();
    asker.lease = Some(lease);
    assert_eq!(question(&asker, Some(40)).1, HERE);
}

#[test]
fn nobody_is_no_asker() {
    let unknown = Consumer {
        uid: 1000,
        process: None,
    };
    assert_eq!(Asker::new(&unknown, Door::Imds, None), None);
}
