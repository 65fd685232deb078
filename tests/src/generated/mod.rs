//! Documentation that is made from the programs themselves and from what tests saw: `make docs` writes it, a test compares.

mod commands;
pub mod compatibility;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::harness::target_directory;
use crate::sdk::record;

/// A file of the repository that nobody writes by hand.
#[derive(Clone, Debug)]
pub struct Generated {
    /// From the repository's root.
    pub path: &'static str,
    /// What it must hold.
    pub text: String,
}

/// Every generated file, as the programs in `bin` make it.
///
/// # Errors
/// When one of them cannot be run, or something was never tested.
pub fn all(bin: &Path) -> anyhow::Result<Vec<Generated>> {
    Ok(vec![
        Generated {
            path: "docs/cli.md",
            text: commands::page(bin)?,
        },
        Generated {
            path: record::PAGE,
            text: compatibility::page(&target_directory())?,
        },
    ])
}

/// The repository's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Rewrites every generated file that is not as it must be, and gives their paths.
///
/// # Errors
/// When a program cannot be run, or a file cannot be written.
pub fn rewrite(bin: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for Generated { path, text } in all(bin)? {
        let file = root().join(path);
        if std::fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        File::create(&file)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        written.push(path);
    }
    Ok(written)
}
