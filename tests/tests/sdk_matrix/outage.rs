//! AWS gives no sessions.

use rolecall_tests::fake_aws::Fault;
use rolecall_tests::harness::World;
use rolecall_tests::sdk::{Outcome, Situation, cells, for_each, settle};

use crate::{asked, found, refuses, serving, turn, waiting};

/// Every AssumeRole fails from now on; who has credentials can use them.
fn fail(world: &World) {
    world.aws.heal();
    world
        .aws
        .fail(Fault::error(500, "InternalFailure").on("AssumeRole"));
}

#[test]
fn a_session_that_is_held_is_served() {
    let _turn = turn();
    let (world, port) = serving();
    world.rolecall(&["process", "dev"]).ok();
    fail(&world);
    let rows = cells(|_| true).into_iter().map(|cell| (cell, ())).collect();
    let came = for_each(rows, |cell, ()| {
        found(&world, cell, port).map(|_| Outcome::Works)
    });
    settle(Situation::Held, came);
}

/// Each gives up by itself with an error of its own, and signs nothing. Those behind `rolecall exec` have
/// their lease from before: without a session there would be none.
///
/// Client contract 42, 81, 90.
#[test]
fn without_a_session_every_sdk_says_so() {
    let _turn = turn();
    let (mut world, port) = serving();
    let waiting = waiting(&world, port);
    fail(&world);
    world.kill();
    world.start();
    let came = for_each(waiting, |_, caller| {
        refuses(&caller.once()).map(|()| Outcome::Refuses)
    });
    assert_eq!(asked(&world), 0, "something was signed");
    settle(Situation::Nothing, came);
}
