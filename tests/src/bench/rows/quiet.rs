//! A daemon with ten sessions that nobody asks for anything: its memory, and how often it wakes.

use std::thread::JoinHandle;
use std::time::Duration;

use super::super::children::{resident, switches};
use super::super::floor::Floor;
use super::super::row::{Budget, Quantity, Row};
use super::super::world::{Plan, World};
use super::Measured;

const ROLES: usize = 10;

/// What these rows are called together.
pub(super) const GROUP: &str = "memory and wake-ups";

/// After the last read: what a read leaves behind (timers of its connection, threads that end when
/// they are not needed for ten seconds, the connection to AWS that is kept for a while) is over.
const SETTLE: Duration = Duration::from_secs(50);

/// The daemon, watched while other rows are measured: what they cost does not wake it.
#[derive(Debug)]
pub(super) struct Quiet {
    /// Kept until the counters have been read.
    _world: World,
    _floor: Floor,
    watch: JoinHandle<anyhow::Result<Seen>>,
}

#[derive(Debug)]
struct Seen {
    resident: u64,
    floor: u64,
    switches: u64,
    window: Duration,
}

impl Quiet {
    /// Starts the daemon, has every role read, and begins to watch.
    pub(super) fn begin(measured: &Measured) -> anyhow::Result<Self> {
        let plan = Plan {
            roles: ROLES,
            imds: true,
            keep_fresh: false,
        };
        let world = World::started(plan)?;
        for role in 0..ROLES {
            world.credentials(role)?;
        }
        for (endpoint, request) in [world.imds_document()?, world.container_document()?] {
            endpoint.connect()?.fetch(&request)?;
        }
        let socket = measured.work.join("quiet.sock");
        let floor = Floor::unix(&measured.programs.bench, socket, b"{}")?;
        floor
            .endpoint
            .connect()?
            .fetch(&floor.endpoint.request("GET", "/", &[]))?;

        let (pid, floor_pid) = (world.pid(), floor.pid());
        let window = Duration::from_secs(if measured.quick { 10 } else { 60 });
        let watch = std::thread::spawn(move || {
            std::thread::sleep(SETTLE);
            let before = switches(pid)?;
            std::thread::sleep(window);
            Ok(Seen {
                switches: switches(pid)? - before,
                resident: resident(pid)?,
                floor: resident(floor_pid)?,
                window,
            })
        });
        Ok(Self {
            _world: world,
            _floor: floor,
            watch,
        })
    }

    /// Waits for the end of the window.
    pub(super) fn rows(self) -> anyhow::Result<Vec<Row>> {
        let seen = self
            .watch
            .join()
            .map_err(|_| anyhow::anyhow!("the watch panicked"))??;
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let per_minute = seen.switches as f64 * 60.0 / seen.window.as_secs_f64();
        Ok(vec![
            Row::new(
                &format!("resident memory, {ROLES} roles, idle"),
                Quantity::Bytes(seen.resident),
                Budget::AtMost(Quantity::Bytes(12_000_000)),
            )
            .above(Quantity::Bytes(seen.floor))
            .note("VmRSS, sessions read over three doors; floor: bare hyper".into()),
            Row::new(
                "idle process: wake-ups, nothing due",
                Quantity::PerMinute(per_minute),
                Budget::AtMost(Quantity::PerMinute(2.0)),
            )
            .note(format!(
                "context switches of all threads within {} s, from {} s after the last read",
                seen.window.as_secs(),
                SETTLE.as_secs()
            )),
        ])
    }
}
