//! What stands behind the doors in tests.

mod control;
mod http;
mod ledger;
mod peers;
mod role;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::access::{self, Access, Fence, Lock};
use super::leased::{self, Leased};
use super::metrics::Metrics;
use super::needs::Witness;
use super::records::Records;
use super::server::Common;
use super::token::TokenKey;
use super::visitor::Admittance;
use crate::challenge::{self, Challenges};
use crate::clock::{Clock, ManualClock, Now, SharedClock, Timestamp};
use crate::lease::{self, Leases};
use crate::ledger::Record;
use crate::secrets::{SeededRandom, SharedRandom};
pub(super) use control::FakeControl;
pub(super) use http::{Taken, ask, head};
pub(super) use ledger::FakeWitness;
pub(super) use peers::{
    FakeProcesses, FakeWhoIs, admittance, process, tcp_visitor, unix_peer, unix_visitor,
};
pub(super) use role::{FakeRole, FakeRoles, problem};

pub(super) const UID: u32 = 1000;
pub(super) const START: Now = Now {
    wall: Timestamp::from_secs(1_767_225_600),
    boot: Duration::from_secs(5000),
};

/// Everything together.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) roles: Arc<FakeRoles>,
    pub(super) dev: Arc<FakeRole>,
    pub(super) witness: Arc<FakeWitness>,
    pub(super) whois: Arc<FakeWhoIs>,
    pub(super) records: Arc<Records>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) control: Arc<FakeControl>,
    pub(super) processes: Arc<FakeProcesses>,
    pub(super) place: tempfile::TempDir,
    pub(super) admittance: watch::Sender<Admittance>,
}

impl World {
    /// With one role, `dev`, in eu-central-1, that has a session.
    pub(super) fn new() -> Self {
        let witness = Arc::new(FakeWitness::default());
        let whois = FakeWhoIs::new(Some(UID));
        let metrics = Metrics::new(START.wall);
        let (records, task) = Records::new(witness.clone(), whois.clone(), metrics.clone());
        tokio::spawn(task);
        let roles = Arc::new(FakeRoles::default());
        let dev = FakeRole::new("dev", Some("eu-central-1"));
        dev.hold("ASIAFIRST", START);
        roles.add(&dev);
        Self {
            clock: ManualClock::new(START),
            roles,
            dev,
            witness,
            whois,
            records,
            metrics,
            control: Arc::default(),
            processes: Arc::default(),
            place: tempfile::tempdir().unwrap(),
            admittance: watch::Sender::new(admittance()),
        }
    }

    pub(super) fn common(&self, whois: Arc<FakeWhoIs>) -> Arc<Common> {
        Arc::new(Common {
            whois,
            records: self.records.clone(),
            metrics: self.metrics.clone(),
            connections: Arc::default(),
            clock: Arc::new(self.clock.clone()),
            admittance: self.admittance.subscribe(),
        })
    }

    pub(super) fn access(&self) -> Arc<Access> {
        Arc::new(self.unfenced())
    }

    /// The same with the bounds and fences of `leases`.
    pub(super) fn fenced(&self, leases: &Leases) -> Arc<Access> {
        let fence = Fence::new(leases.clone(), self.roles.clone());
        Arc::new(self.unfenced().fenced(fence))
    }

    fn unfenced(&self) -> Access {
        let clock: SharedClock = Arc::new(self.clock.clone());
        let random: SharedRandom = Arc::new(SeededRandom::new(3));
        let witness = self.witness.clone();
        let challenges = Challenges::new(challenge::Tools {
            clock: clock.clone(),
            random: random.clone(),
            note: Arc::new(move |record| witness.note(record)),
        });
        let lock = Lock::open(self.place.path(), random, START.wall);
        Access::new(access::Parts {
            whois: self.whois.clone(),
            records: self.records.clone(),
            challenges,
            lock,
            clock,
        })
    }

    pub(super) async fn leases(&self) -> Leases {
        let (witness, pins) = (self.witness.clone(), self.dev.pins.clone());
        Leases::open(lease::Tools {
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(crate::secrets::OsRandom::default()),
            processes: self.processes.clone(),
            note: Arc::new(move |record| witness.note(record)),
            groups: lease::cgroup::Groups::at(self.place.path().join("cgroup")),
            pin: Arc::new(move |name, _lease, _narrowing| {
                assert!(["dev", "x_a_20b"].contains(&name), "{name}");
                role::pin(&pins)
            }),
            boot_id: "boot-a".to_owned(),
            state_directory: self.place.path().join("state"),
            runtime_directory: self.place.path().join("run"),
        })
        .await
        .unwrap()
    }

    pub(super) fn leased(&self, leases: &Leases) -> Arc<Leased> {
        let random = crate::secrets::OsRandom::default();
        Leased::new(leased::Parts {
            roles: self.roles.clone(),
            leases: leases.clone(),
            access: self.fenced(leases),
            records: self.records.clone(),
            common: self.common(self.whois.clone()),
            key: TokenKey::random(&random),
            boot_id: "boot-a".to_owned(),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(random),
        })
    }

    /// Moves time on.
    pub(super) fn later(&self, seconds: u64) -> Now {
        self.clock.advance(Duration::from_secs(seconds));
        self.clock.now()
    }

    /// The records so far.
    pub(super) fn recorded(&self) -> Vec<Record> {
        self.witness.records.lock().unwrap().clone()
    }

    /// Lets background tasks finish until `count` records are there.
    pub(super) async fn until_recorded(&self, count: usize) -> Vec<Record> {
        for _ in 0..1000 {
            if self.recorded().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let records = self.recorded();
        assert_eq!(records.len(), count, "{records:#?}");
        records
    }
}
