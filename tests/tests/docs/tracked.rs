//! What no file of the repository may speak of.

use std::process::Command;

use rolecall_tests::generated::root;

/// Every file that git tracks; in an archive without git, every file that is not built.
pub(crate) fn tracked_files() -> Vec<String> {
    let git = Command::new("git")
        // The tests may run as another user than the one the repository belongs to.
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
        ])
        .arg("--exclude-standard")
        .current_dir(root())
        .output();
    if let Ok(output) = git
        && output.status.success()
    {
        let names = String::from_utf8(output.stdout).unwrap();
        let names = names.split_terminator('\0').map(str::to_owned);
        return names.filter(|name| root().join(name).is_file()).collect();
    }
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found
}

fn walk(directory: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_file() {
            found.push(name);
        } else if !matches!(
            name.as_str(),
            ".git" | "target" | "fuzz/artifacts" | "fuzz/corpus" | "fuzz/target"
        ) {
            walk(&entry.path(), &format!("{name}/"), found);
        }
    }
}

/// Paths of somebody's workplace, notes that are not part of the repository, and the hosts of package
/// registries: cargo and pip know those by themselves.
const FOREIGN: [&str; 7] = [
    // In two parts, for this file is looked at too.
    concat!("/wo", "rk/"),
    concat!("sha", "red/"),
    concat!("BUD", "GETS.md"),
    concat!("DES", "IGN.md"),
    concat!("crates", ".io"),
    concat!("py", "pi."),
    concat!("proxy.gol", "ang.org"),
];

/// Cargo writes its registry into lock files, and what fuzzing starts from need not be text.
fn is_ours(name: &str) -> bool {
    !name.ends_with("Cargo.lock") && !name.starts_with("fuzz/seeds/")
}

#[test]
fn no_file_speaks_of_what_only_its_author_has() {
    let files = tracked_files();
    assert!(files.len() > 50, "{files:?}");
    let mut wrong = Vec::new();
    for name in files {
        if !is_ours(&name) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(&name)) else {
            panic!("{name} is not text");
        };
        for (index, line) in text.lines().enumerate() {
            for word in FOREIGN.into_iter().filter(|word| line.contains(word)) {
                wrong.push(format!("{name}:{}: {word}", index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Comments cite the rules by number; they stand in docs/architecture.md.
#[test]
fn every_rule_that_is_cited_exists() {
    let architecture = super::read("docs/architecture.md");
    let (_, rules) = architecture
        .split_once("## Rules that do not bend")
        .unwrap();
    let mut cited = 0;
    for name in tracked_files() {
        if !is_ours(&name) {
            continue;
        }
        let text = std::fs::read_to_string(root().join(&name)).unwrap();
        for (_, rest) in text
            .match_indices("DESIGN rule")
            .map(|(at, it)| (at, &text[at + it.len()..]))
        {
            // `rule 4`, `rules 4 and 5`: the first is enough.
            let digits: String = rest
                .trim_start_matches('s')
                .trim_start()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if digits.is_empty() {
                continue;
            }
            assert!(
                rules.contains(&format!("\n{digits}. **")),
                "{name} cites DESIGN rule {digits}, which docs/architecture.md does not have"
            );
            cited += 1;
        }
    }
    assert!(cited > 5, "only {cited} citations");
}
