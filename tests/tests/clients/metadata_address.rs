//! The IMDS door on the address that every SDK knows by itself.

use rolecall_tests::harness::{World, hold_address, profiles};
use rolecall_tests::sdk::{Reply, Sdk, Way};

const ADDRESS: &str = "169.254.169.254";

/// Every SDK, without a variable that names an address; and so those that know no such variable.
///
/// Client contract 51.
#[test]
fn an_sdk_finds_the_listener_without_being_told() {
    if !hold_address(ADDRESS) {
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
