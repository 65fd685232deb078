//! What the ledger says of a session, from the attempt to the last consumer.

use rolecall_tests::fake_aws::Fault;
use rolecall_tests::harness::{Request, World, profiles};
use serde_json::Value;

use crate::ways::assumed;

fn events(world: &World) -> Vec<String> {
    let records = world.ledger();
    records
        .iter()
        .filter_map(|it| it["event"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_session_is_traced_from_attempt_to_serve() {
    let mut world = World::new();
    world.start();
    let given: Value = world.rolecall(&["process", "dev"]).json();
    world.wait_for_record("a serve", |record| record["event"] == "serve");
    let records = world.ledger();
    let call = world
        .aws
        .calls()
        .into_iter()
        .find(|it| it.action == "AssumeRole")
        .expect("a call");

    let order: Vec<_> = ["start", "attempt", "issued", "serve"]
        .map(|event| records.iter().position(|it| it["event"] == event))
        .into_iter()
        .collect::<Option<_>>()
        .unwrap_or_else(|| panic!("one is missing: {records:#?}"));
    assert!(order.is_sorted(), "{records:#?}");

    let issued = &records[order[2]];
    let session = &issued["session"];
    assert_eq!(session["akid"], given["AccessKeyId"]);
    assert_eq!(session["akid"].as_str(), call.issued.as_deref());
    assert_eq!(session["sts_request_id"], call.request_id.as_str());
    assert_eq!(
        session["session_name"].as_str(),
        call.session_name.as_deref()
    );
    assert_eq!(session["parent_akid"], profiles::ALICE_KEY);
    assert_eq!(issued["role"], "dev");
    assert_eq!(issued["role_arn"], profiles::DEV);
    let arn = format!(
        "{}{}",
        assumed(profiles::DEV),
        call.session_name.expect("a name")
    );
    assert_eq!(session["arn"], arn.as_str());
    for field in ["not_before", "expiration", "assumed_role_id", "sts_region"] {
        assert!(session[field].is_string(), "{field}: {session}");
    }

    let serve = &records[order[3]];
    assert_eq!(serve["session"]["akid"], given["AccessKeyId"]);
    assert_eq!(
        (&serve["role"], &serve["door"]),
        (&"dev".into(), &"socket".into())
    );
    assert_eq!(serve["peer"]["attested"], "peercred");
    let peer = &serve["peer"]["process"];
    assert!(
        peer["exe"]
            .as_str()
            .is_some_and(|exe| exe.ends_with("/bin/rolecall")),
        "{serve:#}"
    );
    for field in ["pid", "uid", "gid", "start_time", "ppid"] {
        assert!(peer[field].is_u64(), "{field}: {serve:#}");
    }
    // Not known where the tests' session has no leader in sight.
    assert_ne!(peer["sid"], 0, "{serve:#}");
    // Only if it is configured, for arguments may be secret.
    assert!(peer["arguments"].is_null(), "{serve:#}");

    let numbers: Vec<_> = records
        .iter()
        .map(|record| record["seq"].as_u64())
        .collect();
    let first = numbers[0].expect("a number");
    let expected: Vec<_> = (first..).take(numbers.len()).map(Some).collect();
    assert_eq!(numbers, expected);
    for record in &records {
        for field in ["v", "ts_wall", "ts_boot", "boot_id", "host", "daemon_ver"] {
            assert!(!record[field].is_null(), "{field}: {record:#}");
        }
    }
}

#[test]
fn one_consumer_s_second_read_is_no_news() {
    let mut world = World::new();
    world.start();
    // A script is a consumer, however often it asks; a second one, which comes after it in the ledger, is another.
    for script in ["first.sh", "second.sh"] {
        world.write(script, &"rolecall process dev >/dev/null\n".repeat(3));
        let path = world.path(script);
        rolecall_tests::harness::run(world.command("sh").arg(path)).ok();
    }
    world.wait_for_record("the second consumer", |record| {
        let script = &record["consumer"]["process"]["script"];
        record["event"] == "serve" && script.to_string().contains("second.sh")
    });
    assert_eq!(
        events(&world)
            .iter()
            .filter(|event| *event == "serve")
            .count(),
        2
    );
}

#[test]
fn what_fails_and_what_is_refused_is_there_too() {
    let mut world = World::new();
    world.start();
    world
        .aws
        .fail(Fault::error(403, "AccessDenied").on("AssumeRole").once());
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(7));
    let failed = world.wait_for_record("the failure", |record| record["event"] == "failed");
    assert_eq!(failed["code"], "AccessDenied");
    assert!(
        failed["message"].to_string().contains("AccessDenied"),
        "{failed:#}"
    );

    assert_eq!(
        world
            .ask(&Request::get("/v1/status").header("Origin", "http://x"))
            .status,
        403
    );
    let refused = world.wait_for_record("the refusal", |record| record["event"] == "refused");
    assert_eq!(refused["door"], "socket");
    assert!(refused["rule"].is_string(), "{refused:#}");

    world.configure("[roles.dev]\nkeep_fresh = true\n");
    world.rolecall(&["reload"]).ok();
    world.wait_for_record("the reload", |record| record["event"] == "reload");
    world.stop();
    assert_eq!(events(&world).last().map(String::as_str), Some("stop"));
}

#[test]
fn numbers_go_on_after_a_restart_and_names_stay() {
    let mut world = World::new();
    world.start();
    let before: Value = world.rolecall(&["process", "dev"]).json();
    world.restart();
    let after: Value = world.rolecall(&["process", "dev"]).json();
    assert_ne!(before["AccessKeyId"], after["AccessKeyId"]);
    let names: Vec<_> = world
        .aws
        .calls()
        .into_iter()
        .filter_map(|call| call.session_name)
        .collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0], names[1]);
    let numbers: Vec<_> = world
        .ledger()
        .iter()
        .map(|record| record["seq"].as_u64())
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn all_arguments_are_there_only_if_they_are_asked_for() {
    for (settings, wanted) in [("", false), ("ledger_arguments = true\n", true)] {
        let mut world = World::new();
        world.configure(settings);
        world.start();
        world.write("asks.sh", "rolecall process dev >/dev/null\n");
        let script = world.path("asks.sh");
        rolecall_tests::harness::run(world.command("sh").arg(script).arg("--verbatim")).ok();
        let record = world.wait_for_record("the script", |record| record["event"] == "serve");
        let process = &record["consumer"]["process"];
        assert!(
            process["script"].to_string().contains("asks.sh"),
            "{process:#}"
        );
        assert_eq!(
            process["arguments"][2] == "--verbatim",
            wanted,
            "{process:#}"
        );
        assert_eq!(record.to_string().contains("--verbatim"), wanted);
    }
}
