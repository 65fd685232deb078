//! Real SDKs as clients: Python's (boto3 and the AWS CLI) and Rust's.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::World;
use super::binaries::profile_directory;
use super::process::run;

/// Cargo's target directory, where `tests/prepare` puts what it makes.
///
/// # Panics
/// When this program is not in it.
pub fn target_directory() -> PathBuf {
    let profile = profile_directory();
    profile
        .parent()
        .expect("it is in the target directory")
        .into()
}

/// The Python environment that `tests/prepare` made, or the one `ROLECALL_VENV` names.
fn environment() -> PathBuf {
    std::env::var_os("ROLECALL_VENV").map_or_else(|| target_directory().join("venv"), PathBuf::from)
}

/// Whether boto3's Python is there. Where it is not, a test that needs it says so and is done: `cargo test` needs
/// Rust and a C compiler only. `make test` makes it, and under `ROLECALL_TEST_COMPLETE` its absence is a failure.
///
/// # Panics
/// When it is missing where it must not be.
#[expect(clippy::print_stderr, reason = "the tests' own output")]
pub fn python_is_there() -> bool {
    let there = environment().join("bin/python3").exists();
    assert!(
        there || std::env::var_os("ROLECALL_TEST_COMPLETE").is_none(),
        "there is no Python environment; `make prepare` makes it"
    );
    if !there {
        eprintln!("skipped: needs the Python environment that `make prepare` makes");
    }
    there
}

impl World {
    /// One of the scripts in `tests/sdk/python`, to be run by boto3's Python as the user.
    ///
    /// # Panics
    /// When the script or the Python environment is missing, or is not for the user to run.
    #[track_caller]
    pub fn python(&self, script: &str) -> Command {
        let mut command = self.in_environment("python3");
        command.arg(self.script(&format!("python/{script}")));
        command
    }

    /// A copy of a file of `tests/sdk` that the user may read: the repository may be closed to them.
    ///
    /// # Panics
    /// When there is no such file.
    #[track_caller]
    pub(crate) fn script(&self, path: &str) -> PathBuf {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sdk");
        let text = std::fs::read_to_string(source.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let name = path.rsplit('/').next().unwrap_or(path);
        let copy = format!("tmp/{name}");
        self.write(&copy, &text);
        self.path(&copy)
    }

    /// The AWS CLI, to be run as the user.
    ///
    /// # Panics
    /// When the Python environment is missing, or is not for the user to run.
    #[track_caller]
    pub fn aws_cli(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_environment("aws");
        command.args(arguments).env("AWS_PAGER", "");
        command
    }

    /// moto's server, to be run as the user; another implementation of STS than ours.
    ///
    /// # Panics
    /// When the Python environment is missing, or is not for the user to run.
    #[track_caller]
    pub fn moto(&self, port: u16) -> Command {
        let mut command = self.in_environment("moto_server");
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command
    }

    #[track_caller]
    fn in_environment(&self, program: &str) -> Command {
        static RUNS: OnceLock<bool> = OnceLock::new();
        let python = environment().join("bin/python3");
        let check = || {
            let mut command = self.command(&python);
            python.exists() && run(command.args(["-c", "import boto3"])).status.success()
        };
        assert!(
            RUNS.get_or_init(check),
            "the user {} cannot run {} with boto3: run tests/prepare, or name a Python environment \
             that everyone may read in ROLECALL_VENV",
            self.user().uid,
            python.display()
        );
        // Not by the first line of the program: it names the place the environment was made in.
        let mut command = self.command(python);
        if program != "python3" {
            command.arg(environment().join("bin").join(program));
        }
        command
    }

    /// The Rust SDK with its default chain: `once`, `each` or `watch` (see `src/bin/sdk-rust.rs`).
    pub fn rust_sdk(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("sdk-rust");
        command.args(arguments);
        command
    }
}
