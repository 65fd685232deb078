//! `rolecall lock`: nothing is handed out, and everything goes on behind the doors.

use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{Running, World, eventually, free_port, python_is_there, run};
use serde_json::Value;

use crate::place::{apart, events, in_another_terminal, profiles, question, role, script};

#[test]
fn every_door_answers_by_the_table_until_unlocked_also_after_a_restart() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    let (lease, imds) = (world.lease("dev"), world.imds(port));
    assert_eq!(
        (lease.read().status, imds.document("dev").status),
        (200, 200)
    );

    let locked = world.rolecall(&["lock"]);
    assert!(locked.ok().contains("advisory"), "{locked:#?}");
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        let process = world.rolecall(&["process", "dev"]);
        assert_eq!(process.code(), Some(5), "{process:#?}");
        assert!(
            process.stderr.contains("the doors are locked since 2"),
            "{process:#?}"
        );
        assert!(process.stderr.contains("`rolecall unlock`"), "{process:#?}");
        let answer = world.get("/v1/credentials/dev");
        let problem: Value = answer.json();
        assert_eq!((answer.status, &problem["code"]), (403, &"locked".into()));
        let read = lease.read();
        assert_eq!(read.status, 403, "{}", read.text());
        assert_eq!(read.json::<Value>()["Code"], "locked");
        let (listing, document) = (imds.listing(), imds.document("dev"));
        assert_eq!((listing.status, document.status), (404, 404));
        assert_eq!(listing.text() + &document.text(), "");
        assert_eq!(
            world.rolecall(&["exec", "dev", "--", "true"]).code(),
            Some(125)
        );
        assert_eq!(world.rolecall(&["whoami", "dev"]).code(), Some(5));

        let status: Value = world.get("/v1/status").json();
        assert_eq!(status["lock"]["locked"], true);
        assert_eq!(status["lock"]["unlock"], "nothing");
        assert!(world.rolecall(&["status"]).ok().contains("locked "));
        assert_eq!(world.rolecall(&["status", "--check"]).code(), Some(4));
        assert!(
            world
                .rolecall(&["status", "--metrics"])
                .ok()
                .contains("rolecall_locked 1")
        );
        assert!(world.rolecall(&["lock"]).ok().contains("locked already"));
    }
    let unlocked = world.rolecall(&["unlock"]);
    assert!(unlocked.ok().contains("advisory"), "{unlocked:#?}");
    world.rolecall(&["process", "dev"]).ok();
    assert_eq!(
        (lease.read().status, imds.document("dev").status),
        (200, 200)
    );
    assert!(world.rolecall(&["unlock"]).ok().contains("were not locked"));
    let [_locked] = events(&world, "lock");
    let [_unlocked] = events(&world, "unlock");
    for door in ["socket", "container", "imds"] {
        world.wait_for_record(door, |it| {
            it["event"] == "refused" && it["door"] == door && it["rule"] == "lock"
        });
    }
}

#[test]
fn a_lease_may_go_through_the_lock_until_all_are_revoked() {
    let mut world = World::new();
    world.start();
    let script = "echo \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                  while read line; do curl -s -o /dev/null -w '%{http_code}\\n' \
                  -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; done";
    let holder = |options: &[&str]| {
        let mut command = world.command("rolecall");
        command.arg("exec").args(options);
        let running = Running::start(command.args(["dev", "--", "sh", "-c", script]));
        eventually("the command runs", || {
            (!running.lines().is_empty()).then_some(())
        });
        running
    };
    let (mut through, mut plain) = (holder(&["--through-lock"]), holder(&[]));
    let read = |running: &mut Running| {
        let before = running.lines().len();
        running.tell("read");
        eventually("an answer", || running.lines().get(before).cloned())
    };
    world.rolecall(&["lock"]).ok();
    assert_eq!(
        (read(&mut through), read(&mut plain)),
        ("200".into(), "403".into())
    );
    let revoked = world.rolecall(&["lock", "--revoke"]);
    assert!(revoked.ok().contains("2 leases ended"), "{revoked:#?}");
    assert_eq!(
        (read(&mut through), read(&mut plain)),
        ("401".into(), "401".into())
    );
    world.rolecall(&["unlock"]).ok();
    assert_eq!(read(&mut through), "401");
}

#[test]
fn renewals_go_on_while_locked() {
    let mut world = World::new();
    world
        .aws
        .fail(Fault::new(Effect::Lifetime { seconds: 40 }).on("AssumeRole"));
    world.configure("[roles.dev]\nkeep_fresh = true\n");
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    world.rolecall(&["lock"]).ok();
    let before = world.aws.count("AssumeRole");
    eventually("a renewal", || {
        (world.aws.count("AssumeRole") > before).then_some(())
    });
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(5));
}

#[test]
fn a_lock_forgets_consent() {
    let mut world = World::new();
    world.configure(&role("prod", "confirm = \"first-use\""));
    world.start();
    let text = "rolecall process prod --wait=50 >/dev/null; echo $?\nread line\n\
                rolecall process prod --wait=0 >/dev/null 2>&1; echo $?\n";
    let mut running = Running::start(&mut apart(&world, &script(&world, "ask.sh", text)));
    question(&world, 1);
    assert!(in_another_terminal(&world, &["approve"]).status.success());
    eventually("the first answer", || {
        (running.lines() == ["0"]).then_some(())
    });
    world.rolecall(&["lock"]).ok();
    world.rolecall(&["unlock"]).ok();
    running.tell("");
    assert_eq!(running.finish().ok(), "0\n4");
}

#[test]
fn boto3_is_without_a_role_while_locked() {
    if !python_is_there() {
        return;
    }
    let mut world = World::new();
    world.configure(&role("prod", ""));
    profiles(&world, &["prod"]);
    world.start();
    let ask = || {
        let mut command = world.python("identity.py");
        command.env("AWS_PROFILE", "prod");
        run(&mut command)
    };
    ask().ok();
    world.rolecall(&["lock"]).ok();
    let refused = ask();
    assert!(
        refused.stdout.contains("the doors are locked"),
        "{refused:#?}"
    );
    world.rolecall(&["unlock"]).ok();
    ask().ok();
}
