//! `rolecall status` and `rolecall roles`.

use crate::server::{Reply, Server, stderr, stdout};

const HEALTHY: &str = r#"{"version":"0.1.0","pid":1,"uid":0,"started":"2026-01-01T00:00:00Z",
"config":{"files":[],"loaded":"2026-01-01T00:00:00Z","current":true,"problems":[]},
"roles":[{"name":"dev","state":"cold","recipe":"base → dev 1h","account":"123456789012"}],
"doors":[],"leases":[],"ledger":{"file":"/l"},"store":"memory","notes":[],"new":true}"#;

#[test]
fn without_a_daemon() {
    let output = Server::absent().run(&["status"]);
    assert_eq!(output.status.code(), Some(6));
    let lines: Vec<_> = stderr(&output).lines().collect();
    assert!(lines[0].starts_with("rolecall: cannot reach rolecalld at "));
    assert!(lines[1].starts_with("hint: start it with "));
    let check = Server::absent().run(&["status", "--check"]);
    assert_eq!(check.status.code(), Some(6));
}

#[test]
fn forms() {
    let server = Server::start([Reply::Json(200, HEALTHY.to_owned())]);
    let table = server.run(&["status"]);
    assert!(
        stdout(&table).contains("dev   123456789012  -         -          cold\n"),
        "{}",
        stdout(&table)
    );
    assert!(!stdout(&table).contains('\u{1b}'));
    let forced = server
        .command(&["status"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(stdout(&forced).contains('\u{1b}'));
    let never = server
        .command(&["status"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!stdout(&never).contains('\u{1b}'));
    let json = server.run(&["status", "--json"]);
    assert!(
        stdout(&json).contains("\"new\": true"),
        "what is newer is kept"
    );
    let check = server.run(&["status", "--check"]);
    assert_eq!((check.status.code(), stdout(&check)), (Some(0), ""));
    let both = server.run(&["status", "--check", "--json"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn check_tells_wrong_from_waiting() {
    let with = |code: &str| {
        let failure = format!(
            r#""failing","failure":{{"at":"2026-01-01T00:00:00Z","code":"{code}","message":"no"}}"#
        );
        let body = HEALTHY.replace("\"cold\"", &failure);
        Server::start([Reply::Json(200, body)]).run(&["status", "--check"])
    };
    let person = with("person_needed");
    assert_eq!(
        (person.status.code(), stdout(&person)),
        (Some(4), "role dev: has no session: no\n")
    );
    assert_eq!(with("aws_denied").status.code(), Some(1));
}

#[test]
fn metrics_are_passed_on() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nup 1\n\n";
    let server = Server::start([Reply::Raw(answer.as_bytes().to_vec())]);
    assert_eq!(stdout(&server.run(&["status", "--metrics"])), "up 1\n\n");
    assert!(server.requests()[0].starts_with("GET /v1/metrics "));
}

#[test]
fn roles_are_listed() {
    let body =
        r#"[{"name":"dev","state":"cold","recipe":"base → dev 1h","account":"123456789012"}]"#;
    let server = Server::start([Reply::Json(200, body.to_owned())]);
    let text = server.run(&["roles"]);
    assert_eq!(
        stdout(&text),
        "ROLE  ACCOUNT       RECIPE\ndev   123456789012  base → dev 1h\n"
    );
    let json = server.run(&["roles", "--json"]);
    assert!(stdout(&json).contains("\"recipe\": \"base → dev 1h\""));
}

#[test]
fn an_answer_of_another_version_is_named() {
    let server = Server::start([Reply::Json(200, "{}".to_owned())]);
    let output = server.run(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("hint: rolecalld is version 0.1.0, rolecall 0.1.0"));
}
