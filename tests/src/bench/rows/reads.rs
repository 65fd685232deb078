//! Credentials over the socket: a connection that is kept, and a caller that is new.

use super::super::callers;
use super::super::floor::Floor;
use super::super::row::{Budget, Quantity, Row};
use super::super::statistics::median;
use super::super::world::{World, credentials_path};
use super::{Measured, Reader, in_turn};

pub(super) fn rows(measured: &Measured, world: &World) -> anyhow::Result<Vec<Row>> {
    let body = world.credentials(0)?;
    let socket = measured.work.join("floor.sock");
    let floor = Floor::unix(&measured.programs.bench, socket.clone(), &body)?;

    let request = world.credentials_request(0);
    let mut readers = [
        Reader::new(floor.endpoint.connect()?, request.clone()),
        Reader::new(world.socket().connect()?, request),
    ];
    in_turn(&mut readers, measured.rounds(40), 500, 0.5)?;
    let [floor_time, time] = readers.map(Reader::result);
    let kept = Row::new(
        "credentials over the socket, keep-alive, p50",
        Quantity::Time(time),
        Budget::AtMostTimes(1.15),
    )
    .above(Quantity::Time(floor_time))
    .note(format!(
        "floor: bare hyper, the same body of {} bytes",
        body.len()
    ));

    let request = world.credentials_request(0);
    let mut readers = [
        Reader::new(floor.endpoint.connect()?, request.clone()),
        Reader::new(floor.endpoint.connect()?, request),
    ];
    in_turn(&mut readers, measured.rounds(40), 500, 0.5)?;
    let [once, again] = readers.map(Reader::result);
    let noise = Row::new(
        "that floor against itself: how far a ratio is off",
        Quantity::Time(again),
        Budget::Unbudgeted,
    )
    .above(Quantity::Time(once));

    // The daemon looks behind its own client, which it knows by its name.
    let place = measured.work.join("callers");
    std::fs::create_dir(&place)?;
    let client = place.join("rolecall");
    std::fs::copy(&measured.programs.bench, &client)?;
    let (mut floors, mut times) = callers::measure(
        &client,
        measured.rounds(300),
        &socket,
        &world.socket_path(),
        &credentials_path(0),
    )?;
    let new = Row::new(
        "the same, new connection of a new process, p50",
        Quantity::Time(median(&mut times)),
        Budget::AtMostTimes(2.0),
    )
    .above(Quantity::Time(median(&mut floors)))
    .note(format!(
        "a process each, {} ancestors read; floor: bare hyper, connect and request",
        callers::NEST + 1
    ));
    Ok(vec![kept, noise, new])
}
