//! What the tests saw, kept for `make docs`: a file a cell below `sdk/results` in the target directory.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Cell, Outcome, Situation};
use crate::generated::root;
use crate::harness::target_directory;
use crate::markdown;

/// The page, from the repository's root.
pub const PAGE: &str = "docs/compatibility.md";

/// The heading above the table of the matrix.
pub const HEADING: &str = "What works";

fn file((sdk, way): Cell, situation: Situation) -> PathBuf {
    results(&target_directory()).join(format!("{sdk:?}-{way:?}-{situation:?}"))
}

fn results(target: &Path) -> PathBuf {
    target.join("sdk/results")
}

/// Keeps what came of it.
///
/// # Panics
/// When it cannot be written.
pub fn write(cell: Cell, situation: Situation, outcome: Outcome) {
    let file = file(cell, situation);
    fs::create_dir_all(file.parent().expect("it is in a directory")).expect("a directory");
    // In one step: the page may be compared meanwhile.
    let temporary = file.with_extension(std::process::id().to_string());
    let written = File::create(&temporary)
        .and_then(|mut it| it.write_all(outcome.word().as_bytes()))
        .and_then(|()| fs::rename(&temporary, &file));
    written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// What a run saw, whose target directory this is; None where none did.
pub fn seen((sdk, way): Cell, situation: Situation, target: &Path) -> Option<String> {
    let name = format!("{sdk:?}-{way:?}-{situation:?}");
    fs::read_to_string(results(target).join(name)).ok()
}

/// What the page says.
pub fn claimed((sdk, way): Cell, situation: Situation) -> Option<String> {
    let page = fs::read_to_string(root().join(PAGE)).ok()?;
    let rows = markdown::rows(&page);
    let row = rows
        .into_iter()
        .find(|row| row.heading == HEADING && row.cells[..2] == [sdk.name(), way.name()])?;
    let column = Situation::ALL.iter().position(|it| *it == situation)?;
    row.cells.get(2 + column).cloned()
}
