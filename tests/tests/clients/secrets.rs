//! No secret is anywhere but in the hands of who asked: not in the ledger, the most talkative log,
//! the state directory, or a process list.

use std::fs;
use std::path::{Path, PathBuf};

use rolecall_tests::harness::{Request, Running, World, free_port, profiles, run};
use serde_json::Value;

use crate::ways::{Client, Way, assert_all_are, exec, loopback, set_up};

/// The longest run of letters and digits in a secret: found however the rest is escaped.
fn mark(secret: &str) -> String {
    let runs = secret.split(|it: char| !it.is_ascii_alphanumeric());
    let mark = runs.max_by_key(|run| run.len()).unwrap_or_default();
    assert!(mark.len() >= 8, "too short to be looked for");
    mark.into()
}

fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"))
        .into()
}

/// Every file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => files(&path),
                Ok(kind) if kind.is_file() => vec![path],
                _ => Vec::new(),
            }
        })
        .collect()
}

/// The command lines of everything that runs.
fn process_list() -> String {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned() + "\n")
        .collect()
}

#[test]
fn none_is_where_it_should_not_be() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "log = \"trace\"\n[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"leaf\"\n"
    ));
    world.start();
    set_up(&world);
    assert_all_are(
        &world,
        &[Way::Process, Way::Imds(port), Way::Exec],
        "leaf",
        profiles::LEAF,
    );
    let shell = "echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; exec cat";
    let running = Running::start(&mut exec(
        &world,
        "dev",
        world.command("sh").args(["-c", shell]),
    ));
    running.wait_for_more(1);
    world.rolecall(&["whoami", "dev"]).ok();
    world.rolecall(&["reload"]).ok();
    run(&mut Way::Exec.command(&world, Client::Boto3, "dev")).ok();
    let token = Request::new("PUT", "/latest/api/token");
    let token = token.header("x-aws-ec2-metadata-token-ttl-seconds", "60");
    let token = world
        .user()
        .act(|| loopback(port).send(&token))
        .expect("a token")
        .text();

    let mut secrets = vec![
        ("long-term secret", profiles::ALICE_SECRET.to_owned()),
        ("lease token", running.lines()[0].clone()),
        ("IMDS token", token),
    ];
    for role in ["hub", "spoke", "leaf", "dev"] {
        let session: Value = world.rolecall(&["process", role]).json();
        secrets.push(("session's secret", text(&session, "SecretAccessKey")));
        secrets.push(("session token", text(&session, "SessionToken")));
    }
    let processes = process_list();
    assert!(processes.contains("rolecalld"));
    let shown = [
        world.rolecall(&["status", "--json"]).ok().to_owned(),
        world
            .rolecall(&["ledger", "tail", "--json", "-n", "1000"])
            .ok()
            .to_owned(),
        world.rolecall(&["status", "--metrics"]).ok().to_owned(),
        world.rolecall(&["config", "check", "--json"]).stdout,
    ];
    world.stop();

    let log = world.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    let state = files(&world.state_directory());
    assert!(
        state.iter().any(|path| path.ends_with("ledger.jsonl")),
        "{state:?}"
    );
    for (what, secret) in &secrets {
        let mark = mark(secret);
        let check = |place: &str, text: &str| {
            let at = text.find(&mark).map(|at| &text[at.saturating_sub(300)..at]);
            assert_eq!(at, None, "{what} in {place}");
        };
        check("the log", &log);
        check("the process list", &processes);
        for answer in &shown {
            check("an answer", answer);
        }
        for path in &state {
            check(
                &path.display().to_string(),
                &String::from_utf8_lossy(&fs::read(path).expect("a file")),
            );
        }
    }
}

#[test]
fn a_lease_s_files_hold_no_session() {
    let mut world = World::new();
    world.start();
    let session: Value = world.rolecall(&["process", "dev"]).json();
    let running = Running::start(&mut exec(
        &world,
        "dev",
        world.command("sh").args(["-c", "echo; exec cat"]),
    ));
    running.wait_for_more(1);
    let found = files(&world.path("run"));
    assert!(
        found.iter().any(|path| path.ends_with("token")),
        "{found:?}"
    );
    for path in found {
        let contents = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        for field in ["SecretAccessKey", "SessionToken"] {
            assert!(
                !contents.contains(&mark(&text(&session, field))),
                "{field} in {path:?}"
            );
        }
    }
}
