//! `rolecall reload`: reads the configuration again.

use std::time::Duration;

use rolecall::api::ReloadReport;
use rolecall::connection::Target;

use super::arguments::Reload;
use super::daemon::{Daemon, read};
use super::failure::{self, FAILED, Failure};
use super::{escape, output, problems};

/// Roles may have to be resolved anew; nothing waits for AWS.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Reload) -> Result<(), Failure> {
    let report = reload(daemon)?;
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&render(&report))?;
    }
    if report.applied {
        Ok(())
    } else {
        Err(Failure::silent(FAILED))
    }
}

/// What the daemon says, whether it took the new configuration or not.
pub(crate) fn reload(daemon: &Daemon) -> Result<ReloadReport, Failure> {
    let response = daemon.post_raw(Target::new("/v1/reload"), &serde_json::json!({}), LIMIT)?;
    match response.status() {
        200 => read(&response),
        409 => read(&response).map_err(|_| failure::of_answer(&response)),
        _ => Err(failure::of_answer(&response)),
    }
}

/// Changes and problems, for a person.
pub(crate) fn render(report: &ReloadReport) -> String {
    let mut text = problems::render(&report.problems);
    if report.applied {
        for change in &report.changes {
            text.push_str(&escape::line(change));
            text.push('\n');
        }
        if report.changes.is_empty() {
            text.push_str("read again; nothing changed\n");
        }
    } else {
        text.push_str("not reloaded: the old configuration stays in force\n");
    }
    text
}
