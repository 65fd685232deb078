//! What changes while a request is on its way.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use rolecall_tests::harness::{Running, World, eventually};

use crate::place::{apart, events, in_another_terminal, question, role, script};

#[test]
fn a_rule_that_comes_into_force_while_a_person_is_asked_holds() {
    let mut world = World::new();
    let confirm = "confirm = \"first-use\"\n";
    world.configure(&role("prod", confirm));
    world.start();
    let ask = "rolecall process prod --wait=50 >/dev/null; echo $?\n";
    let running = Running::start(&mut apart(&world, &script(&world, "ask.sh", ask)));
    question(&world, 1);
    // Not for who asks, from now on.
    world.configure(&role(
        "prod",
        &format!("{confirm}allow = [{{ tty = true }}]"),
    ));
    world.rolecall(&["reload"]).ok();
    assert!(in_another_terminal(&world, &["approve"]).status.success());
    let finished = running.finish();
    assert_eq!(finished.ok(), "5", "{finished:#?}");
    assert!(
        finished.stderr.contains("tty must be a terminal"),
        "{finished:#?}"
    );
    let [] = events(&world, "serve");
    let [refused] = events(&world, "refused");
    assert_eq!(refused["rule"], "allow");
}

#[test]
fn who_hangs_up_locks_and_unlocks_all_the_same() {
    let mut world = World::new();
    world.configure(&role("prod", "confirm = \"first-use\""));
    world.start();
    let text = "rolecall process prod --wait=50 >/dev/null; echo $?\nread line\n\
                rolecall process prod --wait=0 >/dev/null 2>&1; echo $?\n";
    let mut asking = Running::start(&mut apart(&world, &script(&world, "ask.sh", text)));
    question(&world, 1);
    assert!(in_another_terminal(&world, &["approve"]).status.success());
    eventually("the first answer", || {
        (asking.lines() == ["0"]).then_some(())
    });
    let hang_up_after = |path: &str| {
        world.user().act(|| {
            let mut socket = UnixStream::connect(world.socket_path()).expect("the daemon listens");
            write!(
                socket,
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            )
            .expect("it reads");
        });
    };
    let locked = |expected: bool| {
        eventually("it takes hold", || {
            let status: serde_json::Value = world.get("/v1/status").json();
            (status["lock"]["locked"] == expected).then_some(())
        });
    };
    for _ in 0..8 {
        hang_up_after("/v1/lock");
        locked(true);
        hang_up_after("/v1/unlock");
        locked(false);
    }
    // All of it is written down, and the consent is forgotten.
    let _locks: [serde_json::Value; 8] = events(&world, "lock");
    let _unlocks: [serde_json::Value; 8] = events(&world, "unlock");
    asking.tell("");
    assert_eq!(asking.finish().ok(), "0\n4");
}
