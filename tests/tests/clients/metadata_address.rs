//! The IMDS door on the address that every SDK knows by itself.

use std::process::Command;

use rolecall_tests::harness::{World, is_root, profiles, run};

use crate::ways::{Client, assert_is};

const ADDRESS: &str = "169.254.169.254";

/// Gives the address to this network namespace, and its port 80 to everybody; whether it could. Only
/// root can, and only in a namespace of its own may it.
fn hold_address() -> bool {
    if !is_root() || std::env::var_os("ROLECALL_TEST_NETNS").is_none() {
        return false;
    }
    let script = format!(
        "ip addr replace {ADDRESS}/32 dev lo && echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
    );
    run(Command::new("sh").args(["-c", &script])).ok();
    true
}

#[test]
fn an_sdk_finds_the_listener_without_being_told() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    if !hold_address() {
        return;
    }
    let mut world = World::new();
    world.configure(&format!(
        "[[imds]]\nlisten = \"{ADDRESS}:80\"\nrole = \"dev\"\n"
    ));
    world.start();
    for client in Client::ALL {
        let mut command = client.command(&world);
        command
            .env_remove("AWS_EC2_METADATA_DISABLED")
            .envs(client.needs());
        assert_is(&world, &mut command, profiles::DEV);
    }
}
