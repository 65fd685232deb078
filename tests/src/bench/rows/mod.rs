//! The rows, in the order of docs/performance.md.

mod cold;
mod doors;
mod peer;
mod quiet;
mod reads;
mod shim;
mod sizes;
mod start;
mod upstream;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::row::Row;
use super::statistics::{median, percentile};
use super::stopwatch::timed;
use super::wire::Connection;
use super::world::{Plan, Programs, World};

/// What all rows are measured with.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// The programs.
    pub(super) programs: Programs,
    /// An empty directory.
    pub(super) work: PathBuf,
    /// Fewer rounds.
    pub(super) quick: bool,
    /// How long AWS takes where callers are cold, in seconds.
    pub(super) upstream: u64,
    /// Only groups of rows with this in their name.
    pub(super) only: Option<String>,
}

impl Measured {
    /// So many, or a quarter of it.
    fn rounds(&self, usual: u32) -> u32 {
        if self.quick { usual.div_ceil(4) } else { usual }
    }

    fn wants(&self, group: &str) -> bool {
        self.only.as_ref().is_none_or(|only| group.contains(only))
    }
}

/// Measures every row. A row that cannot be measured is a row that says so.
///
/// # Errors
/// When there is no daemon at all.
pub(super) fn measure(measured: &Measured) -> anyhow::Result<Vec<Row>> {
    // Watched while the others are measured.
    let mut quiet = measured
        .wants(quiet::GROUP)
        .then(|| quiet::Quiet::begin(measured))
        .transpose()?;
    let plan = Plan {
        roles: 1,
        imds: true,
        keep_fresh: false,
    };
    let world = World::started(plan).context("the daemon most rows are about")?;
    world.credentials(0).context("a first session")?;

    let mut rows = Vec::new();
    let mut add = |group: &str, measure: &mut dyn FnMut() -> anyhow::Result<Vec<Row>>| {
        if !measured.wants(group) {
            return;
        }
        // Nobody may be there to see it.
        let _ = writeln!(std::io::stderr(), "measuring: {group}");
        match measure() {
            Ok(new) => rows.extend(new),
            Err(error) => rows.push(Row::failed(group, &error)),
        }
    };
    add("process", &mut || shim::rows(measured, &world));
    add("socket", &mut || reads::rows(measured, &world));
    add("imds and container", &mut || doors::rows(measured, &world));
    add("reads while upstream is in trouble", &mut || {
        upstream::rows(measured, &world)
    });
    add("peer uid", &mut || peer::rows(measured));
    add("start", &mut || start::rows(measured));
    add("cold callers", &mut || cold::rows(measured));
    add(quiet::GROUP, &mut || {
        quiet
            .take()
            .map_or_else(|| Ok(Vec::new()), quiet::Quiet::rows)
    });
    add("sizes", &mut || sizes::rows(measured));
    if measured.only.is_some() {
        return Ok(rows);
    }
    rows.extend(
        [
            "start to ready, 100 sealed sessions on disk",
            "resident memory, 10,000 sessions",
            "renewals, 1,000 kept-fresh roles of equal expiry",
            "`rolecall trace` over 1,000,000 CloudTrail events",
        ]
        .map(Row::later),
    );
    Ok(rows)
}

/// Reads over one connection, in turn with another's: the median over rounds of what `share` of a
/// round's reads stay below.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    request: Vec<u8>,
    rounds: Vec<Duration>,
}

impl Reader {
    fn new(connection: Connection, request: Vec<u8>) -> Self {
        Self {
            connection,
            request,
            rounds: Vec::new(),
        }
    }

    fn round(&mut self, reads: u32, share: f64) -> anyhow::Result<()> {
        let mut times = Vec::with_capacity(reads as usize);
        for _ in 0..reads {
            times.push(timed(|| self.connection.fetch(&self.request).map(drop))?);
        }
        self.rounds.push(percentile(&mut times, share));
        Ok(())
    }

    fn result(mut self) -> Duration {
        median(&mut self.rounds)
    }
}

/// [`Reader`]s in turn, warmed up.
fn in_turn(readers: &mut [Reader; 2], rounds: u32, reads: u32, share: f64) -> anyhow::Result<()> {
    for reader in readers.iter_mut() {
        reader.round(reads, share)?;
        reader.rounds.clear();
    }
    for _ in 0..rounds {
        for reader in readers.iter_mut() {
            reader.round(reads, share)?;
        }
    }
    Ok(())
}
