//! The documents of the IMDS and container doors: how many a second over connections that are kept,
//! and what a new connection costs.

use std::time::Duration;

use super::super::children::processor_time;
use super::super::floor::Floor;
use super::super::load::Load;
use super::super::row::{Budget, Quantity, Row};
use super::super::statistics::{median, median_number};
use super::super::stopwatch::timed;
use super::super::wire::Endpoint;
use super::super::world::World;
use super::Measured;

const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_millis(400);

pub(super) fn rows(measured: &Measured, world: &World) -> anyhow::Result<Vec<Row>> {
    let mut doors = Vec::new();
    for (name, (endpoint, request)) in [
        ("IMDS", world.imds_document()?),
        ("container", world.container_document()?),
    ] {
        let body = endpoint.connect()?.fetch(&request)?.to_vec();
        let floor = Floor::tcp(&measured.programs.bench, &body)?;
        doors.push((name, endpoint, request, floor));
    }
    let mut rows = Vec::new();
    for (name, endpoint, request, floor) in &doors {
        rows.push(throughput(
            measured,
            world,
            name,
            (endpoint, request),
            floor,
        )?);
    }
    // Last: for every new connection the daemon looks, after its answer, for the process.
    for (name, endpoint, request, floor) in &doors {
        rows.push(connecting(measured, name, (endpoint, request), floor)?);
    }
    Ok(rows)
}

fn throughput(
    measured: &Measured,
    world: &World,
    door: &str,
    (endpoint, request): (&Endpoint, &[u8]),
    floor: &Floor,
) -> anyhow::Result<Row> {
    let mut loads = [
        Load::new(&floor.endpoint, CONNECTIONS, request.to_vec())?,
        Load::new(endpoint, CONNECTIONS, request.to_vec())?,
    ];
    for load in &mut loads {
        load.run(ROUND / 4)?;
    }
    let mut rates = [Vec::new(), Vec::new()];
    let mut used = [Vec::new(), Vec::new()];
    let pids = [floor.pid(), world.pid()];
    for _ in 0..measured.rounds(12) {
        for (which, load) in loads.iter_mut().enumerate() {
            let before = processor_time(pids[which])?;
            let rate = load.run(ROUND)?;
            let busy = processor_time(pids[which])?.saturating_sub(before);
            rates[which].push(rate);
            used[which].push(busy.as_secs_f64() / ROUND.as_secs_f64() / rate);
        }
    }
    let [floor, rate] = rates.map(|mut it| Quantity::PerSecond(median_number(&mut it)));
    let [floor_used, used] = used.map(|mut it| median_number(&mut it) * 1e6);
    Ok(Row::new(
        &format!("document over the {door} door, keep-alive, {CONNECTIONS} connections"),
        rate,
        Budget::AtLeastShare(0.9),
    )
    .above(floor)
    .note(format!(
        "processor time an answer: {used:.2} µs, floor {floor_used:.2} µs"
    )))
}

fn connecting(
    measured: &Measured,
    door: &str,
    (endpoint, request): (&Endpoint, &[u8]),
    floor: &Floor,
) -> anyhow::Result<Row> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..measured.rounds(2_000) {
        for (endpoint, times) in [&floor.endpoint, endpoint].into_iter().zip(&mut times) {
            times.push(timed(|| -> anyhow::Result<()> {
                endpoint.connect()?.fetch(request)?;
                Ok(())
            })?);
        }
    }
    let [floor, time] = times.map(|mut it| Quantity::Time(median(&mut it)));
    Ok(Row::new(
        &format!("document over the {door} door, new connection, p50"),
        time,
        Budget::Unbudgeted,
    )
    .above(floor))
}
