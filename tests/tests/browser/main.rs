//! A real browser on a user's machine, and a page of an attacker's that wants the user's credentials.
//!
//! All in one network namespace: the page is on an address that looks public, and its name is on the
//! attacker's own name server. The browser runs as the user whom the daemon serves, so that the kernel's word
//! on who connects does not help; and the page already holds the right tokens. Each attack is made on a
//! careless server too and must succeed there, or it would show nothing.

#![cfg(target_os = "linux")]

mod attack;

use std::net::Ipv4Addr;
use std::time::Duration;

use rolecall_tests::browser::Browser;
use rolecall_tests::harness::{eventually, until};

use crate::attack::{Attack, DOORS, LOCAL_ACCESS, SECRET};

/// Longer than a browser keeps a name's address (a minute), on a busy machine.
const REBOUND: Duration = Duration::from_mins(4);

/// Waits for `ready`; tells what the browser said if that does not come.
#[track_caller]
fn wait_for<T>(
    what: &str,
    attack: &Attack,
    browser: &mut Browser,
    mut ready: impl FnMut() -> Option<T>,
) -> T {
    let found = until(REBOUND, || {
        let found = ready();
        if found.is_none() {
            assert!(browser.is_running(), "the browser ended\n{}", attack.log());
        }
        found
    });
    found.unwrap_or_else(|| {
        panic!(
            "not seen: {what}\n{:#?}\n{}",
            attack.reports(),
            attack.log()
        )
    })
}

/// Loads the page from the attacker's address, lets its name lead to this machine, and waits for what each
/// frame has to say then.
#[track_caller]
fn rebind(attack: &Attack, browser: &mut Browser, states: &[&str]) {
    wait_for("the pages", attack, browser, || {
        let loaded = DOORS.map(|door| attack.report(door, "loaded"));
        loaded.iter().all(Option::is_some).then_some(())
    });
    attack.point_at(Ipv4Addr::LOCALHOST);
    wait_for("the other address", attack, browser, || {
        let done = DOORS.map(|door| states.iter().find_map(|state| attack.report(door, state)));
        done.iter().all(Option::is_some).then_some(())
    });
}

/// What the other tests rely on to leave nothing behind.
#[test]
fn the_browser_s_many_processes_end_with_it() {
    let Some(attack) = Attack::prepare(5) else {
        return;
    };
    let mut browser = attack.open("crossing", &[]);
    wait_for("the page", &attack, &mut browser, || {
        attack.report("crossing", "loaded")
    });
    assert!(attack.browser_processes() > 1);
    drop(browser);
    eventually("the end of the browser", || {
        (attack.browser_processes() == 0).then_some(())
    });
}

/// A name that leads to this machine once the page is loaded: the same origin, for a browser.
#[test]
fn a_rebound_name_opens_the_careless_server_and_no_door() {
    let Some(attack) = Attack::prepare(1) else {
        return;
    };
    let before = attack.doors_answers();
    let mut browser = attack.open("rebinding", &[LOCAL_ACCESS]);
    rebind(&attack, &mut browser, &["rebound"]);

    let careless = attack
        .report("control", "rebound")
        .expect("it was waited for");
    assert!(careless.to_string().contains(SECRET), "{careless:#}");
    for door in ["imds", "container"] {
        let report = attack.report(door, "rebound").expect("it was waited for");
        let taken = report["taken"].as_array().expect("a list");
        assert!(taken.len() >= 5, "{report:#}");
        for answer in taken {
            // The page reached the daemon, and read that it gets nothing.
            assert_eq!(answer["status"], 403, "{report:#}");
            assert_eq!(answer["ours"], false, "{report:#}");
        }
        attack.world.wait_for_record("the refusal", |record| {
            record["event"] == "refused" && record["rule"] == "guard" && record["door"] == door
        });
    }
    attack.assert_nothing_was_given(&before);
}

/// The same with what Chromium does by itself (Local Network Access): whether it blocks the attack or not,
/// there is nothing to read.
#[test]
fn a_rebound_name_opens_no_door_in_a_browser_as_it_comes() {
    let Some(attack) = Attack::prepare(2) else {
        return;
    };
    let before = attack.doors_answers();
    let mut browser = attack.open("rebinding", &[]);
    rebind(&attack, &mut browser, &["rebound", "blocked"]);
    attack.assert_nothing_was_given(&before);
}

/// What a page can do to another origin: requests of all kinds, forms, images, scripts, frames, sockets.
#[test]
fn a_page_reads_the_careless_server_and_no_door_across_origins() {
    for (number, flags) in [(3, &[LOCAL_ACCESS][..]), (4, &[])] {
        let Some(attack) = Attack::prepare(number) else {
            return;
        };
        let before = attack.doors_answers();
        let mut browser = attack.open("crossing", flags);
        let report = wait_for("the end of the page", &attack, &mut browser, || {
            attack.report("crossing", "crossed")
        });
        let tries = report["tries"].as_array().expect("a list");
        let read = |door: &str| -> Vec<_> {
            let of_door = tries.iter().filter(|it| it["door"] == door);
            of_door.filter(|it| !it["read"].is_null()).collect()
        };
        assert_eq!(read("imds"), [&serde_json::Value::Null; 0]);
        assert_eq!(read("container"), [&serde_json::Value::Null; 0]);
        if !flags.is_empty() {
            let careless = read("control");
            for way in [
                "fetch",
                "fetch with keys",
                "put",
                "xhr",
                "xhr with keys",
                "image",
                "event source",
            ] {
                let found = careless.iter().any(|it| it["way"] == way);
                assert!(
                    found,
                    "{way} did not even read the careless server: {careless:#?}"
                );
            }
            assert!(
                careless
                    .iter()
                    .any(|it| it["read"].to_string().contains(SECRET))
            );
            // All of it was tried on the doors, and they said no.
            for door in ["imds", "container"] {
                attack.world.wait_for_record("the refusal", |record| {
                    record["event"] == "refused"
                        && record["rule"] == "guard"
                        && record["door"] == door
                });
            }
        }
        attack.assert_nothing_was_given(&before);
    }
}
