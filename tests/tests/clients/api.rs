//! The socket's API, request by request, as `docs/api.yaml` says.

use std::process::Command;

use rolecall_tests::harness::{Answer, Request, World, run};
use serde_json::Value;

fn serving() -> World {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    world
}

#[track_caller]
fn assert_is_ours(answer: &Answer, what: &str) {
    assert_eq!(
        answer.header("rolecall-version"),
        Some(env!("CARGO_PKG_VERSION")),
        "{what}"
    );
}

#[test]
fn every_path_answers_what_is_documented() {
    let world = serving();
    let json = "application/json";
    for (path, content_type, fields) in [
        (
            "/v1/status",
            json,
            &[
                "version", "pid", "uid", "started", "config", "roles", "doors", "leases", "ledger",
                "store", "notes",
            ][..],
        ),
        ("/v1/roles", json, &[]),
        (
            "/v1/credentials/dev",
            json,
            &[
                "Version",
                "AccessKeyId",
                "SecretAccessKey",
                "SessionToken",
                "Expiration",
                "AccountId",
            ],
        ),
        (
            "/v1/credentials/dev?wait=1&can_prompt=false",
            json,
            &["Version"],
        ),
        ("/v1/credentials/%64ev", json, &["Version"]),
        (
            "/v1/whoami/dev?wait=10",
            json,
            &["role", "account", "arn", "user_id"],
        ),
        ("/v1/leases", json, &[]),
        ("/v1/ledger", json, &["records"]),
        ("/v1/ledger?count=1&after=0&wait=0", json, &["records"]),
        (
            "/v1/metrics",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            &[],
        ),
    ] {
        let answer = world.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
        assert_is_ours(&answer, path);
        if content_type == json {
            let body: Value = answer.json();
            for field in fields {
                assert!(!body[field].is_null(), "{path}: no {field} in {body:#}");
            }
            assert!(body.is_array() == fields.is_empty(), "{path}: {body:#}");
        }
    }
}

#[test]
fn requests_that_change_things_answer_what_is_documented() {
    let world = serving();
    let client = format!(
        "{{\"client\": \"{}\"}}",
        world.path("bin/rolecall").display()
    );
    for (path, body, fields) in [
        ("/v1/reload", "{}", &["applied", "problems", "changes"]),
        ("/v1/config/check", "{}", &["files", "roles", "problems"]),
        (
            "/v1/config/setup",
            client.as_str(),
            &["edits", "moved", "skipped"],
        ),
    ] {
        let request = Request::new("POST", path).header("Content-Type", "application/json");
        let answer = world.ask(&request.body(body));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_is_ours(&answer, path);
        let body: Value = answer.json();
        for field in fields {
            assert!(!body[field].is_null(), "{path}: no {field} in {body:#}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_a_code_and_a_hint() {
    let world = serving();
    let get = Request::get;
    let post = |path: &str, body: &str| {
        Request::new("POST", path)
            .header("Content-Type", "application/json")
            .body(body)
    };
    for (request, status, code, words) in [
        (get("/v1/credentials/dve"), 404, "unknown_role", "`dev`"),
        (
            get("/v1/credentials/x"),
            404,
            "unknown_role",
            "rolecall roles",
        ),
        (get("/v1/whoami/x"), 404, "unknown_role", "rolecall roles"),
        (get("/v1/nothing"), 404, "not_found", "docs/api.yaml"),
        (get("/"), 404, "not_found", "docs/api.yaml"),
        (
            Request::new("DELETE", "/v1/leases/0"),
            404,
            "not_found",
            "lease",
        ),
        (post("/v1/status", "{}"), 405, "method_not_allowed", "GET"),
        (get("/v1/reload"), 405, "method_not_allowed", "POST"),
        (
            get("/v1/credentials/dev?wait=soon"),
            400,
            "bad_request",
            "wait",
        ),
        (
            get("/v1/credentials/dev?wait=-1"),
            400,
            "bad_request",
            "wait",
        ),
        (
            get("/v1/credentials/dev?can_prompt=maybe"),
            400,
            "bad_request",
            "can_prompt",
        ),
        (get("/v1/ledger?count=many"), 400, "bad_request", "count"),
        (post("/v1/leases", "{"), 400, "bad_request", ""),
        (
            get("/v1/status").header("Host", "evil.example"),
            403,
            "refused",
            "host",
        ),
        (
            get("/v1/status").header("Origin", "http://localhost"),
            403,
            "refused",
            "",
        ),
        (
            get("/v1/status").header("X-Forwarded-For", "::1"),
            400,
            "bad_request",
            "",
        ),
    ] {
        let answer = world.ask(&request);
        let text = answer.text();
        assert_eq!(answer.status, status, "{request:?}: {text}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{request:?}"
        );
        assert_is_ours(&answer, &format!("{request:?}"));
        let problem: Value = answer.json();
        assert_eq!(problem["code"], code, "{request:?}: {text}");
        assert!(text.contains(words), "{request:?}: no {words} in {text}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some(words), "{request:?}");
        }
    }
}

#[test]
fn without_patience_a_cold_role_is_not_ready() {
    let world = serving();
    world.aws.fail(rolecall_tests::fake_aws::Fault::new(
        rolecall_tests::fake_aws::Effect::Hang,
    ));
    let answer = world.get("/v1/credentials/hub");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json::<Value>()["code"], "not_ready");
}

#[test]
fn events_are_the_ledger_s_records_as_they_come() {
    let world = serving();
    let mut stream = world
        .user()
        .act(|| world.socket().connect())
        .expect("a connection");
    stream
        .write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it is open");
    let mut head = Vec::new();
    loop {
        let line = stream
            .line()
            .expect("a line of the head")
            .to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    assert_eq!(head[0], "http/1.1 200 ok");
    assert!(
        head.iter()
            .any(|line| line == "content-type: text/event-stream"),
        "{head:?}"
    );
    world.rolecall(&["reload"]).ok();
    let data = loop {
        let line = stream.line().expect("a line of the stream");
        if let Some(data) = line.strip_prefix("data: ")
            && data.contains("\"reload\"")
        {
            break data.to_owned();
        }
    };
    let record: Value = serde_json::from_str(&data).expect("one line of JSON");
    assert!(world.ledger().contains(&record), "{record:#}");
}

#[test]
fn curl_can_talk_to_it() {
    let Some(path) = std::env::var_os("PATH") else {
        return;
    };
    if !std::env::split_paths(&path).any(|directory| directory.join("curl").exists()) {
        return;
    }
    let world = serving();
    let mut curl: Command = world.command("curl");
    curl.args(["--silent", "--fail", "--unix-socket"]);
    curl.arg(world.socket_path())
        .arg("http://localhost/v1/status");
    let status: Value = run(&mut curl).json();
    assert_eq!(status["uid"], world.user().uid);
}
