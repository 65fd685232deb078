//! `rolecall setup`: puts profiles of `~/.aws/config` behind rolecall, and takes that back.
//!
//! The daemon plans (it reads configurations), this shows, asks, writes and remembers: a sandboxed
//! daemon needs no right to write there.

mod backward;
mod confirm;
mod diff;
mod files;
mod hunks;
mod journal;
mod undo;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall::api::{FileEdit, SetupPlan, SetupRequest};
use rolecall::connection::Target;
use zeroize::Zeroizing;

use super::arguments::Setup;
use super::daemon::Daemon;
use super::failure::{FAILED, Failure};
use super::once::Once;
use super::{escape, output, reload, time};
use confirm::confirm;
use files::Change;
use journal::{Changed, Run};

/// Reading a few files.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Setup) -> Result<(), Failure> {
    if arguments.undo {
        return backward::run(daemon, arguments);
    }
    let request = SetupRequest {
        profiles: arguments.profiles.clone(),
        client: client_path()?,
    };
    let once = Once::unless_running(daemon, arguments.config.as_deref())?;
    let plan: SetupPlan = once
        .daemon()
        .post(Target::new("/v1/config/setup"), &request, LIMIT)?;
    let is_lasting = once.is_lasting();
    // Before the question: who interrupts it should leave no directory behind.
    drop(once);
    let mut text = String::new();
    for skipped in &plan.skipped {
        let _ = writeln!(
            text,
            "{} is left alone: {}",
            escape::line(&skipped.profile),
            escape::line(&skipped.reason)
        );
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
        let copy = escape::line(&copy.to_string_lossy());
        let _ = writeln!(done, "the file as it was: {copy}");
    }
    done.push_str("to take it back: rolecall setup --undo\n");
    output::print(&done)?;
    if is_lasting {
        tell(daemon)?;
    }
    Ok(())
}

/// This program's path, as the `credential_process` line names it. The path by which PATH finds it
/// goes before the real one: package managers put a link there that outlives an upgrade.
fn client_path() -> Result<String, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::caused("cannot tell where rolecall is installed", &error))?;
    let real = own.canonicalize().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join("rolecall"))
        .filter(|candidate| candidate.to_str().is_some_and(is_plain_path))
        .find(|candidate| real.is_some() && candidate.canonicalize().ok() == real);
    let text = found.unwrap_or(own).to_string_lossy().into_owned();
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
            waits: false,
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

/// Writes and remembers. The journal goes first: a run that is cut off half-way can still be undone,
/// and one that did nothing is undone by doing nothing.
fn write(changes: &[Change], run: Run, stamp: &str) -> Result<Vec<PathBuf>, Failure> {
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
