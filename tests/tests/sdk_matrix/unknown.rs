//! A role that there is not.

use rolecall_tests::harness::{free_port, profiles};
use rolecall_tests::sdk::{Outcome, Reply, Situation, Way, cells, for_each, patiently, settle};

use crate::{asked, once, refuses, serving, turn};

const NOBODY: &str = "nobody";

/// Client contract 81, 90.
#[test]
fn every_sdk_says_that_it_has_no_credentials() {
    let _turn = turn();
    let (world, _) = serving();
    let line = format!("{} process {NOBODY}", world.path("bin/rolecall").display());
    let config = world.read("home/.aws/config");
    world.write(
        "home/.aws/config",
        &format!("{config}\n[profile {NOBODY}]\nregion = eu-west-1\ncredential_process = {line}\n"),
    );
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"{NOBODY}\"\n"
    ));
    world.rolecall(&["reload"]);
    let rows = cells(|_| true).into_iter().map(|cell| (cell, ())).collect();
    let came = for_each(rows, |(sdk, way), ()| {
        let reply = if way.is_container() {
            Reply::of(&mut way.astray(&world, sdk, "dev", NOBODY))
        } else {
            once(&world, sdk, way, NOBODY, port)
        };
        refuses(&reply).map(|()| Outcome::Refuses)
    });
    assert_eq!(asked(&world), 0, "something was signed");
    settle(Situation::Unknown, came);
}

/// That the errors above are about the role: with the same settings, one that there is is found.
#[test]
fn the_same_settings_find_a_role_that_there_is() {
    let _turn = turn();
    let (world, _) = serving();
    for (sdk, way) in cells(|(_, way)| way == Way::TokenBoth) {
        let reply = || Reply::of(&mut way.astray(&world, sdk, "dev", "dev"));
        let found = patiently(|| reply().is(profiles::DEV));
        assert_eq!(found, Ok(()), "{sdk:?}");
    }
}
