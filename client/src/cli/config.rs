//! `rolecall config check`: what is wrong with the configuration as it is on disk.

use std::fmt::Write as _;
use std::time::Duration;

use rolecall::api::ConfigReport;
use rolecall::connection::Target;

use super::arguments::Check;
use super::daemon::Daemon;
use super::failure::{FAILED, Failure};
use super::once::Once;
use super::{escape, output, problems};

/// Reading a few files.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Check) -> Result<(), Failure> {
    let once = Once::unless_running(daemon, arguments.config.as_deref())?;
    let report: ConfigReport = once.daemon().post(
        Target::new("/v1/config/check"),
        &serde_json::json!({}),
        LIMIT,
    )?;
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&render(&report))?;
    }
    if problems::has_error(&report.problems) {
        Err(Failure::silent(FAILED))
    } else {
        Ok(())
    }
}

fn render(report: &ConfigReport) -> String {
    let mut text = problems::render(&report.problems);
    let files: Vec<_> = report.files.iter().map(|file| escape::line(file)).collect();
    let files = match files.as_slice() {
        [] => "no files".to_owned(),
        files => files.join(", "),
    };
    let roles: Vec<_> = report.roles.iter().map(|role| escape::line(role)).collect();
    let roles = match roles.as_slice() {
        [] => "no roles".to_owned(),
        [one] => format!("1 role: {one}"),
        many => format!("{} roles: {}", many.len(), many.join(", ")),
    };
    let _ = writeln!(text, "read {files}\n{roles}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_read_and_found() {
        let mut report = ConfigReport {
            files: vec!["/a".to_owned(), "/b".to_owned()],
            roles: vec!["dev".to_owned(), "prod".to_owned()],
            problems: vec![],
        };
        assert_eq!(render(&report), "read /a, /b\n2 roles: dev, prod\n");
        (report.files, report.roles) = (vec![], vec![]);
        assert_eq!(render(&report), "read no files\nno roles\n");
    }
}
