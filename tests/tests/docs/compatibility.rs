//! docs/compatibility.md: the client contract, item by item, against the sources.

use std::collections::BTreeMap;
use std::path::Path;

use rolecall_tests::generated::compatibility::contract::{ITEMS, items};
use rolecall_tests::generated::root;
use rolecall_tests::markdown::{self, Row};
use rolecall_tests::sdk::record;

use super::read;
use super::tracked::tracked_files;

/// The rows of the contract, by number.
fn rows() -> BTreeMap<u32, Row> {
    let mut numbered = BTreeMap::new();
    for row in markdown::rows(&read(record::PAGE)) {
        if let Ok(number) = row.cells[0].parse() {
            let twice = numbered.insert(number, row);
            assert!(twice.is_none(), "item {number} is there twice");
        }
    }
    numbered
}

#[test]
fn every_item_is_there_once_and_shown_or_explained() {
    let rows = rows();
    let numbers: Vec<u32> = rows.keys().copied().collect();
    assert_eq!(numbers, (1..=ITEMS).collect::<Vec<_>>());
    let empty = rows.iter().filter(|(_, row)| row.cells[2].is_empty());
    let empty: Vec<u32> = empty.map(|(number, _)| *number).collect();
    assert!(empty.is_empty(), "neither a test nor a reason: {empty:?}");
    for item in items(&root()).unwrap() {
        let both = item.reason.is_some() && !item.tests.is_empty();
        assert!(
            !both,
            "item {} has tests and a reason for none",
            item.number
        );
    }
}

/// `file.rs`: `one`, `two`: each function is a test of the file named before it.
#[test]
fn every_test_it_names_exists() {
    let mut named = 0;
    for (number, row) in rows() {
        let mut text = String::new();
        for span in markdown::code_spans(&row.cells[2]) {
            if span.contains('/') {
                text = read(span);
                continue;
            }
            let declared = text
                .split_once(&format!("fn {span}("))
                .map(|(before, _)| before);
            let attributes = declared.map(|before| before.rsplit("\n\n").next().unwrap_or(before));
            let is_test =
                attributes.is_some_and(|it| it.contains("#[test]") || it.contains("#[tokio::test"));
            assert!(is_test, "item {number} names {span}, which is no test");
            named += 1;
        }
    }
    assert!(named > 80, "only {named} tests");
}

/// Comments cite the items by number.
#[test]
fn every_item_that_is_cited_exists() {
    let mut cited = 0;
    for name in tracked_files().iter().filter(|name| is_source(name)) {
        let text = read(name).to_lowercase();
        for (_, rest) in text
            .match_indices("client contract ")
            .map(|(at, it)| (at, &text[at + it.len()..]))
        {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(number) = digits.parse::<u32>() {
                assert!(
                    (1..=ITEMS).contains(&number),
                    "{name} cites client contract {number}"
                );
                cited += 1;
            }
        }
    }
    assert!(cited > 50, "only {cited} citations");
}

fn is_source(name: &str) -> bool {
    Path::new(name).extension() == Some("rs".as_ref())
}
