//! `rolecall process` (client contract 88–100).

use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Duration;

use crate::server::{Reply, Server, json, stderr, stdout};

const BODY: &str = r#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z","AccountId":"123456789012"}"#;

fn good() -> Reply {
    Reply::Json(200, BODY.to_owned())
}

/// Exit code, one line on stderr, nothing on stdout.
#[track_caller]
fn assert_fails(server: &Server, exit: i32, line: &str) {
    let output = server.run(&["process", "dev", "--wait", "0"]);
    assert_eq!(output.status.code(), Some(exit), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let text = stderr(&output);
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(
        text.starts_with("rolecall: ") && text.ends_with(")\n") && text.contains(" (hint: "),
        "{text}"
    );
    assert!(text.contains(line), "{text}");
}

/// Client contract 88, 89, 100.
#[test]
fn prints_the_object_and_nothing_else() {
    let server = Server::start([good()]);
    let output = server
        .command(&["process", "team/dev"])
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .env("AWS_PROFILE", "other")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), format!("{BODY}\n"));
    assert_eq!(stderr(&output), "");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with(
        "GET /v1/credentials/team%2Fdev?wait=20&can_prompt=true HTTP/1.1\r\nHost: localhost\r\n"
    ));
}

/// Client contract 91.
#[test]
fn chunked_answers_and_big_tokens_are_read() {
    let token = "x".repeat(4096);
    let body = BODY.replace("\"t\"", &format!("\"{token}\""));
    let (one, two) = body.split_at(1000);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len()
    );
    let server = Server::start([Reply::Raw(chunked.into_bytes())]);
    let output = server.run(&["process", "dev"]);
    assert_eq!(stdout(&output), format!("{body}\n"));
    assert!(output.stdout.len() <= 8192);
}

/// Client contract 90.
#[test]
fn every_problem_has_its_exit_code() {
    for (status, code, exit) in [
        (503, "not_ready", 7),
        (503, "person_needed", 4),
        (403, "locked", 5),
        (403, "refused", 5),
        (404, "unknown_role", 3),
        (409, "unusable", 1),
        (503, "aws_unavailable", 7),
        (502, "aws_denied", 7),
        (400, "bad_request", 1),
        (404, "not_found", 3),
        (405, "method_not_allowed", 1),
        (503, "ledger_unavailable", 1),
        (500, "internal", 1),
        (500, "from_the_future", 1),
    ] {
        let server = Server::start([Reply::problem(status, code)]);
        assert_fails(
            &server,
            exit,
            &format!("the message of {code} (hint: the hint of {code})"),
        );
    }
}

#[test]
fn a_challenge_is_for_a_person() {
    let challenge = r#"{"id":"c1","message":"the MFA code of alice is needed"}"#;
    let server = Server::start([Reply::Json(202, challenge.to_owned())]);
    assert_fails(&server, 4, "the MFA code of alice is needed");
    let server = Server::start([Reply::Json(202, "{}".to_owned())]);
    assert_fails(&server, 4, "a person must answer");
}

#[test]
fn a_message_cannot_fake_lines_or_colours() {
    let body = r#"{"code":"aws_denied","message":"no\nrolecall: \u001b[31mred"}"#;
    let server = Server::start([Reply::Json(502, body.to_owned())]);
    let output = server.run(&["process", "dev"]);
    assert_eq!(stderr(&output), "rolecall: no\\nrolecall: \\u{1b}[31mred\n");
}

/// Client contract 90, 91.
#[test]
fn answers_that_are_none() {
    let raw = |text: &str| Server::start([Reply::Raw(text.as_bytes().to_vec())]);
    assert_fails(
        &raw("HTTP/1.1 200 OK\r\n\r\n{}"),
        1,
        "does not state its length",
    );
    assert_fails(&raw("hello\r\n\r\n"), 1, "it is not HTTP");
    assert_fails(&raw(&json(200, "[]")), 1, "not a JSON object");
    assert_fails(&raw(&json(200, "{} {}")), 1, "not a JSON object");
    assert_fails(&raw(&json(500, "<html>")), 1, "status 500");
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n";
    assert_fails(&raw(huge), 1, "longer than 16 MiB");
    let wide = BODY.replace("\"t\"", &format!("\"{}\"", "x".repeat(70_000)));
    assert_fails(&raw(&json(200, &wide)), 1, "more than AWS SDKs read");
}

