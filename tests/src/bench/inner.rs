//! The benchmark's inner process: not root, since the daemon refuses root and what users pay is paid
//! by users, and with programs where anyone may run them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::world::Programs;
use crate::harness::User;

/// Runs the benchmark again with these arguments, as an unprivileged user. True if it came out well;
/// what it wrote as JSON is put into `json`.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(
    programs: &Programs,
    arguments: &[String],
    json: Option<&Path>,
) -> anyhow::Result<bool> {
    let user = User::unprivileged();
    let home = tempfile::Builder::new()
        .prefix("rolecall-bench-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()?;
    let place = Programs::of(home.path());
    for (from, to) in [
        (&programs.bench, &place.bench),
        (&programs.rolecall, &place.rolecall),
        (&programs.rolecalld, &place.rolecalld),
    ] {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    }
    let work = home.path().join("work");
    fs::create_dir(&work)?;
    user.own(&work)?;
    let result = work.join("result.json");

    let mut command = Command::new(&place.bench);
    command
        .args(arguments)
        .arg("--work")
        .arg(&work)
        .env("ROLECALL_BIN_DIR", home.path())
        // Whatever is left when it fails goes with this directory.
        .env("TMPDIR", &work)
        .current_dir(&work);
    if json.is_some() {
        command.arg("--json").arg(&result);
    }
    user.apply(&mut command);
    let status = command.status().context("cannot run the inner process")?;
    if let Some(json) = json
        && result.exists()
    {
        fs::copy(&result, json).with_context(|| format!("cannot write {}", json.display()))?;
    }
    Ok(status.success())
}
