//! `rolecall lock` and `rolecall unlock`.

use std::fmt::Write as _;
use std::time::Duration;

use rolecall::api::{LockReport, LockRequest, UnlockDemand};
use rolecall::connection::Target;

use super::arguments::{Lock, Unlock};
use super::daemon::Daemon;
use super::failure::Failure;
use super::output;

/// Files of many leases may have to be removed.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `lock`.
pub(crate) fn lock(daemon: &Daemon, arguments: &Lock) -> Result<(), Failure> {
    let request = LockRequest {
        revoke: arguments.revoke,
    };
    let report: LockReport = daemon.post(Target::new("/v1/lock"), &request, LIMIT)?;
    if arguments.json {
        return output::print_json(&report);
    }
    let mut text = if report.changed {
        "locked: the doors hand out nothing until `rolecall unlock`".to_owned()
    } else {
        "the doors were locked already".to_owned()
    };
    if arguments.revoke {
        let plural = if report.ended_leases == 1 { "" } else { "s" };
        // Writing to a String does not fail.
        let _ = write!(text, "; {} lease{plural} ended", report.ended_leases);
    }
    text.push('\n');
    text.push_str(demand(report.lock.unlock));
    output::print(&text)
}

/// Runs `unlock`.
pub(crate) fn unlock(daemon: &Daemon, arguments: &Unlock) -> Result<(), Failure> {
    let target = Target::new("/v1/unlock");
    let report: LockReport = daemon.post(target, &serde_json::json!({}), LIMIT)?;
    if arguments.json {
        return output::print_json(&report);
    }
    let text = if report.changed {
        "unlocked\n"
    } else {
        "the doors were not locked\n"
    };
    output::print(&format!("{text}{}", demand(report.lock.unlock)))
}

/// What unlocking asks of a person.
fn demand(demand: UnlockDemand) -> &'static str {
    match demand {
        UnlockDemand::Nothing => {
            "note: the lock is advisory: nothing is configured that unlocking would ask for, so any program of \
             yours can unlock\n"
        }
        _ => "",
    }
}
