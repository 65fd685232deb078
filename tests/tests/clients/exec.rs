//! `rolecall exec` as a process, and the life of its lease.

use std::path::PathBuf;
use std::process::Command;

use rolecall_tests::harness::{Endpoint, Request, Running, World, eventually, profiles, run};
use serde_json::Value;

use crate::ways::{exec, loopback};

fn shell(world: &World, script: &str) -> Command {
    let mut command = world.command("sh");
    command.args(["-c", script]);
    command
}

fn serving() -> World {
    let mut world = World::new();
    world.start();
    world
}

fn leases(world: &World) -> Vec<Value> {
    world.get("/v1/leases").json()
}

#[test]
fn status_and_signals_are_the_command_s_own() {
    use std::os::unix::process::ExitStatusExt as _;
    let world = serving();
    let status = |script: &str| run(&mut exec(&world, "dev", &shell(&world, script))).status;
    for code in [0, 1, 42, 255] {
        assert_eq!(status(&format!("exit {code}")).code(), Some(code));
    }
    for signal in [2, 9, 15] {
        assert_eq!(status(&format!("kill -{signal} $$")).signal(), Some(signal));
    }
}

#[test]
fn it_becomes_the_command() {
    let world = serving();
    let script = "echo $$; exec cat";
    let running = Running::start(&mut exec(&world, "dev", &shell(&world, script)));
    running.wait_for_more(1);
    assert_eq!(running.lines(), [running.pid().to_string()]);
    running.finish().ok();
}

#[test]
fn its_own_failures_are_125_to_127() {
    let world = World::new();
    let code = |world: &World, role: &str, program: &str| {
        let finished = run(&mut exec(world, role, &Command::new(program)));
        assert!(finished.stderr.starts_with("rolecall: "), "{finished:#?}");
        finished.code()
    };
    // No daemon, no such role, nothing from AWS.
    assert_eq!(code(&world, "dev", "true"), Some(125));
    let mut world = world;
    world.start();
    assert_eq!(code(&world, "nobody", "true"), Some(125));
    assert_eq!(code(&world, "dev", "no-such-program"), Some(127));
    assert_eq!(code(&world, "dev", "/etc/passwd"), Some(126));
    world.aws.go_down();
    assert_eq!(code(&world, "hub", "true"), Some(125));
    // The leases of the commands that never were have ended too.
    eventually("no lease is left", || {
        leases(&world).is_empty().then_some(())
    });
}

/// What a command was given: its lease's address and token, and where its files are.
struct Given {
    endpoint: Endpoint,
    path: String,
    token: String,
    files: PathBuf,
}

impl Given {
    fn start(world: &World) -> (Running, Self) {
        // Its own processes get what the token is for; the token is good for no others.
        let client = world.rust_sdk(&["once"]);
        let client = client.get_program().to_string_lossy();
        let script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; \
                      echo $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
        let script = format!("{client} once >/dev/null && {script}; exec cat");
        let running = Running::start(&mut exec(world, "dev", &shell(world, &script)));
        let lines = eventually("three lines", || {
            <[String; 3]>::try_from(running.lines()).ok()
        });
        let [url, token, file] = &lines;
        let (address, path) = url
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split_once('/'))
            .unwrap_or_else(|| panic!("not the only form that every SDK takes: {url}"));
        assert_eq!(&std::fs::read_to_string(file).expect("a token file"), token);
        let given = Self {
            endpoint: loopback(address.parse().expect("a port")),
            path: format!("/{path}"),
            token: token.clone(),
            files: PathBuf::from(file).parent().expect("a directory").into(),
        };
        (running, given)
    }

    fn status(&self, world: &World, path: &str, token: &str) -> u16 {
        let request = Request::get(path).header("Authorization", token);
        let answer = world.user().act(|| self.endpoint.send(&request));
        answer.expect("an answer").status
    }
}

#[test]
fn the_lease_ends_with_the_command() {
    let world = serving();
    let (running, given) = Given::start(&world);
    let held = leases(&world);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["role"], "dev");
    assert!(
        held[0]["scope"]
            .as_str()
            .is_some_and(|it| it.contains(&running.pid().to_string()))
    );
    assert_eq!(given.status(&world, &given.path, &given.token), 403);
    // Contract of the container endpoint: 401 wrong token, 403 another role's, 404 no role's.
    assert_eq!(given.status(&world, &given.path, "wrong"), 401);
    assert_eq!(given.status(&world, "/role/hub", &given.token), 403);
    assert_eq!(given.status(&world, "/role/nobody", &given.token), 404);

    running.finish().ok();
    eventually("the lease ends", || leases(&world).is_empty().then_some(()));
    eventually("its files go", || (!given.files.exists()).then_some(()));
    assert_eq!(given.status(&world, &given.path, &given.token), 401);

    let id = &held[0]["id"];
    for event in ["lease", "serve", "lease_end"] {
        world.wait_for_record(event, |record| {
            record["event"] == event && record["lease"] == *id
        });
    }
}

#[test]
fn files_are_for_the_user_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let world = serving();
    let (_running, given) = Given::start(&world);
    let entries = std::fs::read_dir(&given.files).expect("the lease's directory");
    let mut names = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let facts = entry.metadata().expect("its facts");
        assert_eq!(
            (facts.mode() & 0o777, facts.uid()),
            (0o600, world.user().uid),
            "{entry:?}"
        );
        names.push(entry.file_name().into_string().expect("a name"));
    }
    names.sort();
    assert_eq!(names, ["config", "credentials", "token"]);
    let facts = std::fs::metadata(&given.files).expect("its facts");
    assert_eq!(facts.mode() & 0o777, 0o700);
}

#[test]
fn a_lease_ends_when_told_to() {
    let world = serving();
    let (_running, given) = Given::start(&world);
    let id = leases(&world)[0]["id"].as_str().expect("an id").to_owned();
    let delete = Request::new("DELETE", &format!("/v1/leases/{id}"));
    assert_eq!(world.ask(&delete).status, 204);
    assert_eq!(given.status(&world, &given.path, &given.token), 401);
    assert!(!given.files.exists());
    assert_eq!(world.ask(&delete).status, 404);
}

/// Its copies are made of the files in force then, which no longer have the keys of others.
#[test]
fn files_that_broke_do_not_keep_a_command_from_a_session_that_is_held() {
    let world = serving();
    world.rolecall(&["process", "dev"]).ok();
    world.write("home/.aws/config", "nonsense\n");
    let script = "cat \"$AWS_CONFIG_FILE\" \"$AWS_SHARED_CREDENTIALS_FILE\"";
    let finished = run(&mut exec(&world, "dev", &shell(&world, script)));
    let files = finished.ok();
    assert!(
        files.starts_with("[default]\nregion = eu-west-1\n"),
        "{files}"
    );
    assert!(files.contains("[profile hub]"), "{files}");
    assert!(!files.contains(profiles::ALICE_SECRET), "{files}");
}
