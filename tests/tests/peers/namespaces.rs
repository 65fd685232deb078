//! Peers in namespaces of their own, as containers have them.

use std::process::{Command, Stdio};

use rolecall_tests::harness::{
    Endpoint, PATIENCE, Request, Running, User, World, eventually, run, until,
};
use serde_json::Value;

use crate::{in_own_pids, serves};

/// The consumer of the serve that `command` causes, as the last one so far.
fn consumer(world: &World, command: &mut Command) -> Value {
    let before = serves(world).len();
    run(command).ok();
    let record = eventually("the serve", || serves(world).get(before).cloned());
    record["consumer"]["process"].clone()
}

const ASKS: &str = "import subprocess; subprocess.run(['rolecall', 'process', 'dev'], check=True)";

#[test]
fn a_container_s_processes_are_told_as_such() {
    let mut world = World::new();
    world.start();
    let own = consumer(&world, world.command("python3").args(["-c", ASKS]));
    assert_eq!(own["namespaces"], serde_json::json!([]), "{own:#}");

    for (options, expected) in [
        (&["--user", "--map-root-user"][..], &["user"][..]),
        (&["--user", "--map-root-user", "--mount"], &["user", "mnt"]),
        (&["--user", "--map-root-user", "--net"], &["user", "net"]),
        (
            &[
                "--user",
                "--map-root-user",
                "--mount",
                "--net",
                "--pid",
                "--fork",
            ],
            &["user", "pid", "mnt", "net"],
        ),
    ] {
        let unshare = |program: &[&str]| {
            let mut command = world.command("unshare");
            command.args(options).args(program);
            command
        };
        let works = unshare(&["true"]).stderr(Stdio::null()).status();
        if !works.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no user namespaces for users");
            return;
        }
        // Its root is the same user outside, and so is let in; what it is in, the ledger says.
        let line = format!("python3 -c \"{ASKS}\"; exit $?");
        let found = consumer(&world, &mut unshare(&["sh", "-c", &line]));
        assert_eq!(
            found["namespaces"],
            serde_json::json!(expected),
            "{found:#}"
        );
        assert_eq!(found["uid"], world.user().uid);
    }
}

#[test]
fn who_is_outside_of_the_daemon_s_pids_is_unknown() {
    let Some(mut command) = in_own_pids("namespaces::outside") else {
        return;
    };
    let mut inside = Running::start(&mut command);
    // A daemon's start on a busy machine comes first.
    let words = until(PATIENCE * 3, || {
        let lines = inside.lines();
        let line = lines.iter().find_map(|line| line.strip_prefix("socket "))?;
        Some(line.to_owned())
    });
    let words = words.unwrap_or_else(|| panic!("no socket: {:?}", inside.lines()));
    let (uid, path) = words.split_once(' ').unwrap();
    let uid: u32 = uid.parse().unwrap();
    // With user namespaces alone, root inside is who runs the tests.
    let user = if uid == 0 {
        User::current()
    } else {
        User { uid, gid: uid }
    };
    let socket = Endpoint::Unix(path.into());
    let answer = user.act(|| socket.send(&Request::get("/v1/credentials/dev")));
    assert_eq!(answer.unwrap().status, 200);
    inside.tell("done");
    inside.finish().ok();
}

#[test]
#[ignore = "run by who_is_outside_of_the_daemon_s_pids_is_unknown"]
fn outside() {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    let before = serves(&world).len();
    println!(
        "\nsocket {} {}",
        world.user().uid,
        world.socket_path().display()
    );
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let record = eventually("the serve", || serves(&world).get(before).cloned());
    assert_eq!(
        record["consumer"],
        serde_json::json!({ "uid": world.user().uid }),
        "{record:#}"
    );
    assert_eq!(record["peer"]["attested"], "peercred");
    assert!(record["peer"]["process"].is_null(), "{record:#}");
}
