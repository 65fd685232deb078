//! `rolecall exec`.

use std::os::unix::process::ExitStatusExt;

use crate::server::{Reply, Server, stderr, stdout};

const GRANT: &str = r#"{"id":"l1","role":"dev","set":[["AWS_CONTAINER_CREDENTIALS_FULL_URI","http://127.0.0.1:4100/role/dev"],["AWS_CONTAINER_AUTHORIZATION_TOKEN","tok"],["AWS_REGION","eu-central-1"]],"unset":["AWS_PROFILE","AWS_ACCESS_KEY_ID"]}"#;

fn granting() -> Server {
    Server::start([Reply::Json(201, GRANT.to_owned())])
}

/// Client contract 101.
#[test]
fn the_command_gets_the_lease_s_environment() {
    let server = granting();
    let output = server
        .command(&["exec", "dev", "--", "env"])
        .env("AWS_PROFILE", "shadow")
        .env("AWS_ACCESS_KEY_ID", "AKIASHADOW")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("NO_PROXY", "corp.example")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let lines: Vec<_> = stdout(&output).lines().collect();
    for line in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:4100/role/dev",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN=tok",
        "AWS_REGION=eu-central-1",
        "NO_PROXY=corp.example,127.0.0.1,localhost",
        "no_proxy=corp.example,127.0.0.1,localhost",
    ] {
        assert!(lines.contains(&line), "{line} not in {lines:?}");
    }
    assert!(!stdout(&output).contains("shadow") && !stdout(&output).contains("AKIASHADOW"));
    let request = &server.requests()[0];
    assert!(request.starts_with("POST /v1/leases HTTP/1.1\r\n"));
    // For its own control group where it could make one: root can nearly everywhere.
    let kinds = [r#""kind":"process""#, r#""kind":"cgroup""#];
    assert!(kinds.iter().any(|kind| request.contains(kind)));
    assert!(request.contains(r#""region":"us-east-1""#));
}

#[test]
fn the_command_takes_the_process_over() {
    let server = granting();
    let child = server
        .command(&["exec", "dev", "--", "sh", "-c", "echo $$; exit 42"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(stdout(&output), format!("{pid}\n"));
    assert!(server.requests()[0].contains(&format!(r#""pid":{pid}"#)));
    let killed = server.run(&["exec", "dev", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(killed.status.signal(), Some(15));
}

#[test]
#[cfg(target_os = "linux")]
fn the_command_has_sigpipe_as_usual() {
    let output = granting().run(&["exec", "dev", "--", "grep", "SigIgn", "/proc/self/status"]);
    let mask = stdout(&output).trim_start_matches("SigIgn:").trim();
    let ignored = u64::from_str_radix(mask, 16).unwrap();
    assert_eq!(ignored & (1 << (13 - 1)), 0, "{mask}");
}

#[test]
fn our_own_failures() {
    let missing = granting().run(&["exec", "dev", "--", "no-such-command-here"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(stderr(&missing).starts_with("rolecall: cannot run no-such-command-here: "));
    let closed = granting().run(&["exec", "dev", "--", "/etc/passwd"]);
    assert_eq!(closed.status.code(), Some(126));
    let refused = Server::start([Reply::problem(404, "unknown_role")]);
    let output = refused.run(&["exec", "dev", "--", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(
        stderr(&output),
        "rolecall: the message of unknown_role\nhint: the hint of unknown_role\n"
    );
    let absent = Server::absent().run(&["exec", "dev", "--", "true"]);
    assert_eq!(absent.status.code(), Some(125));
    let misused = Server::absent().run(&["exec", "dev", "true"]);
    assert_eq!(misused.status.code(), Some(2));
}

#[test]
fn what_narrows_is_asked_for_and_the_policy_s_file_is_read_here() {
    let server = granting();
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut policy.as_file(), b"{\"Statement\": []}").unwrap();
    let file = policy.path().to_str().unwrap();
    let words = [
        "exec",
        "dev",
        "--policy",
        file,
        "--only",
        "--duration",
        "20m",
        "--ttl",
        "8h",
    ];
    let more = ["--tag", "a=b=c", "--reason", "why", "--", "true"];
    let output = server.run(&[&words[..], &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let request = &server.requests()[0];
    for part in [
        r#""policy":"{\"Statement\": []}""#,
        r#""only":true"#,
        r#""duration_seconds":1200"#,
        r#""ttl":28800"#,
        r#""tags":[["a","b=c"]]"#,
        r#""reason":"why""#,
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
    for wrong in [
        &["--read-only", "--policy", file][..],
        &["--tag", "a"],
        &["--ttl", "8"],
        &["--duration", "1h2h"],
    ] {
        let output = server.run(&[&["exec", "dev"], wrong, &["--", "true"]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_lease_is_not_asked_for_twice() {
    let server = Server::start([Reply::Close]);
    let output = server.run(&["exec", "dev", "--", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(server.requests().len(), 1);
}
