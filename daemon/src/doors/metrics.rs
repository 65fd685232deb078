//! Counters, as Prometheus text (`GET /v1/metrics`).

use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rolecall::api::{Door, RoleStatus};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::connections::Connections;
use crate::clock::Timestamp;

/// Statuses that doors answer with; the first stands for all others.
const STATUSES: [&str; 16] = [
    "other", "200", "201", "204", "400", "401", "403", "404", "405", "408", "409", "413", "414",
    "431", "502", "503",
];

const DOORS: [Door; 3] = [Door::Container, Door::Imds, Door::Socket];

/// All counters of the daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Looked up once, so that counting an answer is one addition.
    answers: [[Counter; STATUSES.len()]; DOORS.len()],
    refusals: Family<RefusalLabels, Counter>,
    attempts: Family<EventLabels, Counter>,
    connections: Family<DoorLabels, Gauge>,
    held: Family<RoleLabels, Gauge>,
    seconds_left: Family<RoleLabels, Gauge>,
    locked: Gauge,
    challenges: Gauge,
    watched: Mutex<Vec<(Door, Weak<Connections>)>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    door: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    door: &'static str,
    rule: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    role: String,
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RoleLabels {
    role: String,
}

/// What is read when metrics are.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Every role.
    pub roles: &'a [RoleStatus],
    /// Whether the doors are locked.
    pub locked: bool,
    /// How many questions wait for a person.
    pub challenges: usize,
}

/// What metrics read of a ledger record.
#[derive(Deserialize)]
struct Seen {
    event: String,
    role: Option<String>,
}

impl Metrics {
    /// All at zero; the daemon started at `started`.
    pub fn new(started: Timestamp) -> Arc<Self> {
        let mut registry = Registry::with_prefix("rolecall");
        let answers = Family::<AnswerLabels, Counter>::default();
        let refusals = Family::default();
        let attempts = Family::default();
        let connections = Family::default();
        let held = Family::default();
        let seconds_left = Family::default();
        let (locked, challenges) = (Gauge::default(), Gauge::default());
        let start = Gauge::<i64>::default();
        start.set(started.as_secs());
        registry.register("answers", "Answers by door and status", answers.clone());
        registry.register("refusals", "Refusals by door and rule", refusals.clone());
        registry.register(
            "steps",
            "Attempts at AWS and their ends, by role",
            attempts.clone(),
        );
        registry.register("connections", "Connections by door", connections.clone());
        registry.register(
            "session_held",
            "Whether a role's session is held",
            held.clone(),
        );
        registry.register(
            "session_seconds_left",
            "Seconds until a role's session ends",
            seconds_left.clone(),
        );
        registry.register(
            "locked",
            "Whether the doors are locked",
            Gauge::clone(&locked),
        );
        registry.register(
            "challenges",
            "Questions that wait for a person",
            Gauge::clone(&challenges),
        );
        registry.register("start_time_seconds", "When the daemon started", start);
        registry.register(
            "build",
            "The daemon",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let counter = |door, status| {
            let door = door_name(door);
            answers.get_or_create_owned(&AnswerLabels { door, status })
        };
        Arc::new(Self {
            answers: DOORS.map(|door| STATUSES.map(|status| counter(door, status))),
            registry,
            refusals,
            attempts,
            connections,
            held,
            seconds_left,
            locked,
            challenges,
            watched: Mutex::default(),
        })
    }

    /// An answer went out.
    pub fn answered(&self, door: Door, status: StatusCode) {
        let status = STATUSES
            .iter()
            .position(|&known| known == status.as_str())
            .unwrap_or(0);
        self.answers[door_index(door)][status].inc();
    }

    /// `rule` refused somebody.
    pub fn refused(&self, door: Door, rule: &'static str) {
        let door = door_name(door);
        self.refusals
            .get_or_create(&RefusalLabels { door, rule })
            .inc();
    }

    /// Counts the records of `news` until the ledger closes. Records missed in a flood are not counted.
    pub async fn follow(self: Arc<Self>, mut news: broadcast::Receiver<Arc<str>>) {
        loop {
            match news.recv().await {
                Ok(line) => self.recorded(&line),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// A record went into the ledger: attempts and their ends are counted.
    fn recorded(&self, line: &str) {
        let Ok(seen) = serde_json::from_str::<Seen>(line) else {
            return;
        };
        let event = match seen.event.as_str() {
            "attempt" => "attempt",
            "issued" => "issued",
            "failed" => "failed",
            "unknown" => "unknown",
            _ => return,
        };
        for role in seen.role.as_deref().unwrap_or_default().split(',') {
            let role = role.to_owned();
            self.attempts
                .get_or_create(&EventLabels { role, event })
                .inc();
        }
    }

    /// Shows how many connections a listener has.
    pub fn watch_connections(&self, door: Door, connections: &Arc<Connections>) {
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((door, Arc::downgrade(connections)));
    }

    /// Everything, as it is at this moment.
    pub fn text(&self, moment: &Moment<'_>) -> String {
        self.locked.set(i64::from(moment.locked));
        self.challenges
            .set(i64::try_from(moment.challenges).unwrap_or(i64::MAX));
        self.held.clear();
        self.seconds_left.clear();
        for status in moment.roles {
            let role = RoleLabels {
                role: status.name.clone(),
            };
            let left = status
                .session
                .as_ref()
                .map(|session| i64::try_from(session.remaining_seconds).unwrap_or(i64::MAX));
            self.held
                .get_or_create(&role)
                .set(i64::from(left.is_some()));
            if let Some(left) = left {
                self.seconds_left.get_or_create(&role).set(left);
            }
        }
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|(_, connections)| connections.strong_count() > 0);
        for door in DOORS {
            let count: usize = watched
                .iter()
                .filter(|(watched, _)| *watched == door)
                .filter_map(|(_, connections)| Some(connections.upgrade()?.count()))
                .sum();
            let door = door_name(door);
            self.connections
                .get_or_create(&DoorLabels { door })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        drop(watched);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn door_index(door: Door) -> usize {
    match door {
        Door::Container => 0,
        Door::Imds => 1,
        Door::Socket => 2,
    }
}

/// A door's name, as in JSON.
pub fn door_name(door: Door) -> &'static str {
    match door {
        Door::Container => "container",
        Door::Imds => "imds",
        Door::Socket => "socket",
    }
}
