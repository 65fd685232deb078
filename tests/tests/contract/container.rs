//! The container endpoint.

use rolecall_tests::harness::Answer;
use serde_json::Value;

use crate::rig::{Door, Doors, assert_has_credentials, assert_refused};

const DOOR: Door = Door::Container;

impl Doors {
    /// `GET path` with these lines instead of the token.
    #[track_caller]
    fn lease_get(&self, path: &str, lines: &str) -> Answer {
        let host = self.address(DOOR);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
        self.ask(DOOR, request.as_bytes())
    }
}

/// Both spellings, and exactly the content type that Go and Kotlin look for.
#[track_caller]
fn assert_error(answer: &Answer, status: u16) {
    assert_refused(DOOR, answer, &[status], "it");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body: Value = answer.json();
    assert_eq!(
        (&body["code"], &body["message"]),
        (&body["Code"], &body["Message"])
    );
    for name in ["code", "message"] {
        assert!(
            body[name].as_str().is_some_and(|it| !it.is_empty()),
            "{body}"
        );
    }
}

/// Client contract 73.
#[test]
fn the_token_opens_its_role() {
    let doors = Doors::open();
    let answer = doors.ask(
        DOOR,
        &doors.credentials(DOOR, "Accept: application/json\r\n"),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let length = answer
        .header("content-length")
        .and_then(|it| it.parse().ok());
    assert_eq!(length, Some(answer.body.len()));
    let body: Value = answer.json();
    for name in [
        "AccessKeyId",
        "SecretAccessKey",
        "Token",
        "Expiration",
        "AccountId",
    ] {
        assert!(
            body[name].as_str().is_some_and(|it| !it.is_empty()),
            "{name}"
        );
    }
}

/// Client contract 74, 75, 80.
#[test]
fn the_token_is_taken_to_the_byte() {
    let doors = Doors::open();
    let token = &doors.lease.token;
    let swapped: String = token
        .chars()
        .map(|it| {
            if it.is_ascii_lowercase() {
                it.to_ascii_uppercase()
            } else {
                it.to_ascii_lowercase()
            }
        })
        .collect();
    let mut changed = token.clone().into_bytes();
    *changed.last_mut().expect("a token") ^= 1;
    let changed = String::from_utf8(changed).expect("text");
    let shorter = &token[..token.len() - 1];
    for lines in [
        String::new(),
        "Authorization:\r\n".to_owned(),
        "Authorization: wrong\r\n".to_owned(),
        format!("Authorization: {swapped}\r\n"),
        format!("Authorization: {changed}\r\n"),
        format!("Authorization: {shorter}\r\n"),
        format!("Authorization: {}\r\n", &token[1..]),
        format!("Authorization: {token}x\r\n"),
        format!("Authorization: {token},{token}\r\n"),
        format!("Authorization: Bearer {token}\r\n"),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: \"{token}\"\r\n"),
        format!("Authorization: {token}\r\nAuthorization: {token}\r\n"),
        format!("Authorization: {token}\r\nauthorization: wrong\r\n"),
        format!("Authorization: wrong\r\nAuthorization: {token}\r\n"),
        format!("Authorization: {}\r\n", doors.imds.token),
        format!("Proxy-Authorization: {token}\r\n"),
        format!("X-aws-ec2-metadata-token: {token}\r\n"),
    ] {
        for path in ["/role/dev", "/role/hub", "/role/none", "/role/", "/"] {
            assert_error(&doors.lease_get(path, &lines), 401);
        }
    }
    // White space around a value is none of it (RFC 9110), and the name has no case.
    for line in [
        format!("authorization:{token}\r\n"),
        format!("AUTHORIZATION:   {token} \t\r\n"),
    ] {
        assert_has_credentials(&doors.lease_get("/role/dev", &line));
    }
}

/// Client contract 80, 81.
#[test]
fn a_good_token_opens_no_other_role_and_no_other_path() {
    let doors = Doors::open();
    let key = doors.key(DOOR);
    for (path, status) in [
        ("/role/hub", 403),
        ("/role/leaf", 403),
        ("/role/none", 404),
        ("/role/", 404),
        ("/role", 404),
        ("/", 404),
        ("/v1/credentials/dev", 404),
        ("/latest/meta-data/iam/security-credentials/dev", 404),
    ] {
        assert_error(&doors.lease_get(path, &key), status);
    }
}

/// Client contract 86.
#[test]
fn only_get_is_answered() {
    let doors = Doors::open();
    for method in ["POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "get"] {
        let answer = doors.ask(DOOR, &doors.request(DOOR, method, "/role/dev", ""));
        assert_refused(DOOR, &answer, &[405], method);
    }
    let body = doors.request(DOOR, "POST", "/role/dev", "Content-Length: 3\r\n");
    let answer = doors.ask(DOOR, &[body, b"a=b".to_vec()].concat());
    assert_error(&answer, 405);
}
