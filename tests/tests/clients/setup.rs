//! `rolecall setup`: what it writes works, and what it wrote can be taken back to the byte.

use rolecall_tests::harness::{World, profiles};

use crate::ways::{Client, Way, assert_all_are, assert_is, set_up};

const CONFIG: &str = "home/.aws/config";
const CONFIG_TOML: &str = "home/.config/rolecall/config.toml";

/// Comments, blanks at ends of lines, tabs, other sections, and no newline at the end.
fn lived_in(world: &World) -> [(&'static str, String); 2] {
    let config = format!(
        "# mine \t\n\n{}\n[ plugins ]\n  x\t= y ; z  \n\n[profile keys]\noutput=json\n[services s]\ns3 =\n  endpoint_url = http://127.0.0.1:9\n# end",
        profiles::config()
    );
    let own =
        "idle_after = \"6h\"   # mine\n\n[roles.dev]\nkeep_fresh = true # mine too".to_owned();
    world.write(CONFIG, &config);
    world.write(CONFIG_TOML, &own);
    [(CONFIG, config), (CONFIG_TOML, own)]
}

/// Asserts it of the clients that read such files: the Rust SDK takes no blanks before the key of a section that it
/// does not know.
#[track_caller]
fn assert_readers_are(world: &World, role: &str, arn: &str) {
    for client in [Client::Boto3, Client::AwsCli] {
        assert_is(world, &mut Way::Process.command(world, client, role), arn);
    }
}

#[test]
fn puts_profiles_behind_rolecall_and_takes_it_back() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let before = lived_in(&world);
    world.start();

    let shown = world.rolecall(&["setup", "--yes"]);
    assert!(
        shown
            .ok()
            .contains("-role_arn = arn:aws:iam::123456789012:role/dev"),
        "{shown:#?}"
    );
    let line = format!(
        "credential_process = {} process dev\n",
        world.path("bin/rolecall").display()
    );
    assert!(world.read(CONFIG).contains(&line), "{}", world.read(CONFIG));
    assert!(
        !world.read(CONFIG).contains("role_arn"),
        "{}",
        world.read(CONFIG)
    );
    assert_readers_are(&world, "dev", profiles::DEV);
    assert_eq!(world.aws.count("AssumeRole"), 1);

    world.rolecall(&["setup", "--undo", "--yes"]).ok();
    for (file, text) in before {
        assert_eq!(world.read(file), text, "{file}");
    }
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(0));
}

#[test]
fn a_second_run_changes_nothing() {
    let mut world = World::new();
    world.start();
    set_up(&world);
    let once = [world.read(CONFIG), world.read(CONFIG_TOML)];
    set_up(&world);
    assert_eq!([world.read(CONFIG), world.read(CONFIG_TOML)], once);
}

#[test]
fn works_before_the_daemon_does() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let before = lived_in(&world);
    world.rolecall(&["setup", "--yes"]).ok();
    assert!(!world.socket_path().exists());
    assert!(world.aws.calls().is_empty());

    world.start();
    assert_readers_are(&world, "leaf", profiles::LEAF);
    world.stop();

    world.rolecall(&["setup", "--undo", "--yes"]).ok();
    for (file, text) in before {
        assert_eq!(world.read(file), text, "{file}");
    }
}

#[test]
fn moves_only_the_profiles_it_is_told() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    world.start();
    world.rolecall(&["setup", "--yes", "hub"]).ok();
    let config = world.read(CONFIG);
    assert_eq!(config.matches("credential_process").count(), 1, "{config}");
    assert_eq!(config.matches("role_arn").count(), 3, "{config}");
    // What stands behind a moved profile is found all the same.
    assert_all_are(&world, &[Way::Exec], "leaf", profiles::LEAF);
}

#[test]
fn writes_nothing_unless_it_is_told_to() {
    let mut world = World::new();
    let before = lived_in(&world);
    world.start();
    let shown = world.rolecall(&["setup", "--dry-run"]);
    assert!(shown.ok().contains("+credential_process = "), "{shown:#?}");
    // Without a terminal there is nobody to say yes.
    assert_eq!(world.rolecall(&["setup"]).code(), Some(4));
    for (file, text) in before {
        assert_eq!(world.read(file), text, "{file}");
    }
}
