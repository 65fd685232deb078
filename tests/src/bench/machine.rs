//! What the numbers were measured on, and of which versions.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::world::Programs;

/// The table's heading.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
    client: String,
    daemon: String,
    libraries: String,
}

impl Machine {
    /// This one.
    pub(super) fn here(programs: &Programs) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let uname = rustix::system::uname();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.and_then(|it| it.split_once(':')).map_or_else(
                || std::env::consts::ARCH.into(),
                |(_, name)| name.trim().into(),
            ),
            kernel: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            client: version(&programs.rolecall),
            daemon: version(&programs.rolecalld),
            libraries: ["hyper", "tokio"].map(locked).join(", "),
        }
    }

    /// The same as an object.
    pub(super) fn json(&self) -> Value {
        json!({
            "cores": self.cores,
            "processor": self.processor,
            "kernel": self.kernel,
            "client": self.client,
            "daemon": self.daemon,
            "libraries": self.libraries,
        })
    }

    /// One for tests of what is printed.
    #[cfg(test)]
    pub(super) fn fixed() -> Self {
        let text = String::from;
        Self {
            cores: 2,
            processor: text("x86"),
            kernel: text("Linux 6.1"),
            client: text("rolecall 0.1.0"),
            daemon: text("rolecalld 0.1.0"),
            libraries: text("hyper 1.12.0"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cores,
            processor,
            kernel,
            client,
            daemon,
            libraries,
        } = self;
        writeln!(formatter, "{daemon}, {client} ({libraries})")?;
        write!(formatter, "{cores} × {processor}, {kernel}")
    }
}

/// What `--version` says.
fn version(program: &Path) -> String {
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or(name)
}

/// The version of a library that is in the lock file.
fn locked(name: &str) -> String {
    let lock = include_str!("../../../Cargo.lock");
    let version = lock
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("?", |(version, _)| version);
    format!("{name} {version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_knows_the_floor() {
        assert!(
            locked("hyper").starts_with("hyper 1."),
            "{}",
            locked("hyper")
        );
        assert_eq!(locked("no-such-crate"), "no-such-crate ?");
    }
}
