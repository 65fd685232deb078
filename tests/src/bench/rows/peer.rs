//! Whose the other end of a loopback TCP connection is: what that adds to every connection.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::ensure;
use rolecalld::sys::sock_diag;

use super::super::row::{Budget, Quantity, Row};
use super::super::statistics::median;
use super::super::stopwatch::timed;
use super::Measured;

/// Queries that are timed together: one alone is not much longer than a look at the clock.
const BATCH: u32 = 200;

pub(super) fn rows(measured: &Measured) -> anyhow::Result<Vec<Row>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, peer) = listener.accept()?;
    let local = far.local_addr()?;
    let uid = sock_diag::query(peer, local)?.map(|it| it.uid);
    ensure!(
        uid == Some(rustix::process::geteuid().as_raw()),
        "the kernel says {uid:?}"
    );
    let mut times = Vec::new();
    for _ in 0..measured.rounds(100) {
        let time = timed(|| (0..BATCH).try_for_each(|_| sock_diag::query(peer, local).map(drop)))?;
        times.push(time / BATCH);
    }
    drop(near);
    Ok(vec![
        Row::new(
            "peer uid and cgroup on loopback TCP, a connection",
            Quantity::Time(median(&mut times)),
            Budget::AtMost(Quantity::Time(Duration::from_micros(3))),
        )
        .note("the daemon's own function, called here".into()),
    ])
}
