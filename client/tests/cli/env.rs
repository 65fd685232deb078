//! `rolecall env`.

use std::process::Command;

use crate::server::{Reply, Server, stderr, stdout};

const GRANT: &str = r#"{"id":"l1","role":"dev","set":[["AWS_CONTAINER_CREDENTIALS_FULL_URI","http://127.0.0.1:4100/role/dev"],["AWS_REGION","it's $(here)"]],"unset":["AWS_PROFILE","AWS_ACCESS_KEY_ID"]}"#;

fn granting() -> Server {
    Server::start([Reply::Json(201, GRANT.to_owned())])
}

#[test]
fn a_shell_evaluates_it() {
    let server = granting();
    let output = server.run(&["env", "dev"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let script = format!(
        "{}\nprintf '%s|%s|%s|%s' \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\" \"$AWS_REGION\" \"$AWS_PROFILE\" \"$NO_PROXY\"",
        stdout(&output)
    );
    let shell = Command::new("sh")
        .args(["-c", &script])
        .env("AWS_PROFILE", "shadow")
        .output()
        .unwrap();
    assert_eq!(
        stdout(&shell),
        "http://127.0.0.1:4100/role/dev|it's $(here)||127.0.0.1,localhost"
    );
}

#[test]
fn the_lease_is_the_shell_session_s() {
    let server = granting();
    let client = server.command(&["env", "dev", "--format", "fish"]);
    let mut session = Command::new("setsid");
    session
        .env_clear()
        .args(["--wait", "sh", "-c", "echo $$; \"$@\" >&2", "sh"])
        .arg(client.get_program())
        .args(client.get_args());
    for (name, value) in client.get_envs() {
        session.env(name, value.unwrap_or_default());
    }
    let output = session.output().unwrap();
    let leader = stdout(&output).trim().to_owned();
    let request = &server.requests()[0];
    let scope = format!(r#""scope":{{"kind":"session","leader":{leader}}}"#);
    assert!(request.contains(&scope), "{request}");
}

#[test]
fn keys_on_request() {
    let credentials = r#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s'cret","SessionToken":"tok","Expiration":"2099-01-01T00:00:00Z","AccountId":"1"}"#;
    let roles = r#"[{"name":"dev","state":"ready","recipe":"r","region":"eu-central-1"}]"#;
    let server = Server::start([
        Reply::Json(200, credentials.to_owned()),
        Reply::Json(200, roles.to_owned()),
    ]);
    let output = server.run(&["env", "dev", "--keys"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for line in [
        "export AWS_ACCESS_KEY_ID='ASIA1'",
        "export AWS_SECRET_ACCESS_KEY='s'\\''cret'",
        "export AWS_SESSION_TOKEN='tok'",
        "export AWS_CREDENTIAL_EXPIRATION='2099-01-01T00:00:00Z'",
        "export AWS_REGION='eu-central-1'",
        "export AWS_DEFAULT_REGION='eu-central-1'",
        "unset AWS_PROFILE",
        "unset AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ] {
        assert!(stdout(&output).lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn taking_it_back_needs_no_daemon() {
    let server = Server::absent();
    let output = server
        .command(&["env", "--unset"])
        .env("NO_PROXY", "corp,127.0.0.1,localhost")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("unset AWS_CONTAINER_AUTHORIZATION_TOKEN\n"));
    assert!(stdout(&output).contains("unset AWS_SECRET_ACCESS_KEY\n"));
    assert!(stdout(&output).contains("export NO_PROXY='corp'\n"));
}

#[test]
fn failures_print_nothing_that_a_shell_would_run() {
    let output = Server::absent().run(&["env", "dev"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(6), ""));
    assert_eq!(Server::absent().run(&["env"]).status.code(), Some(2));
    let evil = GRANT.replace("AWS_REGION", "A; touch /x; B");
    let output = Server::start([Reply::Json(201, evil)]).run(&["env", "dev"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
}
