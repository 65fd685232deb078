//! `rolecall setup --undo`: takes back what every run did.

use std::fmt::Write as _;

use super::confirm::confirm;
use super::files::{self, Change};
use super::journal::{self, Changed, Run};
use super::undo;
use crate::cli::arguments::Setup;
use crate::cli::daemon::Daemon;
use crate::cli::failure::{FAILED, Failure};
use crate::cli::{escape, once, output};

/// Runs it: newest first, each run's files in reverse order, so that a profile is a definition again
/// before its role goes.
pub(super) fn run(daemon: &Daemon, arguments: &Setup) -> Result<(), Failure> {
    let path = journal::path()?;
    let mut journal = journal::load(&path)?;
    if journal.runs.is_empty() {
        return output::print("nothing to undo\n");
    }
    let (changes, left) = plan_undo(&journal.runs)?;
    let mut text = super::shown(&changes);
    for changed in left.iter().flat_map(|run| &run.files) {
        let path = escape::line(&changed.path.to_string_lossy());
        let _ = if changed.waits {
            writeln!(
                text,
                "{path} keeps the roles that setup put there: not every profile has its definition back"
            )
        } else {
            writeln!(
                text,
                "{path} was changed since: {} of setup's changes cannot be found any more and must be undone by hand",
                changed.hunks.len()
            )
        };
    }
    output::print(&text)?;
    if arguments.dry_run {
        return Ok(());
    }
    let writing: Vec<_> = changes
        .into_iter()
        .filter(|change| change.before != change.after)
        .collect();
    if !writing.is_empty() {
        confirm("undo these changes?", arguments.yes)?;
        files::write(&writing, None)?;
    }
    let is_left = !left.is_empty();
    journal.runs = left;
    journal::store(&path, &journal)?;
    if !writing.is_empty() {
        output::print("undone\n")?;
    }
    if once::is_running(daemon)? {
        super::tell(daemon)?;
    }
    if is_left {
        Err(Failure::silent(FAILED))
    } else {
        Ok(())
    }
}

/// What undoing all of `runs` makes of each file, and what is left of them.
fn plan_undo(runs: &[Run]) -> Result<(Vec<Change>, Vec<Run>), Failure> {
    let mut changes: Vec<Change> = Vec::new();
    let mut left = Vec::new();
    for run in runs.iter().rev() {
        let mut left_files = Vec::new();
        for changed in run.files.iter().rev() {
            // A role goes only when its profile is a definition again, or neither would be left.
            if !left_files.is_empty() {
                left_files.insert(
                    0,
                    Changed {
                        waits: true,
                        ..changed.clone()
                    },
                );
                continue;
            }
            let known = changes
                .iter()
                .position(|change| change.path == changed.path);
            let index = if let Some(index) = known {
                index
            } else {
                let before = files::read(&changed.path)?;
                changes.push(Change {
                    path: changed.path.clone(),
                    after: before.clone(),
                    before,
                });
                changes.len() - 1
            };
            let undone = undo::undo(changed, &changes[index].after);
            changes[index].after = undone.after;
            left_files.splice(0..0, undone.left);
        }
        if !left_files.is_empty() {
            left.insert(
                0,
                Run {
                    files: left_files,
                    ..run.clone()
                },
            );
        }
    }
    Ok((changes, left))
}
