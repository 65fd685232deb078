//! Configurations that take the place of others, and those that do not (DESIGN rule 12).

use rolecall_tests::harness::{Signal, World, eventually, profiles};
use serde_json::Value;

use super::key;

/// A mistake on the second line.
const BROKEN: &str = "idle_after = \"8h\"\nidel_after = \"9h\"\n[roles.dev]\nkeep_fresh = false\n";

/// Whether `text` says where the mistake is: file, line and key.
fn names_the_place(text: &str) -> bool {
    text.contains("rolecall/config.toml:2: ") && text.contains("idel_after")
}

fn config_status(world: &World) -> Value {
    let status: Value = world.get("/v1/status").json();
    status["config"].clone()
}

#[test]
fn a_broken_file_changes_nothing_and_is_named_everywhere() {
    let mut world = World::new();
    world.start();
    let held = key(&world.get("/v1/credentials/dev?wait=20"));
    world.configure(BROKEN);
    world.signal(Signal::HUP);
    eventually("the mistake in status", || {
        (config_status(&world)["current"] == false).then_some(())
    });
    let problem = &config_status(&world)["problems"][0];
    let file = problem["file"].as_str().expect("a file");
    assert!(
        file.ends_with("home/.config/rolecall/config.toml"),
        "{problem}"
    );
    assert_eq!(
        (&problem["line"], &problem["key"]),
        (&2.into(), &"idel_after".into())
    );
    assert!(names_the_place(&world.log()), "{}", world.log());

    // What was in force still is: known roles with their sessions, and those not read yet.
    assert_eq!(key(&world.get("/v1/credentials/dev")), held);
    key(&world.get("/v1/credentials/hub?wait=20"));

    let reload = world.rolecall(&["reload"]);
    assert_eq!(reload.code(), Some(1), "{reload:?}");
    assert!(names_the_place(&(reload.stdout + &reload.stderr)));
    let status = world.rolecall(&["status"]);
    assert!(names_the_place(status.ok()), "{status:?}");
    assert_ne!(world.rolecall(&["status", "--check"]).code(), Some(0));
    let check = world.rolecall(&["config", "check"]);
    assert_eq!(check.code(), Some(1), "{check:?}");
    world.wait_for_record("the refused configuration", |record| {
        record["event"] == "reload" && record["code"] == "kept_old"
    });

    world.configure("");
    world.rolecall(&["reload"]).ok();
    assert_eq!(config_status(&world)["current"], true);
    assert_eq!(key(&world.get("/v1/credentials/dev")), held);
}

#[test]
fn roles_come_go_and_change_and_the_others_keep_their_sessions() {
    let mut world = World::new();
    world.start();
    let read = |role: &str| key(&world.get(&format!("/v1/credentials/{role}?wait=20")));
    let [dev, hub, leaf] = ["dev", "hub", "leaf"].map(read);

    let profiles = profiles::config();
    let (others, _leaf) = profiles
        .split_once("[profile leaf]")
        .expect("it is the last");
    let extra = format!(
        "[profile extra]\nsource_profile = base\nrole_arn = {}\n",
        profiles::DEV
    );
    world.write("home/.aws/config", &format!("{others}{extra}"));
    world.configure("[roles.hub]\nduration_seconds = 1800\n");
    world.signal(Signal::HUP);
    // The first configuration is a change too, and the first record of the kind.
    let what = |record: &Value| record["message"].as_str().unwrap_or_default().to_owned();
    let record = world.wait_for_record("the change", |record| {
        record["event"] == "config" && what(record).contains("extra")
    });
    let message = what(&record);
    for change in [
        "extra: added",
        "leaf: removed",
        "hub: changed (duration_seconds",
    ] {
        assert!(message.contains(change), "{message}");
    }

    // The same step, so the same session: for a role of another name, too.
    assert_eq!(read("dev"), dev);
    assert_eq!(read("extra"), dev);
    assert_ne!(read("hub"), hub);
    let calls = world.aws.calls();
    assert_eq!(
        calls.last().and_then(|call| call.duration_seconds),
        Some(1800)
    );
    assert_eq!(world.get("/v1/credentials/leaf").status, 404);
    assert!(!leaf.is_empty());
}

#[test]
fn a_changed_file_is_noticed_without_a_signal() {
    let mut world = World::new();
    world.start();
    // Before an issue.
    world.configure("[roles.dev]\nsession_name = \"changed\"\n");
    key(&world.get("/v1/credentials/dev?wait=20"));
    let calls = world.aws.calls();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0].session_name.as_deref(), Some("changed"));
    // When a name is not known.
    let role = format!(
        "[roles.extra]\nsource_profile = \"base\"\nrole_arn = \"{}\"\n",
        profiles::HUB
    );
    world.configure(&role);
    key(&world.get("/v1/credentials/extra?wait=20"));
}

#[test]
fn a_daemon_that_starts_with_a_broken_file_runs_and_says_so() {
    let mut world = World::new();
    world.configure(BROKEN);
    world.start();
    assert!(names_the_place(&world.log()), "{}", world.log());
    let answer = world.get("/v1/credentials/dev");
    let body: Value = answer.json();
    assert_eq!(
        (answer.status, &body["code"]),
        (409, &Value::from("unusable"))
    );
    assert!(
        names_the_place(body["message"].as_str().expect("a message")),
        "{body}"
    );
    let process = world.rolecall(&["process", "dev"]);
    assert_eq!(process.code(), Some(1), "{process:?}");
    assert!(names_the_place(&process.stderr), "{process:?}");
    assert!(names_the_place(world.rolecall(&["status"]).ok()));
    assert!(world.aws.calls().is_empty());

    world.configure("");
    key(&world.get("/v1/credentials/dev?wait=20"));
}

#[test]
fn one_bad_role_does_not_take_the_others_down() {
    let mut world = World::new();
    world.configure("[roles.dev]\nduration_seconds = \"long\"\n[roles.hub]\nkeep_fresh = true\n");
    world.start();
    let answer = world.get("/v1/credentials/dev?wait=20");
    let body: Value = answer.json();
    assert_eq!(
        (answer.status, &body["code"]),
        (409, &Value::from("unusable"))
    );
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| text.contains("duration_seconds")),
        "{body}"
    );
    key(&world.get("/v1/credentials/hub?wait=20"));
    let problem = &config_status(&world)["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["role"]),
        (&2.into(), &"dev".into()),
        "{problem}"
    );
}
