//! Every SDK, every way it can come by a role, in every situation that takes no long time: the rows of
//! docs/compatibility.md.

mod finds;
mod locked;
mod outage;
mod restart;
mod unknown;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{World, free_port, profiles, until};
use rolecall_tests::sdk::{Caller, Cell, Reply, Sdk, Way, cells, patiently};
use serde_json::Value;

/// Eight SDKs at once keep any machine busy; more would only have each other miss the second or half that SDKs
/// give a door.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A world with `dev` behind rolecall: its process line, and an IMDS listener on the port.
fn serving() -> (World, u16) {
    lasting(3600)
}

/// The same with sessions of this many seconds.
fn lasting(seconds: i64) -> (World, u16) {
    let mut world = World::new();
    world
        .aws
        .fail(Fault::new(Effect::Lifetime { seconds }).on("AssumeRole"));
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.start();
    world.rolecall(&["setup", "--yes"]).ok();
    (world, port)
}

/// That a reply is an SDK's own error, from before anything was sent to STS.
fn refuses(reply: &Reply) -> Result<(), String> {
    match reply {
        Reply::Error(text) if text.trim().is_empty() => Err("an error without a word".into()),
        Reply::Error(_) => Ok(()),
        Reply::Identity { .. } => Err(format!("an answer: {reply:?}")),
    }
}

/// How often STS was asked who somebody is.
fn asked(world: &World) -> usize {
    world.aws.count("GetCallerIdentity")
}

/// The one call of `sdk`, this way, in the mode `once`.
fn once(world: &World, sdk: Sdk, way: Way, role: &str, port: u16) -> Reply {
    Reply::of(&mut way.command(world, sdk, "once", role, port))
}

/// The reply of a client that must find `dev`.
fn found(world: &World, (sdk, way): Cell, port: u16) -> Result<Reply, String> {
    patiently(|| {
        let reply = once(world, sdk, way, "dev", port);
        reply.is(profiles::DEV).map(|()| reply)
    })
}

/// A program of every row that waits to be told ([`Caller::once`]), those behind `rolecall exec` with their lease.
fn waiting(world: &World, port: u16) -> Vec<(Cell, Caller)> {
    let rows = cells(|_| true).into_iter();
    let started = rows.map(|(sdk, way)| {
        let mut command = way.held(world, sdk, "once", "dev", port);
        ((sdk, way), Caller::start(&mut command))
    });
    let started: Vec<_> = started.collect();
    let leases = started.iter().filter(|((_, way), _)| way.is_container());
    let leases = leases.count();
    let every = until(Duration::from_mins(2), || {
        let held: Vec<Value> = world.get("/v1/leases").json();
        (held.len() == leases).then_some(())
    });
    assert!(every.is_some(), "not every lease\n{}", world.log());
    started
}
