//! `GET /v1/status`, `roles` and `metrics`.

use bytes::Bytes;
use http::StatusCode;
use rolecall::api::{ConfigStatus, RoleStatus, Status};

use super::super::access::nothing_else;
use super::super::answer::{Response, with_body};
use super::super::metrics::Moment;
use super::{Sight, Tools};
use crate::lease::Lease;

/// What Prometheus expects of the text format.
const PROMETHEUS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn status(tools: &Tools, sight: &Sight) -> Status {
    sight.of_status(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uid: tools.uid,
        started: tools.started.to_string(),
        config: tools.control.config_status(),
        roles: roles(tools, sight),
        doors: tools.control.doors(),
        leases: tools.leases.list(),
        challenges: tools.access.challenges().list(),
        lock: tools.access.lock().status(),
        ledger: tools.records.witness().status(),
        store: tools.control.store(),
        notes: tools.control.notes(),
    })
}

pub(super) fn roles(tools: &Tools, sight: &Sight) -> Vec<RoleStatus> {
    let now = tools.clock.now();
    let readers = tools.records.readers();
    tools
        .roles
        .roles()
        .iter()
        .filter(|role| sight.hides(role.role()).is_none())
        .map(|role| {
            let name = role.role().name.as_str();
            let mut status = role.status(now);
            status.consumers = readers.of(name, sight.uid());
            // It tells of everybody's refusals.
            if *sight == Sight::All {
                status.notes.extend(tools.access.note(name, now));
            }
            status
        })
        .collect()
}

pub(super) fn metrics(tools: &Tools) -> Response {
    let text = tools.metrics.text(&Moment {
        roles: &roles(tools, &Sight::All),
        locked: tools.access.lock().since().is_some(),
        challenges: tools.access.challenges().list().len(),
    });
    with_body(StatusCode::OK, PROMETHEUS, Bytes::from(text))
}

/// What is left of `status` for who is inside a fence: the lease, its role, and why there is no more.
pub(super) fn confined(tools: &Tools, sight: &Sight, lease: &Lease) -> Status {
    Status {
        config: ConfigStatus {
            files: Vec::new(),
            problems: Vec::new(),
            ..tools.control.config_status()
        },
        roles: confined_roles(tools, lease),
        doors: Vec::new(),
        leases: vec![tools.leases.status(lease)],
        challenges: Vec::new(),
        notes: vec![nothing_else(lease).message],
        ..status(tools, sight)
    }
}

/// The lease's role, if it still may be had.
pub(super) fn confined_roles(tools: &Tools, lease: &Lease) -> Vec<RoleStatus> {
    if !tools.leases.is_live(lease) {
        return Vec::new();
    }
    let role = if lease.is_narrowed() {
        tools.roles.narrowed(lease.id())
    } else {
        tools.roles.role(lease.role())
    };
    let now = tools.clock.now();
    role.iter().map(|role| role.status(now)).collect()
}
