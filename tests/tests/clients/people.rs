//! The commands for people, against a daemon.

use rolecall_tests::fake_aws::Fault;
use rolecall_tests::harness::{Running, World, profiles};
use serde_json::Value;

use crate::ways::assumed;

fn serving() -> World {
    let mut world = World::new();
    world.start();
    world
}

#[track_caller]
fn assert_shows(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
}

#[test]
fn status_shows_roles_and_who_uses_them() {
    let world = serving();
    world.rolecall(&["process", "dev"]).ok();
    world
        .aws
        .fail(Fault::error(403, "AccessDenied").for_role("hub"));
    assert_eq!(world.rolecall(&["process", "hub"]).code(), Some(7));

    let shown = world.rolecall(&["status"]);
    let text = shown.ok();
    assert_shows(
        text,
        &[
            "rolecalld ",
            "dev",
            "123456789012",
            "ready",
            "58m",
            "hub",
            "failing",
            "AccessDenied",
            "DOORS",
        ],
    );
    assert!(
        !text.contains('\u{1b}'),
        "colour without a terminal: {text:?}"
    );

    let status: Value = world.rolecall(&["status", "--json"]).json();
    let role = |name: &str| {
        let roles = status["roles"].as_array().expect("roles");
        roles
            .iter()
            .find(|role| role["name"] == name)
            .expect("the role")
            .clone()
    };
    assert_eq!(role("dev")["state"], "ready");
    assert_eq!(role("dev")["role_arn"], profiles::DEV);
    assert_eq!(role("spoke")["state"], "cold");
    assert_eq!(role("hub")["failure"]["code"], "aws_denied");
    let remaining = role("dev")["session"]["remaining_seconds"].as_u64();
    // An hour without the minute that is held back (DESIGN rule 4).
    assert!(
        remaining.is_some_and(|it| (3_500..=3_540).contains(&it)),
        "{remaining:?}"
    );
}

#[test]
fn check_tells_scripts_how_things_are() {
    let mut world = World::new();
    let check = |world: &World| world.rolecall(&["status", "--check"]);
    assert_eq!(check(&world).code(), Some(6));
    world.start();
    let healthy = check(&world);
    assert_eq!(
        (healthy.code(), healthy.stdout.as_str()),
        (Some(0), ""),
        "{healthy:#?}"
    );
    world.aws.fail(Fault::error(403, "AccessDenied"));
    world.rolecall(&["process", "dev"]);
    let failing = check(&world);
    assert_eq!(failing.code(), Some(1), "{failing:#?}");
    assert_eq!(failing.stdout.lines().count(), 1, "{failing:#?}");
    assert_shows(&failing.stdout, &["dev", "AccessDenied"]);
}

#[test]
fn roles_show_their_recipes_on_one_line_each() {
    let world = serving();
    let shown = world.rolecall(&["roles"]);
    let leaf = shown.ok().lines().find(|line| line.starts_with("leaf"));
    assert_shows(
        leaf.unwrap_or_default(),
        &["base → hub", "→ spoke", "→ leaf", "999999999999"],
    );
    let roles: Vec<Value> = world.rolecall(&["roles", "--json"]).json();
    let names: Vec<_> = roles
        .iter()
        .filter_map(|role| role["name"].as_str())
        .collect();
    assert_eq!(names, ["dev", "hub", "leaf", "spoke"]);
    assert!(world.aws.calls().is_empty());
}

#[test]
fn whoami_is_aws_s_answer() {
    let world = serving();
    let identity: Value = world.rolecall(&["whoami", "dev", "--json"]).json();
    assert_eq!(identity["account"], "123456789012");
    assert!(
        identity["arn"]
            .as_str()
            .is_some_and(|arn| arn.starts_with(&assumed(profiles::DEV)))
    );
    assert_eq!(world.aws.count("GetCallerIdentity"), 1);
    let shown = world.rolecall(&["whoami", "dev"]);
    assert_shows(shown.ok(), &["123456789012", &assumed(profiles::DEV)]);
    assert_eq!(world.rolecall(&["whoami", "nobody"]).code(), Some(3));
}

#[test]
fn the_ledger_s_tail_shows_who_got_what() {
    let world = serving();
    let given: Value = world.rolecall(&["process", "dev"]).json();
    world.wait_for_record("a serve", |record| record["event"] == "serve");
    let shown = world.rolecall(&["ledger", "tail"]);
    let key = given["AccessKeyId"].as_str().expect("a key id");
    assert_shows(shown.ok(), &["issued", "serve", "dev", "socket", key]);
    let last = world.rolecall(&["ledger", "tail", "-n", "1", "--json"]);
    let record: Value = last.json();
    assert_eq!(Some(&record), world.ledger().last());
    assert_eq!(
        world
            .rolecall(&["ledger", "tail", "-n", "2"])
            .ok()
            .lines()
            .count(),
        2
    );
}

#[test]
fn the_ledger_s_tail_goes_on_with_what_comes() {
    let world = serving();
    let mut command = world.command("rolecall");
    let following =
        Running::start(command.args(["ledger", "tail", "--follow", "--json", "-n", "0"]));
    let issued = rolecall_tests::harness::eventually("a record of a session", || {
        // Until it listens, what happens is not news to it.
        world.rolecall(&["reload"]).ok();
        world.rolecall(&["process", "dev"]).ok();
        following
            .json_lines()
            .into_iter()
            .find(|record| record["event"] == "serve")
    });
    assert_eq!(issued["role"], "dev");
}

#[test]
fn metrics_are_prometheus_text() {
    let world = serving();
    world.rolecall(&["process", "dev"]).ok();
    let shown = world.rolecall(&["status", "--metrics"]);
    let mut lines = shown.ok().lines().peekable();
    let mut samples = 0;
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("# ") {
            let known = ["HELP ", "TYPE ", "UNIT "]
                .iter()
                .any(|word| comment.starts_with(word));
            assert!(
                known || (comment == "EOF" && lines.peek().is_none()),
                "{line}"
            );
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap_or_default();
        assert!(
            name.starts_with("rolecall_")
                && series.matches('{').count() == series.matches('}').count(),
            "{line}"
        );
        samples += 1;
    }
    assert!(samples > 5, "{shown:#?}");
    assert_shows(
        &shown.stdout,
        &[
            "rolecall_session_held{role=\"dev\"} 1\n",
            "rolecall_steps_total{role=\"dev\",event=\"issued\"} 1\n",
            "rolecall_answers_total{door=\"socket\",status=\"200\"}",
        ],
    );
}
