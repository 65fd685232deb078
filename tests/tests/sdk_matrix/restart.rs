//! The daemon ends and is there again, under programs that go on.

use std::time::Duration;

use jiff::Timestamp;
use rolecall_tests::harness::{World, profiles, until};
use rolecall_tests::sdk::{
    Caller, Cell, Outcome, Sdk, Situation, Way, cells, for_each, patiently, settle,
};

use crate::lasting;

/// Long enough that a session is good for some time whenever it is asked for, and short enough to see
/// its end.
const SECONDS: i64 = 40;

type Row = (Cell, Result<Caller, String>);

/// Has all of them ask; who fails is out.
fn ask(rows: Vec<Row>, good: impl Fn(Option<&str>) -> Result<(), String> + Sync) -> Vec<Row> {
    for_each(rows, |_, caller| {
        let mut caller = caller?;
        patiently(|| {
            let reply = caller.ask();
            reply.is(profiles::DEV)?;
            good(reply.key())
        })?;
        Ok(caller)
    })
}

/// The keys of every session so far.
fn issued(world: &World) -> Vec<String> {
    let calls = world.aws.calls().into_iter();
    calls.filter_map(|call| call.issued).collect()
}

/// Waits until no session that was issued so far is good any more.
fn outlive(world: &World) {
    let end = Timestamp::now() + Duration::from_secs(SECONDS.unsigned_abs());
    let over = until(Duration::from_secs(2 * SECONDS.unsigned_abs()), || {
        (Timestamp::now() > end).then_some(())
    });
    assert!(over.is_some(), "{}", world.log());
}

/// No token, port or lease is void after it: neither what the SDK keeps (Rust and the C runtime keep a token
/// of IMDS, every program its container token), nor where it was told to look. boto3 does not ask IMDS again
/// before minutes have passed; `sdk_renewal` waits for it.
///
/// Client contract 15, 78.
#[test]
fn every_sdk_goes_on_with_the_next_daemon() {
    let (mut world, port) = lasting(SECONDS);
    let rows = cells(|(sdk, way)| sdk.stays() && (sdk, way) != (Sdk::Boto3, Way::Imds));
    let rows = rows.into_iter().map(|(sdk, way)| {
        let mut command = way.command(&world, sdk, "each", "dev", port);
        ((sdk, way), Ok(Caller::start(&mut command)))
    });
    let mut rows = ask(rows.collect(), |_| Ok(()));
    for peaceful in [true, false] {
        let before = issued(&world);
        if peaceful {
            world.restart();
        } else {
            world.kill();
            world.start();
        }
        outlive(&world);
        rows = ask(rows, |key| match key {
            Some(key) if before.iter().any(|old| old == key) => {
                Err(format!("{key} is from before the restart"))
            }
            Some(_) => Ok(()),
            None => Err("it does not say its key".into()),
        });
    }
    let came = rows.into_iter();
    let came = came.map(|(cell, caller)| (cell, caller.map(|_| Outcome::Works)));
    settle(Situation::Restart, came.collect());
}
