//! A Unix socket that serves one lease: what is on it, and who may use it.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use rolecall_tests::harness::{Answer, Endpoint, Request, Running, User, World, eventually, run};
use serde_json::Value;

use crate::ways::exec_with;

/// A world whose `dev` is held by a command with a socket of its own.
pub(crate) struct Held {
    pub(crate) world: World,
    pub(crate) running: Running,
    pub(crate) socket: PathBuf,
    token: String,
}

impl Held {
    #[track_caller]
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut world = World::new();
        world.start();
        let socket = world.path("run/container/dev.sock");
        let path = socket.to_str().expect("text");
        let options = [&["--socket", path], options].concat();
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"; exec cat",
        ]);
        let running = Running::start(&mut exec_with(&world, &options, "dev", &command));
        let token = eventually("the command runs", || running.lines().first().cloned());
        Self {
            world,
            running,
            socket,
            token,
        }
    }

    fn ask_as(&self, user: User, request: &Request) -> std::io::Result<Answer> {
        user.act(|| Endpoint::Unix(self.socket.clone()).send(request))
    }

    #[track_caller]
    fn ask(&self, request: &Request) -> Answer {
        self.ask_as(self.world.user(), request)
            .unwrap_or_else(|error| panic!("{error}: {request:?}\n{}", self.world.log()))
    }

    #[track_caller]
    fn status(&self, path: &str) -> u16 {
        self.ask(&Request::get(path)).status
    }

    fn mode(&self) -> (u32, u32) {
        let directory = self.socket.parent().expect("a directory");
        let mode = |path| std::fs::symlink_metadata(path).expect("it is there").mode() & 0o777;
        (mode(directory), mode(&self.socket))
    }
}

#[test]
fn there_is_the_lease_s_role_and_nothing_else() {
    let held = Held::start(&[]);
    let credentials: Value = held.ask(&Request::get("/v1/credentials/dev")).json();
    assert_eq!(credentials["Version"], 1);
    // Another role is as good as none.
    let other: Value = held.ask(&Request::get("/v1/credentials/hub")).json();
    let none: Value = held.ask(&Request::get("/v1/credentials/huh")).json();
    assert_eq!(
        (&other["code"], &none["code"]),
        (&"unknown_role".into(), &"unknown_role".into())
    );
    for path in [
        "/v1/roles",
        "/v1/leases",
        "/v1/ledger",
        "/v1/events",
        "/v1/metrics",
        "/v1/whoami/dev",
        "/v1/nothing",
    ] {
        assert_eq!(held.status(path), 403, "{path}");
    }
    for (method, path) in [
        ("POST", "/v1/leases"),
        ("POST", "/v1/reload"),
        ("DELETE", "/v1/leases/0"),
        ("POST", "/v1/config/setup"),
    ] {
        assert_eq!(held.ask(&Request::new(method, path)).status, 403, "{path}");
    }
    assert_eq!(held.ask(&Request::new("POST", "/v1/status")).status, 405);

    let status: Value = held.ask(&Request::get("/v1/status")).json();
    let names = |list: &Value, key: &str| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|it| it[key].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(names(&status["roles"], "name"), ["dev"]);
    assert_eq!(names(&status["leases"], "role"), ["dev"]);
    assert_eq!(
        names(&status["doors"], "address"),
        [held.socket.to_str().expect("text")]
    );
    assert_eq!(status["config"]["files"], Value::Array(Vec::new()));
    let served = held
        .world
        .wait_for_record("a serve", |record| record["event"] == "serve");
    assert_eq!(served["lease"], status["leases"][0]["id"]);
}

