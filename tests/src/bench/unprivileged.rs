//! The benchmark as nobody: the daemon refuses root, and what users pay is paid by users.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::world::Programs;

/// `nobody`.
const NOBODY: u32 = 65_534;

/// Runs the benchmark again as [`NOBODY`], with copies of the programs where nobody can reach them.
/// True if it came out well; what it wrote as JSON is put into `json`.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run_again(
    programs: &Programs,
    arguments: &[String],
    json: Option<&Path>,
) -> anyhow::Result<bool> {
    let home = tempfile::Builder::new()
        .prefix("rolecall-bench-")
        .tempdir()?;
    let place = Programs::of(home.path());
    let work = home.path().join("work");
    fs::create_dir(&work)?;
    chown(&work, Some(NOBODY), Some(NOBODY))?;
    for directory in [home.path(), &work] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    }
    for (from, to) in [
        (&programs.bench, &place.bench),
        (&programs.rolecall, &place.rolecall),
        (&programs.rolecalld, &place.rolecalld),
    ] {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    }
    let result = work.join("result.json");
    let mut command = Command::new(&place.bench);
    command
        .args(arguments)
        .arg("--work")
        .arg(&work)
        .current_dir(&work);
    if json.is_some() {
        command.arg("--json").arg(&result);
    }
    // As root, the standard library clears the supplementary groups too.
    let status = command.uid(NOBODY).gid(NOBODY).status();
    let good = status
        .context("cannot run the benchmark as nobody")?
        .success();
    if let Some(json) = json
        && result.exists()
    {
        fs::copy(&result, json).with_context(|| format!("cannot write {}", json.display()))?;
    }
    Ok(good)
}
