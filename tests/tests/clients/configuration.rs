//! Mistakes in the configuration: named by file, line and key, and harmless (DESIGN rule 12).

use rolecall_tests::harness::{Signal, World, eventually};
use serde_json::Value;

const BROKEN: &str = "log = \"info\"\n\n[roles.dev]\nduration_seconds = 60\n";

#[track_caller]
fn assert_names_the_mistake(world: &World, text: &str) {
    let place = format!(
        "{}:4",
        world.path("home/.config/rolecall/config.toml").display()
    );
    for word in [place.as_str(), "roles.dev.duration_seconds", "900"] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
}

#[test]
fn check_finds_them_with_and_without_a_daemon() {
    let mut world = World::new();
    assert_eq!(world.rolecall(&["config", "check"]).code(), Some(0));
    world.configure(BROKEN);
    let without = world.rolecall(&["config", "check"]);
    assert_eq!(without.code(), Some(1), "{without:#?}");
    assert_names_the_mistake(&world, &without.stdout);

    world.configure("");
    world.start();
    assert_eq!(world.rolecall(&["config", "check"]).code(), Some(0));
    world.configure(BROKEN);
    let with = world.rolecall(&["config", "check"]);
    assert_eq!(with.code(), Some(1), "{with:#?}");
    assert_names_the_mistake(&world, &with.stdout);
    let report: Value =
        serde_json::from_str(&world.rolecall(&["config", "check", "--json"]).stdout).expect("JSON");
    assert_eq!(report["problems"][0]["line"], 4);
}

#[test]
fn one_bad_role_does_not_take_the_others_down() {
    let mut world = World::new();
    world.configure(BROKEN);
    world.start();
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(1));
    assert_eq!(world.rolecall(&["process", "leaf"]).code(), Some(0));
    let check = world.rolecall(&["status", "--check"]);
    assert_eq!(check.code(), Some(1));
    assert_names_the_mistake(&world, &check.stdout);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_old_roles_in_force() {
    let mut world = World::new();
    world.start();
    world.configure("[roles.new]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::123456789012:role/dev\"\n");
    let good = world.rolecall(&["reload"]);
    assert!(good.ok().contains("new"), "{good:#?}");
    world.rolecall(&["process", "new"]).ok();

    world.configure("[roles.new]\nsource_profile = \"base\"\nrole_arn = arn:aws\n");
    let broken = world.rolecall(&["reload"]);
    assert_eq!(broken.code(), Some(1), "{broken:#?}");
    assert!(broken.stdout.contains("config.toml:3"), "{broken:#?}");
    for role in ["new", "hub"] {
        assert_eq!(world.rolecall(&["process", role]).code(), Some(0), "{role}");
    }
    assert_eq!(world.rolecall(&["status", "--check"]).code(), Some(1));
    assert!(world.rolecall(&["status"]).ok().contains("config.toml:3"));

    world.configure("");
    world.signal(Signal::HUP);
    eventually("the files are in force again", || {
        (world.rolecall(&["process", "new"]).code() == Some(3)).then_some(())
    });
    assert_eq!(world.rolecall(&["status", "--check"]).code(), Some(0));
}

#[test]
fn a_daemon_that_starts_with_a_broken_file_runs_and_says_so() {
    let mut world = World::new();
    world.configure("this is no TOML\n");
    world.start();
    let process = world.rolecall(&["process", "dev"]);
    assert_ne!(process.code(), Some(0));
    assert!(process.stderr.contains("config.toml:1"), "{process:#?}");
    // Mended, it works without another word.
    world.configure("");
    world.rolecall(&["process", "dev"]).ok();
}

#[test]
fn a_new_role_is_there_when_it_is_asked_for() {
    let mut world = World::new();
    world.start();
    assert_eq!(world.rolecall(&["process", "new"]).code(), Some(3));
    world.configure("[roles.new]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::123456789012:role/dev\"\n");
    world.rolecall(&["process", "new"]).ok();
}