#[test]
fn behind_a_forwarder_it_is_a_container_endpoint_that_wants_the_token() {
    let held = Held::start(&[]);
    let world = &held.world;
    let other = world.lease("dev").token;
    let role = |path: &str, token: Option<&str>, host: &str| {
        let request = Request::get(path).header("Host", host);
        let request = token
            .iter()
            .fold(request, |it, token| it.header("Authorization", token));
        held.ask(&request).status
    };
    let own = Some(held.token.as_str());
    assert_eq!(role("/role/dev", own, "127.0.0.1:8080"), 200);
    assert_eq!(role("/role/dev", own, "localhost"), 200);
    assert_eq!(role("/role/dev", None, "localhost"), 401);
    assert_eq!(role("/role/dev", Some("wrong"), "localhost"), 401);
    assert_eq!(role("/role/dev", Some(&other), "localhost"), 401);
    assert_eq!(role("/role/hub", own, "localhost"), 404);
    assert_eq!(role("/role/dev", own, "rebound.example"), 403);
    assert_eq!(role("/v1/credentials/dev", None, "rebound.example"), 403);
    let page = Request::get("/v1/credentials/dev").header("Origin", "http://localhost");
    assert_eq!(held.ask(&page).status, 403);
}

#[test]
fn it_is_the_user_s_alone_and_goes_with_the_command() {
    let held = Held::start(&[]);
    assert_eq!(held.mode(), (0o700, 0o600));
    if let Some(other) = User::other() {
        assert!(held.ask_as(other, &Request::get("/v1/status")).is_err());
        // Root passes every mode, and is not the daemon's user.
        let root = held.ask_as(User::ROOT, &Request::get("/v1/status"));
        assert_eq!(root.expect("an answer").status, 403);
    }
    held.running.finish().ok();
    let (world, socket) = (&held.world, &held.socket);
    eventually("the socket goes", || (!socket.exists()).then_some(()));
    let status: Value = world.get("/v1/status").json();
    assert!(
        !status["doors"].to_string().contains("container/dev.sock"),
        "{status:#}"
    );
}

#[test]
fn another_uid_is_served_if_the_lease_says_so_and_then_no_one_else() {
    let Some(other) = User::other() else { return };
    let held = Held::start(&["--peer-uid", &other.uid.to_string()]);
    assert_eq!(held.mode(), (0o711, 0o666));
    // The way there is the user's to open; a container mounts the directory instead.
    let script = format!("chmod 711 {}", held.world.path("run").display());
    run(held.world.command("sh").args(["-c", &script])).ok();
    let credentials = Request::get("/v1/credentials/dev");
    let status = |user| held.ask_as(user, &credentials).expect("an answer").status;
    assert_eq!(status(other), 200);
    assert_eq!(status(held.world.user()), 403);
    assert_eq!(status(User::ROOT), 403);
    // On the daemon's own socket that uid is nobody still.
    let own = other.act(|| held.world.socket().send(&credentials));
    assert!(own.is_err());
}

#[test]
fn a_restarted_daemon_serves_it_again() {
    let mut held = Held::start(&[]);
    // Sessions are in memory alone: the first answer may take a call to AWS.
    let credentials = "/v1/credentials/dev?wait=50";
    held.world.restart();
    assert_eq!(held.status(credentials), 200);
    assert_eq!(held.mode(), (0o700, 0o600));
    held.world.kill();
    assert!(held.socket.exists(), "a killed daemon cannot remove it");
    held.world.start();
    assert_eq!(held.status(credentials), 200);
    // The lease ends while no daemon runs.
    held.world.kill();
    held.running.finish().ok();
    held.world.start();
    assert!(!held.socket.exists());
}

#[test]
fn what_is_in_the_way_is_told_and_stays() {
    let mut world = World::new();
    world.start();
    world.write("home/open/x", "");
    let open = "chmod 755 \"$HOME/open\"";
    run(world.command("sh").args(["-c", open])).ok();
    world.write("run/d/file.sock", "mine");
    for (path, what) in [
        (world.path("run/d/file.sock"), "is no socket"),
        (world.path("home/open/dev.sock"), "chmod 0700"),
        (world.socket_path(), "another rolecalld"),
        (
            world.path(&format!("run/d/{}.sock", "x".repeat(120))),
            "too long",
        ),
    ] {
        let path = path.to_str().expect("text");
        let finished = run(&mut exec_with(
            &world,
            &["--socket", path],
            "dev",
            &Command::new("true"),
        ));
        assert_eq!(finished.code(), Some(125), "{finished:#?}");
        assert!(finished.stderr.contains(what), "{what}: {finished:#?}");
    }
    assert_eq!(world.read("run/d/file.sock"), "mine");
    assert_eq!(world.get("/v1/leases").text(), "[]");
    assert_eq!(world.get("/v1/status").status, 200);
}
