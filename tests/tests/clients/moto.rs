//! The same against moto, which is no work of ours: the daemon's STS and the clients'.

use rolecall_tests::harness::{Running, World, eventually, free_port, profiles};

use crate::ways::{Way, assert_all_are, loopback, set_up};

#[test]
fn every_way_to_a_role_and_to_a_chain() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let upstream = free_port();
    let _moto = Running::start(&mut world.moto(upstream));
    world.set_variable(
        "AWS_ENDPOINT_URL_STS",
        &format!("http://127.0.0.1:{upstream}"),
    );
    eventually("moto listens", || loopback(upstream).connect().ok());

    let (dev, leaf) = (free_port(), free_port());
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{dev}\"\nrole = \"dev\"\n\
         [[imds]]\nlisten = \"127.0.0.1:{leaf}\"\nrole = \"leaf\"\n"
    ));
    world.start();
    set_up(&world);
    assert_all_are(
        &world,
        &[Way::Process, Way::Imds(dev), Way::Exec],
        "dev",
        profiles::DEV,
    );
    assert_all_are(
        &world,
        &[Way::Process, Way::Imds(leaf), Way::Exec],
        "leaf",
        profiles::LEAF,
    );
    // Nobody asked the other AWS.
    assert!(world.aws.calls().is_empty());
}
