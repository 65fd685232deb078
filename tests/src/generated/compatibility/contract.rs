//! The client contract: each item in our words, with the tests that show it or the reason why none does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::marks::{self, Test};

/// How many items there are.
pub const ITEMS: u32 = 103;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    items: BTreeMap<String, String>,
    untested: BTreeMap<String, String>,
}

/// An item.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its number, by which comments cite it.
    pub number: u32,
    /// What it asks.
    pub text: String,
    /// The tests that show it.
    pub tests: Vec<Test>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// What each group of items is about, and its first item.
const GROUPS: [(u32, &str); 6] = [
    (1, "IMDS: the token"),
    (19, "IMDS: what is read"),
    (49, "HTTP, on both doors"),
    (73, "The container endpoint"),
    (88, "`rolecall process`"),
    (101, "Environments"),
];

/// Every item, by number.
///
/// # Errors
/// When the table or a source cannot be read.
pub fn items(root: &Path) -> anyhow::Result<Vec<Item>> {
    let table: Table = toml::from_str(include_str!("contract.toml")).context("contract.toml")?;
    let mut marked = marks::all(root)?;
    let mut items = Vec::new();
    for (number, text) in table.items {
        let reason = table.untested.get(&number).cloned();
        let number = number.parse().with_context(|| format!("item {number}"))?;
        items.push(Item {
            number,
            text,
            tests: marked.remove(&number).unwrap_or_default(),
            reason,
        });
    }
    items.sort_by_key(|item| item.number);
    Ok(items)
}

/// The tables of all items.
pub(super) fn tables(items: &[Item]) -> String {
    let mut page = String::new();
    for (index, (first, heading)) in GROUPS.iter().enumerate() {
        let last = GROUPS.get(index + 1).map_or(u32::MAX, |(next, _)| next - 1);
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n### {heading}\n\n| item | what is asked | shown by |\n| --- | --- | --- |\n"
        );
        for item in items
            .iter()
            .filter(|it| (*first..=last).contains(&it.number))
        {
            let _ = writeln!(
                page,
                "| {} | {} | {} |",
                item.number,
                item.text,
                shown(item)
            );
        }
    }
    page
}

/// The last cell: files with their functions, or the reason.
fn shown(item: &Item) -> String {
    let mut cell: Vec<String> = Vec::new();
    let mut last = None;
    for Test { file, name } in &item.tests {
        if last == Some(file) {
            cell.push(format!("`{name}`"));
        } else {
            cell.push(format!("`{file}`: `{name}`"));
        }
        last = Some(file);
    }
    match &item.reason {
        Some(reason) if cell.is_empty() => format!("no test: {reason}"),
        _ => cell.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::root;

    #[test]
    fn every_item_is_there_once() {
        let items = items(&root()).unwrap();
        let numbers: Vec<u32> = items.iter().map(|item| item.number).collect();
        assert_eq!(numbers, (1..=ITEMS).collect::<Vec<_>>());
    }

    #[test]
    fn files_are_named_once() {
        let test = |file: &str, name: &str| Test {
            file: file.into(),
            name: name.into(),
        };
        let mut item = Item {
            number: 1,
            text: String::new(),
            tests: vec![
                test("a.rs", "one"),
                test("a.rs", "two"),
                test("b.rs", "three"),
            ],
            reason: None,
        };
        assert_eq!(shown(&item), "`a.rs`: `one`, `two`, `b.rs`: `three`");
        item.tests.clear();
        item.reason = Some("because".into());
        assert_eq!(shown(&item), "no test: because");
    }
}
