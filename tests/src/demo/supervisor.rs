//! Makes the directory, starts the tour in it, and leaves nothing behind whatever comes of it.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::interrupt::{Interrupt, Interrupted};
use super::running::Running;

/// `nobody`: whom the tour runs as where the supervisor is root.
const NOBODY: u32 = 65534;

/// What the tour needs, from the directory this executable is in, and what it is called there. The AWS
/// SDK for Rust stands in for two programs of the visitor's.
const PROGRAMS: [(&str, &str); 6] = [
    ("demo", "demo"),
    ("fake-aws", "fake-aws"),
    ("rolecall", "rolecall"),
    ("rolecalld", "rolecalld"),
    ("sdk-rust", "deploy-tool"),
    ("sdk-rust", "legacy-app"),
];

/// Runs the tour; its exit status.
pub(super) fn run(interrupt: &Interrupt, fast: bool) -> anyhow::Result<u8> {
    let directory = tempfile::Builder::new()
        .prefix("rolecall-demo-")
        .rand_bytes(4)
        .tempdir()
        .context("cannot make a temporary directory")?;
    let result = in_directory(interrupt, directory.path(), fast);
    // The tour ends what it started. Should it have been killed itself, it could not.
    end_what_is_left(directory.path());
    directory
        .close()
        .context("cannot remove the temporary directory")?;
    result
}

fn in_directory(interrupt: &Interrupt, directory: &Path, fast: bool) -> anyhow::Result<u8> {
    let tour = install(&directory.join("bin"))?;
    let mut command = Command::new(tour);
    if fast {
        command.arg("--fast");
    }
    command.arg("tour").arg(directory);
    // In a user namespace that holds one user only, nobody else can be given anything: there, "root" is
    // the ordinary user who made it.
    if geteuid().is_root() && chown(directory, Some(NOBODY), Some(NOBODY)).is_ok() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut tour = Running::start("the tour", &mut command)?;
    loop {
        if let Some(status) = tour.ended()? {
            interrupt.check()?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return code.with_context(|| format!("the tour broke off: {status}"));
        }
        if interrupt.came() {
            // On a terminal the tour was told, too; it ends what it started.
            tour.stop()?;
            bail!(Interrupted);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Copies the programs where every user may run them, and gives the tour's path.
fn install(bin: &Path) -> anyhow::Result<std::path::PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let built = own.parent().context("this program is in no directory")?;
    std::fs::create_dir(bin)?;
    for (name, called) in PROGRAMS {
        let (from, to) = (built.join(name), bin.join(called));
        std::fs::copy(&from, &to)
            .and_then(|_| std::fs::set_permissions(&to, PermissionsExt::from_mode(0o755)))
            .with_context(|| format!("cannot copy {} (hint: run `make demo`)", from.display()))?;
    }
    std::fs::set_permissions(bin, PermissionsExt::from_mode(0o755))?;
    Ok(bin.join("demo"))
}

/// Kills every process whose program is one of the copies: nobody else can have started those.
fn end_what_is_left(directory: &Path) {
    for pid in processes().into_iter().flatten() {
        if program_is_in(pid, directory)
            && let Some(pid) = Pid::from_raw(pid)
        {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Every process there is, where the system lists them as files.
fn processes() -> io::Result<Vec<i32>> {
    let names =
        std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

fn program_is_in(pid: i32, directory: &Path) -> bool {
    // Not `exe`: the daemon is not dumpable, so that link is closed to its own user.
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.starts_with(directory.as_os_str().as_bytes()))
}