/// Client contract 99.
#[test]
fn a_cut_off_answer_is_not_printed() {
    let whole = json(200, BODY);
    for cut in [10, whole.len() - BODY.len(), whole.len() - 1] {
        let server = Server::start([Reply::Raw(whole.as_bytes()[..cut].to_vec())]);
        assert_fails(&server, 1, "cut off");
        assert_eq!(
            server.requests().len(),
            1,
            "an answer that began is not asked for again"
        );
    }
}

/// Client contract 96.
#[test]
fn nobody_there() {
    let server = Server::absent();
    assert_fails(&server, 6, "cannot reach rolecalld at ");
    assert_fails(&server, 6, "rolecalld --socket");
    drop(UnixListener::bind(server.socket()).unwrap());
    assert_fails(&server, 6, "refused");
    let long = format!("/{}/s", "x".repeat(200));
    let output = server.run(&["process", "dev", "--socket", &long]);
    assert_eq!(output.status.code(), Some(6));
}

/// Client contract 96.
#[test]
fn a_silent_daemon_is_given_up() {
    for reply in [
        Reply::Hang(vec![]),
        Reply::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()),
    ] {
        let server = Server::start([reply]);
        assert_fails(&server, 6, "did not answer within 2 s");
    }
}

#[test]
fn waits_as_long_as_asked() {
    let server = Server::start([Reply::Late(Duration::from_millis(2500), Box::new(good()))]);
    let output = server.run(&["process", "dev", "--wait=1"]);
    assert_eq!(stdout(&output), format!("{BODY}\n"), "{}", stderr(&output));
}

#[test]
fn a_restart_is_ridden_through() {
    let server = Server::start([Reply::Close, Reply::Close, good()]);
    let output = server.run(&["process", "dev"]);
    assert_eq!(stdout(&output), format!("{BODY}\n"), "{}", stderr(&output));
    assert_eq!(server.requests().len(), 3);

    let server = Server::start([Reply::Close]);
    assert_fails(&server, 6, "closed the connection without an answer");
}

#[test]
fn a_socket_that_is_just_being_opened_is_found() {
    let server = Server::absent();
    let child = server
        .command(&["process", "dev"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(40));
    server.serve(UnixListener::bind(server.socket()).unwrap(), [good()]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output), format!("{BODY}\n"));
}

/// Client contract 94.
#[test]
fn stdin_may_be_closed() {
    let server = Server::start([good()]);
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "exec \"$0\" process dev <&-",
            env!("CARGO_BIN_EXE_rolecall"),
        ])
        .env("ROLECALL_SOCKET", server.socket())
        .output()
        .unwrap();
    assert_eq!(stdout(&output), format!("{BODY}\n"));
}

/// Client contract 99.
#[test]
fn a_reader_that_has_gone_is_no_news() {
    let server = Server::start([good()]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = server
        .command(&["process", "dev"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_squatter_gets_no_request() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Root listens, somebody else asks: the same as the other way round, and needs no second server.
    let server = Server::start([good()]);
    std::process::Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(server.directory())
        .status()
        .unwrap();
    // The binary's own directory may be closed to others.
    let copy = server.directory().join("rolecall");
    std::fs::copy(env!("CARGO_BIN_EXE_rolecall"), &copy).unwrap();
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(copy)
        .args(["process", "dev"])
        .env("ROLECALL_SOCKET", server.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("is held by uid 0, not by you (uid 65534)"));
    assert_eq!(stdout(&output), "");
    assert_eq!(server.requests().concat(), "");
}

#[test]
fn wrong_use_is_named() {
    let server = Server::absent();
    for arguments in [
        &["process"][..],
        &["process", "a", "b"],
        &["process", "a", "--wait=56"],
    ] {
        let output = server.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "");
    }
    let help = server.run(&["process", "--help"]);
    assert!(stdout(&help).contains("--wait <SECONDS>"));
    assert!(stdout(&help).contains("--socket <PATH>"));
}
