//! The doors are locked.

use rolecall_tests::sdk::{Outcome, Situation, for_each, settle};

use crate::{asked, refuses, serving, turn, waiting};

/// There is a session, and a lease, and nobody gets anything of them.
///
/// Client contract 41, 81, 90.
#[test]
fn every_sdk_says_that_it_has_no_credentials() {
    let _turn = turn();
    let (world, port) = serving();
    let waiting = waiting(&world, port);
    world.rolecall(&["lock"]).ok();
    let came = for_each(waiting, |_, caller| {
        refuses(&caller.once()).map(|()| Outcome::Refuses)
    });
    assert_eq!(asked(&world), 0, "something was signed");
    settle(Situation::Locked, came);
}
