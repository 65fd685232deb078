//! The SDKs' programs: where they are, and how they are started.

use std::path::PathBuf;
use std::process::Command;

use super::Sdk;
use crate::harness::{World, python_is_there, target_directory};

/// A client that does nothing but ask STS needs no more, and says nothing of its own on standard error.
const JAVA: [&str; 5] = [
    "-Xmx64m",
    "-Xshare:auto",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
];

impl Sdk {
    /// The directory of `tests/sdk`, and below the target directory the one that `tests/prepare` builds
    /// it into, and what it needs for that; nothing where it comes with the Python environment or cargo.
    fn built(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Boto3 | Self::AwsCli | Self::Rust => None,
            Self::JavaScript => Some(("javascript", "npm")),
            Self::GoV2 => Some(("go-v2", "go")),
            Self::GoV1 => Some(("go-v1", "go")),
            Self::Java => Some(("java", "mvn")),
            Self::Crt => Some(("crt", "python3")),
        }
    }

    /// Whether its program is there. Where it is not, a test that needs it says so and is done. Under
    /// `ROLECALL_TEST_COMPLETE`, what `make prepare` could have made must be there.
    ///
    /// # Panics
    /// When it is missing where it must not be.
    #[expect(clippy::print_stderr, reason = "the tests' own output")]
    pub fn is_there(self) -> bool {
        let Some((directory, tool)) = self.built() else {
            return self == Self::Rust || python_is_there();
        };
        if place(directory).join("stamp").exists() {
            return true;
        }
        assert!(
            std::env::var_os("ROLECALL_TEST_COMPLETE").is_none() || !on_path(tool),
            "the client of {} is not built; `make prepare` builds it",
            self.name()
        );
        eprintln!(
            "skipped: {} needs what `make prepare` builds with {tool}",
            self.name()
        );
        false
    }
}

fn place(directory: &str) -> PathBuf {
    target_directory().join("sdk").join(directory)
}

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(tool).exists())
}

impl World {
    /// The program of `sdk` in this mode, to be run as the user. The AWS CLI knows `once` only.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn sdk(&self, sdk: Sdk, mode: &str) -> Command {
        let mut command = match sdk {
            Sdk::AwsCli => {
                assert_eq!(mode, "once", "a command of the AWS CLI asks once");
                return self.aws_cli(&["sts", "get-caller-identity", "--output", "json"]);
            }
            Sdk::Boto3 => self.python("identity.py"),
            Sdk::Rust => self.rust_sdk(&[]),
            Sdk::GoV2 => self.command(place("go-v2").join("client")),
            Sdk::GoV1 => self.command(place("go-v1").join("client")),
            Sdk::JavaScript => {
                let mut command = self.command("node");
                command.arg(place("javascript").join("client.js"));
                command
            }
            Sdk::Java => {
                let (classes, jars) = (place("java/classes"), place("java/lib/*"));
                let mut command = self.command("java");
                command.args(JAVA).arg("-cp");
                command.arg(format!("{}:{}", classes.display(), jars.display()));
                command.arg("rolecall.Client");
                command
            }
            Sdk::Crt => {
                let mut command = self.command(place("crt").join("bin/python3"));
                command.arg(self.script("crt/client.py"));
                command
            }
        };
        command.arg(mode);
        command
    }
}
