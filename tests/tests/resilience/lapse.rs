//! What is used is renewed, and nothing else (DESIGN rule 6).

use std::time::Duration;

use rolecall_tests::harness::{World, eventually};

use super::{key, lasting};

/// How many sessions of this role were asked for.
fn asked(world: &World, role: &str) -> usize {
    let calls = world.aws.calls();
    let of_role = |it: &&rolecall_tests::fake_aws::Call| {
        it.action == "AssumeRole" && it.role.as_deref().is_some_and(|arn| arn.ends_with(role))
    };
    calls.iter().filter(of_role).count()
}

#[test]
fn a_role_that_nobody_reads_lapses_and_one_kept_fresh_does_not() {
    let mut world = World::new();
    world.configure("[roles.hub]\nkeep_fresh = true\n");
    world.aws.fail(lasting(15));
    world.start();
    // Without a reader.
    world.aws.wait_until(Duration::from_secs(20), |calls| {
        calls.iter().any(|it| it.issued.is_some())
    });
    assert_eq!((asked(&world, "/hub"), asked(&world, "/dev")), (1, 0));

    // Read once: the one read that its session was issued for is followed by one renewal at most.
    let first = key(&world.get("/v1/credentials/dev?wait=20"));
    let state = || world.role_status("dev")["state"].clone();
    assert_eq!(state(), "ready");
    eventually_cold(&world);
    let lapsed = asked(&world, "/dev");
    assert!(lapsed <= 2, "{lapsed} sessions for one read");
    // Meanwhile the other was renewed, again and again.
    eventually("three renewals", || {
        (asked(&world, "/hub") > 3).then_some(())
    });
    assert_eq!(asked(&world, "/dev"), lapsed);

    // Read again, it is issued again.
    assert_ne!(key(&world.get("/v1/credentials/dev?wait=20")), first);
    assert_eq!(asked(&world, "/dev"), lapsed + 1);
}

fn eventually_cold(world: &World) {
    let cold = rolecall_tests::harness::until(Duration::from_secs(45), || {
        (world.role_status("dev")["state"] == "cold").then_some(())
    });
    assert!(cold.is_some(), "{:#}", world.role_status("dev"));
}

#[test]
fn a_listener_is_a_reader_until_it_has_been_idle() {
    let mut world = World::new();
    let port = rolecall_tests::harness::free_port();
    world.configure(&format!(
        "idle_after = \"8s\"\n{}",
        super::imds_table(port, "dev")
    ));
    world.aws.fail(lasting(15));
    world.start();
    eventually("a renewal", || (asked(&world, "/dev") > 1).then_some(()));
    eventually_cold(&world);
    // A real read begins anew.
    let imds = world.imds(port);
    eventually("a session", || (imds.listing().status == 200).then_some(()));
}
