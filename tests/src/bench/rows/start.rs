//! From the daemon's start to its first answer.

use std::time::Duration;

use anyhow::ensure;

use super::super::floor::Floor;
use super::super::row::{Budget, Quantity, Row};
use super::super::statistics::median;
use super::super::stopwatch::timed;
use super::super::world::{Plan, World, answered};
use super::Measured;

const ROLES: usize = 100;

pub(super) fn rows(measured: &Measured) -> anyhow::Result<Vec<Row>> {
    let plan = Plan {
        roles: ROLES,
        imds: false,
        keep_fresh: false,
    };
    let world = World::new(plan);
    let (mut floors, mut times) = (Vec::new(), Vec::new());
    for round in 0..measured.rounds(20) {
        let socket = measured.work.join(format!("start-{round}.sock"));
        floors.push(timed(|| -> anyhow::Result<()> {
            let floor = Floor::unix(&measured.programs.bench, socket, b"{}")?;
            let request = floor.endpoint.request("GET", "/", &[]);
            ensure!(
                answered(&floor.endpoint, &request).is_some(),
                "the floor says nothing"
            );
            Ok(())
        })?);
        times.push(world.time_start()?);
    }
    let calls = world.aws().calls().len();
    Ok(vec![
        Row::new(
            &format!("start to ready, {ROLES} roles configured, p50"),
            Quantity::Time(median(&mut times)),
            Budget::AtMost(Quantity::Time(Duration::from_millis(50))),
        )
        .above(Quantity::Time(median(&mut floors)))
        .note("from the start to the first answered GET /v1/status; floor: bare hyper".into()),
        Row::new(
            "calls to AWS at those starts",
            Quantity::Count(calls as u64),
            Budget::Exactly(0),
        ),
    ])
}
