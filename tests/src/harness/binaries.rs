//! The programs under test: built once, and put where anyone may run them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, io};

/// Every program a scenario may start.
const PROGRAMS: [&str; 4] = ["rolecall", "rolecalld", "fake-aws", "sdk-rust"];

/// Where the programs are: `ROLECALL_BIN_DIR` if set (packages and releases are tested so), else
/// cargo's directory, after building them once in this process.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| std::env::var_os("ROLECALL_BIN_DIR").map_or_else(build, PathBuf::from))
}

/// `target/<profile>`, which is two levels above a test's own executable.
pub(super) fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test has an executable");
    let deps = test.parent().expect("it is in a directory");
    if deps.file_name() == Some(OsStr::new("deps")) {
        deps.parent().expect("deps is in a directory").into()
    } else {
        deps.into()
    }
}

/// Builds exactly what `tests/run` built before it, so that normally there is nothing to do: with
/// other packages selected, cargo would choose other features and build every dependency again.
fn build() -> PathBuf {
    let directory = profile_directory();
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let target = directory.parent().expect("the profile is in target/");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo says about this test's package is not for the build of others.
    for (name, _) in std::env::vars_os() {
        if let Some(text) = name.to_str()
            && (text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(&name);
        }
    }
    let status = command.status().expect("cargo can be started");
    assert!(status.success(), "cargo build: {status}");
    directory
}

/// Puts the programs into `place`: as links where possible, for the directory they are in may be
/// closed to the user who shall run them.
pub(super) fn install(place: &Path) -> io::Result<()> {
    for program in PROGRAMS {
        let from = directory().join(program);
        // A release has the daemon and the client only.
        if from.exists() {
            let to = place.join(program);
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
        }
    }
    Ok(())
}
