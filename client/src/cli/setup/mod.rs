//! `rolecall setup`: puts profiles of `~/.aws/config` behind rolecall, and takes that back.
//!
//! The daemon plans (it reads configurations), this shows, asks, writes and remembers: a sandboxed
//! daemon needs no right to write there.

mod diff;
mod files;
mod hunks;
mod journal;
mod undo;

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use rolecall::api::{FileEdit, SetupPlan, SetupRequest};
use rolecall::connection::Target;
use zeroize::Zeroizing;

use super::arguments::Setup;
use super::daemon::Daemon;
use super::failure::{FAILED, Failure, PERSON_NEEDED};
use super::once::{self, Once};
use super::{escape, output, reload, time};
use files::Change;
use journal::{Changed, Run};

/// Reading a few files.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Setup) -> Result<(), Failure> {
    if arguments.undo {
        return take_back(daemon, arguments);
    }
    let request = SetupRequest {
        profiles: arguments.profiles.clone(),
        client: client_path()?,
    };
    let once = Once::unless_running(daemon, arguments.config.as_deref())?;
    let plan: SetupPlan = once
        .daemon()
        .post(Target::new("/v1/config/setup"), &request, LIMIT)?;
    let mut text = String::new();
    for skipped in &plan.skipped {
        text.push_str(&format!(
            "{} is left alone: {}\n",
            escape::line(&skipped.profile),
            escape::line(&skipped.reason)
        ));
    }
    if plan.edits.is_empty() {
        output::print(&(text + "nothing to change\n"))?;
        let asked = |profile: &String| {
            plan.skipped
                .iter()
                .any(|skipped| skipped.profile == *profile)
        };
        return if arguments.profiles.iter().any(asked) {
            Err(Failure::silent(FAILED))
        } else {
            Ok(())
        };
    }
    let (changes, changed) = prepare(&plan.edits)?;
    text.push_str(&shown(&changes));
    output::print(&text)?;
    if arguments.dry_run {
        return Ok(());
    }
    confirm("write these changes?", arguments.yes)?;
    let now = time::now();
    let run = Run {
        at: now,
        profiles: plan.moved.clone(),
        files: changed,
    };
    let copies = write(&changes, run, &time::compact(now))?;
    let mut done = format!("moved {}\n", escape::line(&plan.moved.join(", ")));
    for copy in copies {
        done.push_str(&format!(
            "the file as it was: {}\n",
            escape::line(&copy.to_string_lossy())
        ));
    }
    done.push_str("to take it back: rolecall setup --undo\n");
    output::print(&done)?;
    if once.is_lasting() {
        tell(daemon)?;
    }
    Ok(())
}

/// This program's path, as the `credential_process` line names it.
fn client_path() -> Result<String, Failure> {
    let path = std::env::current_exe()
        .map_err(|error| Failure::caused("cannot tell where rolecall is installed", &error))?;
    let text = path.to_string_lossy().into_owned();
    if is_plain_path(&text) {
        return Ok(text);
    }
    Err(Failure::new(format!(
        "rolecall is installed as {text:?}, which some AWS SDKs cannot start from a credential_process line"
    ))
    .hint("install it under a path of letters, digits, `.`, `_`, `-` and `/` only, such as /usr/local/bin"))
}

/// Client contract 97: SDKs split, unquote and pass such lines to shells in different ways.
fn is_plain_path(path: &str) -> bool {
    path.len() > 1
        && path.starts_with('/')
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
}

