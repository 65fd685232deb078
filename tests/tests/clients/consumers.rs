//! Whom the ledger names as the one a role was served to.

use std::process::Command;

use rolecall_tests::harness::{World, free_port, run};
use serde_json::Value;

use crate::ways::{Client, Way, set_up};

/// Runs `command`, and gives the consumer of the one `serve` that it caused.
#[track_caller]
fn consumer(world: &World, door: &str, command: &mut Command) -> Value {
    let before = world.ledger().len();
    run(command).ok();
    world.wait_for_record("a serve", |record| {
        record["event"] == "serve" && record["seq"].as_u64() > Some(before as u64)
    });
    let served: Vec<Value> = world.ledger().split_off(before);
    let served: Vec<&Value> = served
        .iter()
        .filter(|record| record["event"] == "serve")
        .collect();
    let [record] = served[..] else {
        panic!("{served:#?}")
    };
    assert_eq!(
        (&record["door"], &record["role"]),
        (&door.into(), &"dev".into())
    );
    assert_eq!(record["consumer"]["uid"], world.user().uid);
    assert!(record["consumer"]["process"].is_object(), "{record:#}");
    record["consumer"]["process"].clone()
}

fn text<'a>(process: &'a Value, field: &str) -> &'a str {
    process[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}: {process:#}"))
}

#[track_caller]
fn assert_is_script(process: &Value, script: &str) {
    assert!(text(process, "script").ends_with(script), "{process}");
    assert!(text(process, "exe").contains("/python3"), "{process}");
}

#[test]
fn scripts_have_their_own_names_through_every_door() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.start();
    set_up(&world);
    for (way, door) in [
        (Way::Process, "socket"),
        (Way::Imds(port), "imds"),
        (Way::Exec, "container"),
    ] {
        let python = consumer(&world, door, &mut way.command(&world, Client::Boto3, "dev"));
        assert_is_script(&python, "/identity.py");
        assert_eq!(
            text(&python, "cwd"),
            world.path("").to_string_lossy().trim_end_matches('/')
        );
        let aws = consumer(
            &world,
            door,
            &mut way.command(&world, Client::AwsCli, "dev"),
        );
        assert_is_script(&aws, "/bin/aws");
    }
    let rust = consumer(
        &world,
        "imds",
        &mut Way::Imds(port).command(&world, Client::RustSdk, "dev"),
    );
    assert!(text(&rust, "exe").ends_with("/sdk-rust"), "{rust}");
}

#[test]
fn a_bare_shell_between_is_not_the_consumer() {
    let mut world = World::new();
    world.start();
    let script = "import subprocess; subprocess.run('rolecall process dev; exit $?', shell=True, check=True)";
    let found = consumer(
        &world,
        "socket",
        world.command("python3").args(["-c", script]),
    );
    assert!(text(&found, "exe").contains("python3"), "{found}");
}
