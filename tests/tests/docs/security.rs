//! docs/security.md names the test that shows each row, and each of them exists.

use std::path::{Path, PathBuf};

use rolecall_tests::generated::root;
use rolecall_tests::markdown::{self, Row};

use super::read;

const PAGE: &str = "docs/security.md";

/// Every Rust file below a directory, with its text.
fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Whether `text` has a test of that name, and one that is run.
fn has_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(number, line)| {
        let before = lines[..number].iter().rev();
        let attributes: Vec<_> = before.take_while(|it| it.starts_with("#[")).collect();
        (line.starts_with(&head) || line.starts_with(&format!("async {head}")))
            && attributes
                .iter()
                .any(|it| it.contains("test]") || it.contains("test("))
            && !attributes.iter().any(|it| it.starts_with("#[ignore"))
    })
}

/// Whether there is the test that `path` names: its target, modules in order, its name.
fn exists(path: &str) -> bool {
    let mut parts = path.split("::");
    let target = parts.next().unwrap();
    let mut modules: Vec<_> = parts.collect();
    let name = modules.pop().unwrap_or_default();
    let place = match target {
        "daemon" => root().join("daemon/src"),
        "client" => root().join("client"),
        target => root().join("tests/tests").join(target),
    };
    if !place.is_dir() {
        return false;
    }
    sources(&place).iter().any(|(file, text)| {
        let file = file.strip_prefix(&place).unwrap().with_extension("");
        let mut steps = file.iter().filter_map(|step| step.to_str());
        let leads_there = modules
            .iter()
            .all(|module| steps.any(|step| step == *module));
        leads_there && has_test(text, name)
    })
}

/// The rows of "Who attacks": attacker's wish, what is in the way, tests.
fn threats() -> Vec<Row> {
    let mut rows = markdown::rows(&read(PAGE));
    rows.retain(|row| row.cells.len() == 3 && row.heading != "What there is to take");
    rows
}

#[test]
fn every_row_is_shown_by_a_test_or_says_that_nothing_prevents_it() {
    let rows = threats();
    assert!(rows.len() > 30, "only {} rows", rows.len());
    for row in rows {
        let tests = markdown::code_spans(&row.cells[2]);
        let line = row.line;
        if tests.is_empty() {
            let (said, reason) = row.cells[1].split_once(": ").unwrap_or_default();
            assert_eq!(said, "not prevented", "{PAGE}:{line} names no test");
            assert!(!reason.is_empty(), "{PAGE}:{line} gives no reason");
        }
        for test in tests {
            assert!(exists(test), "{PAGE}:{line}: there is no test {test}");
        }
    }
}

#[test]
fn every_test_named_in_its_text_exists_too() {
    let text = read(PAGE);
    let mut found = 0;
    for (line, text) in markdown::prose(&text) {
        for span in markdown::code_spans(text) {
            let is_test = span.matches("::").count() >= 2 && !span.contains(' ');
            if is_test {
                assert!(exists(span), "{PAGE}:{line}: there is no test {span}");
                found += 1;
            }
        }
    }
    assert!(found > 60, "only {found}");
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(exists("docs::security::a_test_that_is_not_there_is_missed"));
    assert!(!exists("docs::security::a_test_that_was_never_there"));
    assert!(!exists("docs::links::a_test_that_is_not_there_is_missed"));
    assert!(!exists(
        "nowhere::security::a_test_that_is_not_there_is_missed"
    ));
    // What is only called, or only helps.
    assert!(!exists("docs::security::threats"));
}
