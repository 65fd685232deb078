//! A lease's own socket, where the lease is narrowed, a fence, or made by hand.

use rolecall_tests::harness::{Endpoint, Request, Running, User, World, eventually, run};
use serde_json::Value;

use crate::{key, lines, serving, shell};

fn socket(world: &World) -> String {
    let path = world.path("run/container/dev.sock");
    path.to_str().expect("text").to_owned()
}

/// What a container would have: it mounts the socket, and is outside of whatever the lease was made for.
#[test]
fn it_serves_who_is_outside_of_the_fence_what_the_lease_leaves_and_nobody_in_another() {
    let world = serving();
    let own = key(world.rolecall(&["process", "dev"]).ok());
    let socket = socket(&world);
    let words = format!("exec dev --read-only --socket {socket}");
    let script = "rolecall process dev && exec cat";
    let running = Running::start(&mut shell(&world, &words, script));
    let inside = key(&lines(&running, 1)[0]);
    let outside = world.rolecall(&["process", "dev", "--socket", &socket]);
    assert_eq!(key(outside.ok()), inside);
    assert_ne!(inside, own);
    let status = world.rolecall(&["status", "--json", "--socket", &socket]);
    let status: Value = status.json();
    assert_eq!(status["leases"][0]["policy"], "read-only", "{status:#}");
    assert_eq!(status["roles"][0]["session"]["access_key_id"], inside);

    let script = format!("rolecall process dev --socket {socket}");
    let fenced = run(&mut shell(&world, "exec hub --only", &script));
    assert_ne!(fenced.code(), Some(0), "{fenced:#?}");
    assert!(fenced.stderr.contains("fenced in"), "{fenced:#?}");
}

#[test]
fn a_lease_made_by_hand_has_one_until_it_is_revoked() {
    let world = serving();
    let socket = socket(&world);
    let words = format!("lease create --role dev --shared --ttl 1h --socket {socket}");
    let words: Vec<&str> = words.split(' ').collect();
    world.rolecall(&words).ok();
    let through = world.rolecall(&["process", "dev", "--socket", &socket]);
    assert_eq!(
        key(through.ok()),
        key(world.rolecall(&["process", "dev"]).ok())
    );
    world.rolecall(&["lease", "revoke", "--all"]).ok();
    eventually("the socket goes", || {
        (!std::path::Path::new(&socket).exists()).then_some(())
    });
}

#[test]
fn that_of_a_lease_for_a_user_is_that_user_s() {
    let Some(other) = User::other() else { return };
    let world = serving();
    let (socket, uid) = (socket(&world), other.uid);
    let words = format!("lease create --role dev --peer-uid {uid} --ttl 1h --socket {socket}");
    let words: Vec<&str> = words.split(' ').collect();
    world.rolecall(&words).ok();
    // The way there is the user's to open; a container mounts the directory instead.
    let script = format!("chmod 711 {}", world.path("run").display());
    run(world.command("sh").args(["-c", &script])).ok();
    let status = |user: User| {
        let request = Request::get("/v1/credentials/dev");
        let answer = user.act(|| Endpoint::Unix(socket.clone().into()).send(&request));
        answer.expect("an answer").status
    };
    assert_eq!(status(other), 200);
    assert_eq!(status(world.user()), 403);
}
