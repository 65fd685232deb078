//! The IMDS door on the address that every SDK knows by itself.

use std::process::Command;

use rolecall_tests::harness::{World, is_root, profiles, run};
use rolecall_tests::sdk::{Reply, Sdk, Way};

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

/// Every SDK, without a variable that names an address; and so those that know no such variable.
///
/// Client contract 51.
#[test]
fn an_sdk_finds_the_listener_without_being_told() {
    if !hold_address() {
        return;
    }
    let mut world = World::new();
    world.configure(&format!(
        "[[imds]]\nlisten = \"{ADDRESS}:80\"\nrole = \"dev\"\n"
    ));
    world.start();
    for sdk in Sdk::ALL.into_iter().filter(|sdk| sdk.is_there()) {
        let mut command = Way::Imds.command(&world, sdk, "once", "dev", 80);
        command.env_remove("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        assert_eq!(Reply::of(&mut command).is(profiles::DEV), Ok(()), "{sdk:?}");
    }
}
