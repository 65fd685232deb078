//! A lease's socket from within containers, and from another machine: what `docs/containers.md` promises.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use rolecall_tests::harness::{Finished, User, World, run};
use serde_json::Value;

use crate::own_socket::Held;

/// `script` as the first process of a container of `user`'s: namespaces of its own, the user's only uid mapped to
/// root, and the socket's directory mounted at `/mnt`.
fn contained(held: &Held, user: User, script: &str) -> Command {
    let directory = held.socket.parent().expect("a directory");
    let mut command = held.world.command_as(user, "unshare");
    let script = format!("mount --bind {} /mnt && {script}", directory.display());
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--net",
        ])
        .args(["sh", "-c", &script])
        .env("ROLECALL_SOCKET", "/mnt/dev.sock");
    command
}

/// Whether this machine lets a user make namespaces; many containers do not.
fn namespaces(held: &Held, user: User) -> bool {
    run(&mut contained(held, user, "true")).status.success()
}

#[track_caller]
fn assert_is_credentials(finished: &Finished, world: &World) {
    assert!(finished.status.success(), "{finished:#?}\n{}", world.log());
    let credentials: Value = finished.json();
    assert_eq!(credentials["Version"], 1);
}

#[test]
fn a_container_of_the_same_user_needs_the_socket_and_the_client() {
    let held = Held::start(&[]);
    let (world, user) = (&held.world, held.world.user());
    if !namespaces(&held, user) {
        return;
    }
    let process = "rolecall process dev";
    assert_is_credentials(&run(&mut contained(&held, user, process)), world);
    let status = run(&mut contained(&held, user, "rolecall status --json"));
    let status: Value = status.json();
    assert_eq!(status["roles"].as_array().map(Vec::len), Some(1));
    // Nothing else is there: not by another role, not by another command.
    let other = run(&mut contained(&held, user, "rolecall process hub"));
    assert_eq!(other.code(), Some(3), "{other:#?}");
    let reload = run(&mut contained(&held, user, "rolecall reload"));
    assert_eq!(reload.code(), Some(5), "{reload:#?}");
    // The ledger names the process as this machine sees it, out of the container.
    let served = world.wait_for_record("a serve", |record| record["event"] == "serve");
    assert_eq!(served["consumer"]["uid"], user.uid);
}

#[test]
fn a_container_s_other_user_needs_its_uid_and_the_daemon_s() {
    let Some(other) = User::other() else { return };
    let held = Held::start(&["--peer-uid", &other.uid.to_string()]);
    let script = format!("chmod 711 {}", held.world.path("run").display());
    run(held.world.command("sh").args(["-c", &script])).ok();
    if !namespaces(&held, other) {
        return;
    }
    // The daemon's user has no number in there: the kernel shows the overflow uid, which is no proof of anything
    // and therefore has to be named.
    let refused = run(&mut contained(&held, other, "rolecall process dev"));
    assert_eq!(refused.code(), Some(6), "{refused:#?}");
    assert!(
        refused.stderr.contains("ROLECALL_SERVER_UID"),
        "{refused:#?}"
    );
    let named = "ROLECALL_SERVER_UID=65534 rolecall process dev";
    assert_is_credentials(&run(&mut contained(&held, other, named)), &held.world);
    let wrong = "ROLECALL_SERVER_UID=root rolecall process dev";
    assert_eq!(run(&mut contained(&held, other, wrong)).code(), Some(1));
}

#[test]
fn an_sdk_in_a_container_has_the_role_by_its_profile_alone() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let held = Held::start(&[]);
    let (world, user) = (&held.world, held.world.user());
    if !namespaces(&held, user) {
        return;
    }
    world.write(
        "home/container/config",
        "[default]\nregion = eu-west-1\ncredential_process = rolecall process dev\n",
    );
    let python = world.python("identity.py");
    let words: Vec<_> = std::iter::once(python.get_program())
        .chain(python.get_args())
        .collect();
    let words: Vec<_> = words
        .iter()
        .map(|word| word.to_str().expect("text"))
        .collect();
    // STS is outside of the container's network; that botocore took the session is enough.
    let code = "import boto3; it = boto3.Session().get_credentials(); \
                print(it.method, it.get_frozen_credentials().access_key)";
    let mut command = contained(&held, user, &format!("{} -c '{code}'", words[0]));
    command
        .env("AWS_CONFIG_FILE", world.path("home/container/config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    let finished = run(&mut command);
    let process: Value = world.rolecall(&["process", "dev"]).json();
    let expected = format!(
        "custom-process {}",
        process["AccessKeyId"].as_str().expect("a key")
    );
    assert_eq!(finished.ok().trim(), expected, "{finished:#?}");
}

/// Copies both ways until both are done.
fn relay(mut one: UnixStream, mut other: UnixStream) -> std::io::Result<()> {
    let (mut back_from, mut back_to) = (other.try_clone()?, one.try_clone()?);
    let back = std::thread::spawn(move || copy(&mut back_from, &mut back_to));
    copy(&mut one, &mut other);
    // A panic there shows as an answer that does not come.
    let _ = back.join();
    Ok(())
}

fn copy(from: &mut UnixStream, to: &mut UnixStream) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Its reader sees the end.
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// What `ssh -R` does with a Unix socket: the far side listens as the user there, and each connection comes in as
/// one of the `ssh` on this side, which is the daemon's user's.
fn forward(user: User, from: &Path, to: &Path) {
    user.act(|| {
        let listener = UnixListener::bind(from).expect("a free path");
        let to = to.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let to = UnixStream::connect(&to);
                let Ok(to) = to else { continue };
                std::thread::spawn(move || relay(stream, to));
            }
        });
    });
}

#[test]
fn a_forwarded_socket_serves_the_far_side() {
    let held = Held::start(&[]);
    let (world, user) = (&held.world, held.world.user());
    let far = world.path("run/far.sock");
    forward(user, &far, &held.socket);
    let far = far.to_str().expect("text");
    let finished = run(world
        .command("rolecall")
        .args(["process", "dev", "--socket", far]));
    assert_is_credentials(&finished, world);
    let other = run(world
        .command("rolecall")
        .args(["process", "hub", "--socket", far]));
    assert_eq!(other.code(), Some(3), "{other:#?}");
}