/// What the plan makes of the files as they are.
fn prepare(edits: &[FileEdit]) -> Result<(Vec<Change>, Vec<Changed>), Failure> {
    let mut changes = Vec::new();
    let mut changed = Vec::new();
    for edit in edits {
        let shown = escape::line(&edit.path);
        let path = Path::new(&edit.path);
        if !path.is_absolute() {
            return Err(Failure::new(format!(
                "rolecalld names {shown}, which is no absolute path"
            )));
        }
        let path = files::real_path(path)
            .map_err(|error| Failure::caused(format!("cannot find {shown}"), &error))?;
        let before = files::read(&path)?;
        let digest = before.as_ref().map(|text| files::sha256(text));
        if digest != edit.sha256 {
            return Err(Failure::new(format!("{shown} was changed meanwhile")).hint("run it again"));
        }
        let old = before.as_ref().map_or("", |text| text.as_str());
        let (after, hunks) = hunks::apply(old, &edit.hunks)
            .map_err(|error| Failure::caused(format!("rolecalld's plan for {shown}"), &error))?;
        changed.push(Changed {
            path: path.clone(),
            before: digest,
            after: files::sha256(&after),
            hunks,
        });
        changes.push(Change {
            path,
            before,
            after: Some(Zeroizing::new(after)),
        });
    }
    Ok((changes, changed))
}

fn shown(changes: &[Change]) -> String {
    changes
        .iter()
        .filter(|change| change.before != change.after)
        .map(|change| {
            let before = change.before.as_ref().map(|text| text.as_str());
            let after = change.after.as_ref().map(|text| text.as_str());
            diff::render(&change.path.to_string_lossy(), before, after)
        })
        .collect()
}

/// Asks the person at the terminal; nobody there is no yes.
fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            Failure::new("nothing written: there is no terminal to ask on")
                .hint("look at the change above, then run it again with --yes")
                .exit(PERSON_NEEDED),
        );
    }
    let mut stderr = anstream::stderr();
    let mut answer = String::new();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut answer))
        .map_err(|error| Failure::caused("cannot ask", &error))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing written")),
    }
}

/// Writes and remembers. The journal goes first: a run that is cut off half-way can still be undone,
/// and one that did nothing is undone by doing nothing.
fn write(changes: &[Change], run: Run, stamp: &str) -> Result<Vec<std::path::PathBuf>, Failure> {
    let path = journal::path()?;
    let before = journal::load(&path)?;
    let mut journal = before.clone();
    journal.runs.push(run);
    journal::store(&path, &journal)?;
    files::write(changes, Some(stamp)).map_err(|mut failure| {
        if let Err(error) = journal::store(&path, &before) {
            failure.message = format!("{}; {}", failure.message, error.message);
        }
        failure
    })
}

/// `setup --undo`: every run, newest first, each file in reverse order, so that a profile is a
/// definition again before its role goes.
fn take_back(daemon: &Daemon, arguments: &Setup) -> Result<(), Failure> {
    let path = journal::path()?;
    let mut journal = journal::load(&path)?;
    if journal.runs.is_empty() {
        return output::print("nothing to undo\n");
    }
    let (changes, left) = plan_undo(&journal.runs)?;
    let mut text = shown(&changes);
    for changed in left.iter().flat_map(|run| &run.files) {
        text.push_str(&format!(
            "{} was changed since: {} of setup's changes cannot be found any more and must be undone by hand\n",
            escape::line(&changed.path.to_string_lossy()),
            changed.hunks.len()
        ));
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
        tell(daemon)?;
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
            let known = changes
                .iter()
                .position(|change| change.path == changed.path);
            let index = match known {
                Some(index) => index,
                None => {
                    let before = files::read(&changed.path)?;
                    changes.push(Change {
                        path: changed.path.clone(),
                        after: before.clone(),
                        before,
                    });
                    changes.len() - 1
                }
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

/// Lets the running daemon know.
fn tell(daemon: &Daemon) -> Result<(), Failure> {
    let report = reload::reload(daemon)?;
    output::print(&reload::render(&report))?;
    if report.applied {
        Ok(())
    } else {
        Err(Failure::silent(FAILED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_every_sdk_can_start() {
        assert!(is_plain_path("/usr/local/bin/rolecall-1.0_x"));
        for path in [
            "",
            "/",
            "rolecall",
            "/a b/rolecall",
            "/a'b",
            "/é",
            "/a#b",
            "/x (deleted)",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
