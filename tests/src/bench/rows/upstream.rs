//! Reads of a session that is there, while AWS hangs, and while every session renews.

use anyhow::Context as _;

use super::super::row::{Budget, Quantity, Row};
use super::super::wire::Connection;
use super::super::world::{Plan, World};
use super::{Measured, Reader, in_turn};
use crate::fake_aws::{Effect, Fault};
use crate::harness::{PATIENCE, until};

/// Roles besides the one that is read.
const OTHERS: usize = 50;

/// Sessions that end so soon are renewed after a quarter of this (DESIGN rule 4).
const LIFETIME_SECONDS: i64 = 8;

pub(super) fn rows(measured: &Measured, idle: &World) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        roles: OTHERS + 1,
        imds: false,
        keep_fresh: false,
    };
    let hanging = World::started(plan)?;
    hanging.credentials(0)?;
    hanging.aws().fail(Fault::new(Effect::Hang));
    let waiting = ask_all(&hanging)?;
    let hang = row(
        measured,
        idle,
        &hanging,
        "p99 of a read while upstream hangs",
        format!("floor: the same read, idle; {OTHERS} roles cold, each with a caller waiting"),
    )?;
    drop(waiting);
    drop(hanging);

    let plan = Plan {
        roles: OTHERS + 1,
        imds: false,
        keep_fresh: true,
    };
    let mut renewing = World::new(plan);
    renewing.aws().fail(Fault::new(Effect::Lifetime {
        seconds: LIFETIME_SECONDS,
    }));
    renewing.start()?;
    for role in 0..=OTHERS {
        renewing.credentials(role)?;
    }
    wait_for_calls(&renewing, OTHERS + 10)?;
    let before = renewing.aws().count("AssumeRole");
    let mut renew = row(
        measured,
        idle,
        &renewing,
        "p99 of a read while every session renews",
        String::new(),
    )?;
    let renewals = renewing.aws().count("AssumeRole") - before;
    renew.note = Some(format!(
        "floor: the same read, idle; {} roles of {LIFETIME_SECONDS} s sessions, {renewals} renewals meanwhile",
        OTHERS + 1
    ));
    Ok(vec![hang, renew])
}

/// Callers of every role but the first, who are not answered.
fn ask_all(world: &World) -> anyhow::Result<Vec<Connection>> {
    let mut waiting = Vec::new();
    for role in 1..=OTHERS {
        let mut connection = world.socket().connect()?;
        connection.send(&world.credentials_request(role))?;
        waiting.push(connection);
    }
    wait_for_calls(world, OTHERS + 1)?;
    Ok(waiting)
}

fn wait_for_calls(world: &World, wanted: usize) -> anyhow::Result<()> {
    let enough = || (world.aws().calls().len() >= wanted).then_some(());
    until(PATIENCE, enough).context("AWS is not asked")
}

fn row(
    measured: &Measured,
    idle: &World,
    troubled: &World,
    work: &str,
    note: String,
) -> anyhow::Result<Row> {
    let reader = |world: &World| -> anyhow::Result<Reader> {
        Ok(Reader::new(
            world.socket().connect()?,
            world.credentials_request(0),
        ))
    };
    let mut readers = [reader(idle)?, reader(troubled)?];
    in_turn(&mut readers, measured.rounds(150), 1_000, 0.99).context("a read")?;
    let [floor, time] = readers.map(Reader::result);
    Ok(
        Row::new(work, Quantity::Time(time), Budget::AtMostTimes(1.2))
            .above(Quantity::Time(floor))
            .note(note),
    )
}
