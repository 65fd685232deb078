//! The tests that say which item of the client contract they show: `/// Client contract 73, 76–78.` above
//! `#[test]`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

const MARK: &str = "/// Client contract ";

/// A test that is marked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Its file, from the repository's root.
    pub file: String,
    /// Its function.
    pub name: String,
}

/// The marked tests of every item, in all of the workspace's sources.
///
/// # Errors
/// When a source cannot be read.
pub fn all(root: &Path) -> anyhow::Result<BTreeMap<u32, Vec<Test>>> {
    let mut tests: BTreeMap<u32, Vec<Test>> = BTreeMap::new();
    for package in ["client", "daemon", "tests"] {
        walk(root, package, &mut tests)?;
    }
    for tests in tests.values_mut() {
        tests.sort();
    }
    Ok(tests)
}

fn walk(root: &Path, place: &str, tests: &mut BTreeMap<u32, Vec<Test>>) -> anyhow::Result<()> {
    let directory = root.join(place);
    let entries = std::fs::read_dir(&directory).with_context(|| place.to_owned())?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = format!("{place}/{name}");
        if entry.file_type()?.is_dir() {
            walk(root, &file, tests)?;
        } else if Path::new(&name).extension() == Some("rs".as_ref()) {
            let text = std::fs::read_to_string(entry.path()).with_context(|| file.clone())?;
            for (number, name) in in_text(&text) {
                let file = file.clone();
                tests.entry(number).or_default().push(Test { file, name });
            }
        }
    }
    Ok(())
}

/// Items and functions of the marked tests in a source.
fn in_text(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let (mut marked, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim_start) {
        if let Some(list) = line.strip_prefix(MARK) {
            marked.extend(numbers(list));
        } else if let Some(name) = function(line) {
            if is_test {
                found.extend(marked.iter().map(|number| (*number, name.to_owned())));
            }
            (marked, is_test) = (Vec::new(), false);
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if line.is_empty() || line.starts_with('}') {
            (marked, is_test) = (Vec::new(), false);
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// `73, 76–78.` is 73, 76, 77 and 78; what follows a full stop or a colon is prose.
fn numbers(list: &str) -> Vec<u32> {
    let list = list.split(['.', ':', ';']).next().unwrap_or(list);
    let parts = list.split([',', ' ']).filter(|part| !part.is_empty());
    parts
        .filter_map(|part| {
            let (first, last) = part.split_once(['–', '-']).unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers() {
        assert_eq!(numbers("90: nothing on stdout"), [90]);
        assert_eq!(numbers("73, 76–78."), [73, 76, 77, 78]);
        assert_eq!(numbers("1 and 2. More in 3."), [1, 2]);
        assert_eq!(numbers("(as above)"), [0; 0]);
    }

    #[test]
    fn a_mark_counts_above_a_test_alone() {
        let mark = MARK;
        let text = format!(
            "{mark}1.\nfn helper() {{}}\n\n/// What it does.\n///\n    {mark}2, 3.\n    #[test]\n    #[cfg(unix)]\n    \
             fn one() {{\n}}\n#[test]\nfn plain() {{}}\n{mark}4.\n#[tokio::test(flavor = \"x\")]\nasync fn two() {{}}\n"
        );
        let found: Vec<_> = [(2, "one"), (3, "one"), (4, "two")]
            .map(|(number, name)| (number, name.to_owned()))
            .into();
        assert_eq!(in_text(&text), found);
    }
}
