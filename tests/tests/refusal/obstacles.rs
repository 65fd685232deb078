//! What is in the daemon's way is never removed (threat T12), and never used if others can reach it.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rolecall_tests::harness::{User, World, free_port, run};
use serde_json::Value;

/// Starts the daemon, which refuses; what it said.
#[track_caller]
fn refusal(world: &mut World) -> String {
    let ended = world.try_start(&[]).expect_err("it must not start");
    assert_eq!(ended, "ended: exit status: 1", "{}", world.log());
    world.log()
}

/// A world with the runtime directory, and nothing at the socket's path yet.
fn world() -> World {
    let world = World::new();
    world.write("run/rolecall/precious", "precious");
    world
}

/// Puts something at a path.
type Put = fn(&World, &Path);

#[test]
fn what_is_no_socket_stays() {
    let obstacles: [(&str, Put); 5] = [
        ("a file", |_, path| {
            fs::File::create(path).expect("a new file");
        }),
        ("a directory", |_, path| {
            fs::create_dir(path).expect("a new directory");
        }),
        ("a link", |world, path| {
            symlink(world.path("run/rolecall/precious"), path).expect("a new link");
        }),
        ("a dangling link", |_, path| {
            symlink("nothing", path).expect("a new link");
        }),
        ("a pipe", |_, path| {
            run(Command::new("mkfifo").arg(path)).ok();
        }),
    ];
    for (what, put) in obstacles {
        let mut world = world();
        let path = world.socket_path();
        put(&world, &path);
        let before = fs::symlink_metadata(&path)
            .expect("it is there")
            .file_type();
        let said = refusal(&mut world);
        assert!(said.contains("is no socket"), "{what}: {said}");
        assert!(
            said.contains(path.to_str().expect("text")),
            "{what}: {said}"
        );
        let after = fs::symlink_metadata(&path).expect(what).file_type();
        assert_eq!(before, after, "{what}");
        assert_eq!(world.read("run/rolecall/precious"), "precious");
    }
}

#[test]
fn another_user_s_socket_stays() {
    let Some(_) = User::other() else { return };
    let mut world = world();
    // The test is root, and its socket is dead.
    drop(UnixListener::bind(world.socket_path()).expect("a new socket"));
    let said = refusal(&mut world);
    assert!(said.contains("another user"), "{said}");
    let metadata = fs::symlink_metadata(world.socket_path()).expect("it is there");
    assert!(metadata.file_type().is_socket());
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let mut world = world();
    let lock = world.socket_path().with_extension("sock.lock");
    symlink(world.path("run/rolecall/precious"), &lock).expect("a new link");
    refusal(&mut world);
    assert_eq!(world.read("run/rolecall/precious"), "precious");
}

#[test]
fn directories_that_others_can_reach_are_refused() {
    for directory in ["run/rolecall", "home/.local/state/rolecall"] {
        let mut world = world();
        world.write("home/.local/state/rolecall/x", "");
        let path = world.path(directory);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("ours");
        let said = refusal(&mut world);
        assert!(
            said.contains(path.to_str().expect("text")),
            "{directory}: {said}"
        );
        assert!(said.contains("0700"), "{directory}: {said}");
        assert!(!world.socket_path().exists());
    }
}

#[test]
fn another_user_s_runtime_directory_is_refused() {
    let Some(other) = User::other() else { return };
    let mut world = world();
    let path = world.path("run/rolecall");
    std::os::unix::fs::chown(&path, Some(other.uid), Some(other.gid)).expect("root may");
    // So that the owner is what is wrong, not that it cannot be opened.
    fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("root may");
    let said = refusal(&mut world);
    assert!(said.contains("another user"), "{said}");
}

#[test]
fn a_container_port_that_is_taken_closes_that_door_alone() {
    let mut world = World::new();
    let imds = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{imds}\"\nrole = \"dev\"\n"
    ));
    world.start();
    let status: Value = world.get("/v1/status").json();
    let door = |status: &Value| {
        let doors = status["doors"].as_array().cloned().unwrap_or_default();
        doors
            .into_iter()
            .find(|door| door["door"] == "container")
            .expect("the door")
    };
    let address = door(&status)["address"]
        .as_str()
        .expect("an address")
        .to_owned();
    world.stop();
    let holder = TcpListener::bind(&address).expect("it is free");
    world.start();

    let port = address.rsplit(':').next().expect("a port");
    let status: Value = world.get("/v1/status").json();
    let error = door(&status)["error"]
        .as_str()
        .expect("an error")
        .to_owned();
    assert!(error.contains(port), "{error}");
    assert_ne!(world.rolecall(&["status", "--check"]).code(), Some(0));
    let exec = run(world
        .command("rolecall")
        .args(["exec", "dev", "--", "true"]));
    assert_eq!(exec.code(), Some(125), "{exec:?}");
    world.rolecall(&["process", "dev"]).ok();
    assert_eq!(world.imds(imds).document("dev").status, 200);

    drop(holder);
    world.restart();
    let lease = world.lease("dev");
    assert_eq!(lease.read().status, 200);
}
