//! Commands that start a daemon for one question where none runs.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::server::{Reply, Server, stderr, stdout, write};

const REPORT: &str = r#"{"files":["/c"],"roles":["dev"],"problems":[]}"#;

/// Names the file that a pretended `rolecalld` writes its arguments to.
const ARGUMENTS: &str = "ROLECALL_TEST_ARGUMENTS";

/// Not a test by itself: what the pretended `rolecalld` of the other tests runs.
#[test]
fn pretends_to_be_the_daemon() {
    let Some(arguments) = std::env::var_os(ARGUMENTS).map(PathBuf::from) else {
        return;
    };
    let text = std::fs::read_to_string(&arguments).unwrap();
    let words: Vec<_> = text.lines().collect();
    let socket = words.iter().position(|word| *word == "--socket").unwrap() + 1;
    let server = Server::absent();
    server.serve(
        UnixListener::bind(words[socket]).unwrap(),
        [Reply::Json(200, REPORT.to_owned())],
    );
    std::thread::sleep(std::time::Duration::from_mins(1));
}

/// A server with nobody there, and `rolecall` with this `rolecalld` beside it.
fn with_daemon(script: &str) -> (Server, PathBuf) {
    let server = Server::absent();
    let client = server.directory().join("rolecall");
    std::fs::copy(env!("CARGO_BIN_EXE_rolecall"), &client).unwrap();
    let daemon = server.directory().join("rolecalld");
    write(&daemon, script);
    std::fs::set_permissions(&daemon, PermissionsExt::from_mode(0o755)).unwrap();
    // Whatever another test forked while the copy was being written holds it open until its own exec.
    while let Err(error) = std::process::Command::new(&client)
        .arg("--version")
        .output()
    {
        assert_eq!(error.kind(), std::io::ErrorKind::ExecutableFileBusy);
        std::thread::yield_now();
    }
    (server, client)
}

#[test]
fn a_private_daemon_answers_and_goes() {
    let own = std::env::current_exe().unwrap();
    let (server, client) = with_daemon(&format!(
        "#!/bin/sh\necho $$ > \"$0.pid\"\nfor word; do echo \"$word\"; done > \"$0.arguments\"\n{ARGUMENTS}=\"$0.arguments\" exec {} --exact once::pretends_to_be_the_daemon\n",
        own.display()
    ));
    let output = std::process::Command::new(client)
        .args(["config", "check", "--config", "/my/config.toml"])
        .env("ROLECALL_SOCKET", server.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "read /c\n1 role: dev\n");

    let arguments =
        std::fs::read_to_string(server.directory().join("rolecalld.arguments")).unwrap();
    let words: Vec<_> = arguments.lines().collect();
    assert_eq!(words[..2], ["--once", "--socket"]);
    assert_eq!(words[5..], ["--config", "/my/config.toml"]);
    let directory = std::path::Path::new(words[2]).parent().unwrap();
    assert!(!directory.exists(), "its directory is gone");
    let pid = std::fs::read_to_string(server.directory().join("rolecalld.pid")).unwrap();
    assert!(
        !std::path::Path::new("/proc").join(pid.trim()).exists(),
        "and so is it"
    );
}

#[test]
fn its_directory_is_private_whatever_the_umask() {
    let (server, client) = with_daemon("#!/bin/sh\nls -ld \"${3%/*}\" >&2\nexit 1\n");
    let output = std::process::Command::new("sh")
        .args(["-c", "umask 022; exec \"$0\" config check"])
        .arg(client)
        .env("ROLECALL_SOCKET", server.socket())
        .output()
        .unwrap();
    let said = stderr(&output);
    assert!(said.contains(": drwx------ "), "{said}");
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let (server, client) =
        with_daemon("#!/bin/sh\necho 'first' >&2\necho 'no such file' >&2\nexit 1\n");
    let output = std::process::Command::new(client)
        .args(["config", "check"])
        .env("ROLECALL_SOCKET", server.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("ended at once") && stderr(&output).contains(": no such file\n")
    );
}

#[test]
fn no_daemon_anywhere() {
    let (server, client) = with_daemon("");
    std::fs::remove_file(server.directory().join("rolecalld")).unwrap();
    let output = std::process::Command::new(client)
        .args(["setup", "--dry-run"])
        .env("ROLECALL_SOCKET", server.socket())
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(stderr(&output).contains("neither beside rolecall nor in PATH"));
}

#[test]
fn a_running_daemon_is_asked() {
    let problem = r#"{"severity":"error","file":"/c","line":2,"key":"k","message":"no"}"#;
    let report = REPORT.replace("\"problems\":[]", &format!("\"problems\":[{problem}]"));
    let server = Server::start([Reply::Json(200, report)]);
    let output = server.run(&["config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "/c:2: k: no  (error)\nread /c\n1 role: dev\n"
    );
    let json = server.run(&["config", "check", "--json"]);
    assert!(stdout(&json).contains("\"line\": 2"));
}
