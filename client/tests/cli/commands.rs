//! `whoami`, `reload`, `ledger tail`, and what all commands share.

use crate::server::{Reply, Server, stderr, stdout};

#[test]
fn whoami() {
    let body = r#"{"role":"dev","account":"123456789012","arn":"arn:aws:sts::1:assumed-role/dev/x","user_id":"AROA:x"}"#;
    let server = Server::start([Reply::Json(200, body.to_owned())]);
    let output = server.run(&["whoami", "dev"]);
    assert_eq!(
        stdout(&output),
        "account  123456789012\narn      arn:aws:sts::1:assumed-role/dev/x\nuser id  AROA:x\n"
    );
    assert!(server.requests()[0].starts_with("GET /v1/whoami/dev?wait=55 "));
    let json = server.run(&["whoami", "dev", "--json"]);
    assert!(stdout(&json).contains("\"user_id\": \"AROA:x\""));
}

#[test]
fn reload() {
    let applied = r#"{"applied":true,"problems":[],"changes":["dev changed"]}"#;
    let output = Server::start([Reply::Json(200, applied.to_owned())]).run(&["reload"]);
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), "dev changed\n")
    );
    let kept = r#"{"applied":false,"problems":[{"severity":"error","file":"/c.toml","line":3,"key":"roles.dev","message":"is no table","hint":"write [roles.dev]"}],"changes":[]}"#;
    let output = Server::start([Reply::Json(409, kept.to_owned())]).run(&["reload"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "/c.toml:3: roles.dev: is no table  (error)\n  hint: write [roles.dev]\nnot reloaded: the old configuration stays in force\n"
    );
    let other = Server::start([Reply::problem(409, "unusable")]).run(&["reload"]);
    assert!(stderr(&other).contains("the message of unusable"));
}

const RECORD: &str =
    r#"{"seq":SEQ,"ts_wall":"2026-01-01T00:00:00Z","event":"issued","role":"dev"}"#;

fn page(sequences: &[u64]) -> Reply {
    let records: Vec<_> = sequences
        .iter()
        .map(|sequence| RECORD.replace("SEQ", &sequence.to_string()))
        .collect();
    Reply::Json(200, format!("{{\"records\":[{}]}}", records.join(",")))
}

#[test]
fn ledger_tail() {
    let server = Server::start([page(&[1, 2])]);
    let output = server.run(&["ledger", "tail", "-n", "2"]);
    assert_eq!(
        stdout(&output),
        "2026-01-01T00:00:00Z  issued     dev\n".repeat(2)
    );
    assert!(server.requests()[0].starts_with("GET /v1/ledger?count=2 "));
    let json = server.run(&["ledger", "tail", "--json"]);
    assert_eq!(stdout(&json).lines().count(), 2);
}

#[test]
fn following_goes_on_where_it_was() {
    let refused = Reply::problem(500, "internal");
    let server = Server::start([page(&[1, 2]), page(&[]), page(&[3]), refused]);
    let output = server.run(&["ledger", "tail", "--follow"]);
    assert_eq!(stdout(&output).lines().count(), 3);
    assert_eq!(output.status.code(), Some(1));
    let requests = server.requests();
    assert!(requests[1].starts_with("GET /v1/ledger?count=1000&after=2&wait=55 "));
    assert!(requests[2].starts_with("GET /v1/ledger?count=1000&after=2&wait=55 "));
    assert!(requests[3].starts_with("GET /v1/ledger?count=1000&after=3&wait=55 "));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let server = Server::start([page(&[1])]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = server
        .command(&["ledger", "tail", "--follow"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn leases_are_revoked_by_id_or_all() {
    let gone = || Reply::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    let server = Server::start([gone(), Reply::problem(404, "not_found")]);
    let output = server.run(&["lease", "revoke", "a", "b", "c"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        stderr(&output),
        "rolecall: lease b: the message of not_found\nhint: the hint of not_found\n"
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].starts_with("DELETE /v1/leases/a HTTP/1.1\r\n"));

    let lease = |id: &str, ended: bool| {
        format!(
            r#"{{"id":"{id}","role":"dev","scope":"s","created":"2026-01-01T00:00:00Z","ended":{ended}}}"#
        )
    };
    let list = format!("[{},{}]", lease("a", false), lease("b", true));
    let server = Server::start([Reply::Json(200, list), gone()]);
    let output = server.run(&["lease", "revoke", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "what has ended is not ended again");
    assert!(requests[1].starts_with("DELETE /v1/leases/a "));
    assert_eq!(
        Server::absent().run(&["lease", "revoke"]).status.code(),
        Some(2)
    );
}

#[test]
fn help_names_what_there_is() {
    let output = Server::absent().run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for command in [
        "setup", "process", "exec", "env", "lease", "status", "roles", "whoami", "reload",
        "ledger", "config",
    ] {
        assert!(
            stdout(&output).contains(&format!("\n  {command} ")),
            "{command}"
        );
    }
    let none = Server::absent().run(&[]);
    assert_eq!(none.status.code(), Some(2));
}
