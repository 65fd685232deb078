//! The IMDS door on the address that every SDK knows by itself.

use rolecall_tests::harness::{World, hold_address, profiles};

use crate::ways::{Client, assert_is};

const ADDRESS: &str = "169.254.169.254";

#[test]
fn an_sdk_finds_the_listener_without_being_told() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    if !hold_address(ADDRESS) {
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
