//! What signals ask for, done.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::control::Daemon;
use super::logging::Logging;
use super::signals::{Order, Signal};
use crate::clock::{Clock, SystemClock};
use crate::doors::needs::Control;

/// Follows signals until one says stop.
pub(super) async fn obey(
    signals: &mut mpsc::UnboundedReceiver<Signal>,
    daemon: &Arc<Daemon>,
    logging: &Logging,
) {
    while let Some(signal) = signals.recv().await {
        let Signal {
            order,
            name,
            pid,
            uid,
        } = signal;
        tracing::info!(?pid, ?uid, "signal {name}");
        match order {
            Order::Stop => return,
            Order::Reload => {
                // Not waited for: a TERM must be obeyed while a slow disk is read.
                let daemon = Arc::clone(daemon);
                tokio::spawn(async move {
                    let report = daemon.reload().await;
                    tracing::info!(applied = report.applied, changes = ?report.changes, "reloaded");
                });
            }
            Order::Report => report(daemon),
            Order::ToggleDebug => {
                let on = logging.toggle_debug();
                tracing::info!("debug logging {}", if on { "on" } else { "off" });
            }
        }
    }
}

/// A status report to the log (USR1).
fn report(daemon: &Daemon) {
    let now = SystemClock.now();
    tracing::info!("{}", daemon.summary());
    for entry in daemon.keepers.roles() {
        let status = entry.status(now);
        let left = status
            .session
            .as_ref()
            .map(|session| session.remaining_seconds);
        let failure = status
            .failure
            .as_ref()
            .map(|failure| failure.message.as_str());
        tracing::info!(role = %status.name, state = ?status.state, seconds_left = ?left, failure, "role");
    }
    for door in daemon.doors() {
        tracing::info!(door = ?door.door, address = %door.address, error = ?door.error, "door");
    }
}
