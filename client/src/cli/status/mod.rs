//! `rolecall status`: what is there, how long it lasts, who uses it, and what is wrong.

mod check;
mod render;

use rolecall::connection::Target;

use super::arguments;
use super::daemon::{Daemon, QUICK};
use super::failure::{FAILED, Failure, PERSON_NEEDED};
use super::{output, time};
use check::Trouble;

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &arguments::Status) -> Result<(), Failure> {
    if arguments.metrics {
        let metrics = daemon.get_raw(Target::new("/v1/metrics"), QUICK)?;
        return output::print_bytes(metrics.body());
    }
    let answer = daemon.get_raw(Target::new("/v1/status"), QUICK)?;
    if arguments.json {
        // As it came: a newer daemon may say more than this client knows.
        let value: serde_json::Value = super::daemon::read(&answer)?;
        return output::print_json(&value);
    }
    let status = super::daemon::read(&answer)?;
    if !arguments.check {
        return output::print(&render::render(&status, time::now(), output::width()));
    }
    let troubles = check::troubles(&status);
    let text: String = troubles
        .iter()
        .map(|trouble| super::escape::line(trouble.text()) + "\n")
        .collect();
    output::print(&text)?;
    if troubles
        .iter()
        .any(|trouble| matches!(trouble, Trouble::Wrong(_)))
    {
        return Err(Failure::silent(FAILED));
    }
    if troubles.is_empty() {
        Ok(())
    } else {
        Err(Failure::silent(PERSON_NEEDED))
    }
}
