//! Long-lived programs of every SDK, while sessions are renewed and end: not one of their calls fails.
//!
//! This takes minutes in which hardly anything happens, so `tests/run` starts it beside everything else, and
//! `cargo test` alone leaves it out: `cargo test --workspace --test sdk_renewal`.

use std::thread;
use std::time::Duration;

use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{Deadline, World, free_port, profiles};
use rolecall_tests::sdk::{Caller, Cell, Outcome, Sdk, Situation, Way, cells, patiently, settle};

/// From one answer to the next question.
const PACE: Duration = Duration::from_secs(2);

/// A call or two with the new session.
const MORE: usize = 3;

/// A world with `dev` behind rolecall and on an IMDS listener, whose sessions last this many seconds.
fn lasting(seconds: i64) -> (World, u16) {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world
        .aws
        .fail(Fault::new(Effect::Lifetime { seconds }).on("AssumeRole"));
    world.start();
    world.rolecall(&["setup", "--yes"]).ok();
    (world, port)
}

fn start(world: &World, (sdk, way): Cell, port: u16) -> Caller {
    Caller::start(&mut way.command(world, sdk, "each", "dev", port))
}

/// Has the caller ask again and again until it signs with a key that fits, and a little longer.
fn ask_until(
    caller: &mut Caller,
    patience: Duration,
    fits: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let deadline = Deadline::after(patience);
    let mut left = MORE;
    while left > 0 {
        if deadline.left().is_none() {
            return Err(format!("no other session within {patience:?}"));
        }
        let reply = caller.ask();
        reply.is(profiles::DEV)?;
        let key = reply.key().ok_or("it does not say its key")?;
        if fits(key) {
            left -= 1;
        }
        thread::sleep(PACE);
    }
    Ok(())
}

/// Has every caller ask until its key is another than at first.
fn cross(callers: Vec<(Cell, Caller)>, patience: Duration) -> Vec<(Cell, Result<Outcome, String>)> {
    let one = |mut caller: Caller| {
        // All of them start at once: that may take more than the second they give IMDS.
        let first = patiently(|| {
            let reply = caller.ask();
            reply.is(profiles::DEV).map(|()| reply)
        })?;
        ask_until(&mut caller, patience, |key| first.key() != Some(key))?;
        let end = caller.finish();
        if end.status.success() {
            Ok(Outcome::Works)
        } else {
            Err(format!("its end: {end:?}"))
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = callers
            .into_iter()
            .map(|(cell, caller)| (cell, scope.spawn(move || one(caller))))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads
            .into_iter()
            .map(|(cell, it)| (cell, join(it)))
            .collect()
    })
}

/// Who keeps a session to its end (Go and Rust on the process line and on IMDS) has it for five and a half minutes;
/// everyone else comes again at once, for so short a session is always within their windows.
///
/// Client contract 45, 93.
#[test]
fn every_sdk_crosses_a_renewal() {
    let (world, port) = lasting(360);
    let rows = cells(|cell| cell.0.stays() && cell != (Sdk::Boto3, Way::Imds));
    let callers = rows
        .into_iter()
        .map(|cell| (cell, start(&world, cell, port)));
    let came = cross(callers.collect(), Duration::from_mins(11));
    settle(Situation::Renewal, came);
}

/// botocore keeps what IMDS gave it for two to ten minutes whatever its end, so that sessions of fifteen minutes
/// are the shortest that it never holds for too long.
///
/// Client contract 45.
#[test]
fn boto3_crosses_a_renewal_on_imds() {
    let (world, port) = lasting(900);
    let rows = cells(|cell| cell == (Sdk::Boto3, Way::Imds));
    let callers = rows
        .into_iter()
        .map(|cell| (cell, start(&world, cell, port)));
    let came = cross(callers.collect(), Duration::from_mins(16));
    settle(Situation::Renewal, came);
}

/// As every other way in `sdk_matrix`, but long enough for botocore to come again.
///
/// Client contract 15.
#[test]
fn boto3_goes_on_with_the_next_daemon_on_imds() {
    let (mut world, port) = lasting(900);
    let mut came = Vec::new();
    for cell in cells(|cell| cell == (Sdk::Boto3, Way::Imds)) {
        let mut caller = start(&world, cell, port);
        let mut result = patiently(|| caller.ask().is(profiles::DEV));
        world.restart();
        world.kill();
        let before = world.aws.calls();
        world.start();
        let fits = |key: &str| {
            !before
                .iter()
                .any(|call| call.issued.as_deref() == Some(key))
        };
        result = result.and_then(|()| ask_until(&mut caller, Duration::from_mins(16), fits));
        came.push((cell, result.map(|()| Outcome::Works)));
    }
    settle(Situation::Restart, came);
}
