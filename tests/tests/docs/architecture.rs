//! docs/architecture.md against the tree and a running daemon.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rolecall_tests::generated::root;
use rolecall_tests::harness::{Running, World};
use rolecall_tests::markdown::{self, Row};

use super::read;

const PAGE: &str = "docs/architecture.md";

/// The rows of the tables under a heading whose head's first cell is not asked for.
fn rows(heading: &str) -> Vec<Row> {
    let mut rows = markdown::rows(&read(PAGE));
    rows.retain(|row| row.heading == heading);
    rows
}

fn first_span(row: &Row) -> &str {
    markdown::code_spans(&row.cells[0])[0]
}

#[test]
fn packages_and_modules_are_those_there_are() {
    let rows = rows("The packages");
    let (packages, modules): (Vec<_>, Vec<_>) = rows
        .iter()
        .map(first_span)
        .partition(|name| name.ends_with('/'));
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: Vec<_> = members
        .iter()
        .map(|member| format!("{}/", member.as_str().unwrap()))
        .collect();
    assert_eq!(packages, members);

    let library = read("daemon/src/lib.rs");
    let declared: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(modules, declared);
}

/// `app/run.rs`, `tests/tests/layout.rs`, `docs/api.yaml`: from the root, or from the daemon's sources.
#[test]
fn every_file_it_names_exists() {
    let mut found = 0;
    for (line, text) in markdown::prose(&read(PAGE)) {
        for span in markdown::code_spans(text) {
            let is_file = [".rs", ".md", ".yaml", ".sh"]
                .iter()
                .any(|end| span.ends_with(end));
            if is_file {
                let places = [root().join(span), root().join("daemon/src").join(span)];
                let exists = places.iter().any(|place| place.exists());
                assert!(exists, "{PAGE}:{line}: there is no {span}");
                found += 1;
            }
        }
    }
    assert!(found > 1, "only {found} files");
}

/// The rules are numbered without gaps: comments cite them by number.
#[test]
fn rules_are_numbered_in_order() {
    let text = read(PAGE);
    let (_, rules) = text.split_once("## Rules that do not bend").unwrap();
    let numbers: Vec<u32> = rules
        .lines()
        .filter_map(|line| line.split_once(". **")?.0.parse().ok())
        .collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

/// What each name in the table "Files" is to be: its mode.
fn documented_modes() -> BTreeMap<String, u32> {
    let mut modes = BTreeMap::new();
    for row in rows("Files") {
        let mode = u32::from_str_radix(&row.cells[2], 8).unwrap();
        let mut first = String::new();
        for span in markdown::code_spans(&row.cells[0]) {
            let name = span.trim_end_matches("/ID/").rsplit('/').next().unwrap();
            if name.starts_with('.') {
                // `rolecall.sock`, `.lock`: what is added to the name before.
                modes.insert(format!("{first}{name}"), mode);
            } else {
                name.clone_into(&mut first);
                modes.insert(first.clone(), mode);
            }
        }
    }
    modes
}

fn modes_in(directory: &Path) -> BTreeMap<String, u32> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect()
}

#[test]
fn the_daemon_keeps_these_files_and_no_others() {
    let documented = documented_modes();
    let mut world = World::new();
    world.start();
    world.rolecall(&["setup", "--yes"]).ok();
    let mut command = world.command("rolecall");
    command.args(["exec", "dev", "--", "sh", "-c", "echo here; cat"]);
    let running = Running::start(&mut command);
    running.wait_for_more(1);
    world.rolecall(&["lock"]).ok();
    let mut seen = modes_in(&world.path("run/rolecall"));
    seen.append(&mut modes_in(&world.state_directory()));
    for (name, mode) in &seen {
        assert_eq!(documented.get(name), Some(mode), "{name} has mode {mode:o}");
    }
    for name in documented
        .keys()
        .filter(|name| !name.starts_with("ledger.jsonl."))
    {
        assert!(seen.contains_key(name), "{name} is not there: {seen:?}");
    }
    let aws = modes_in(&world.path("home/.aws"));
    let copy = aws
        .iter()
        .find(|(name, _)| name.starts_with("config.before-rolecall-"));
    assert_eq!(copy.map(|(_, mode)| *mode), Some(0o600), "{aws:?}");
    // Of the lease nothing stays.
    running.finish().ok();
    let leases = world.path("run/rolecall/leases");
    rolecall_tests::harness::eventually("the lease's files are removed", || {
        modes_in(&leases).is_empty().then_some(())
    });
}
