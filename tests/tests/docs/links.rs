//! What the pages point at is there.

use std::path::Path;

use rolecall_tests::generated::root;
use rolecall_tests::markdown;

use super::read;
use super::tracked::tracked_files;

fn pages() -> Vec<String> {
    let mut pages = tracked_files();
    pages.retain(|path| Path::new(path).extension() == Some("md".as_ref()));
    assert!(pages.len() > 4, "{pages:?}");
    pages
}

/// The anchor GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'))
        .map(|it| {
            if it == ' ' {
                '-'
            } else {
                it.to_ascii_lowercase()
            }
        })
        .collect()
}

fn has_anchor(page: &str, wanted: &str) -> bool {
    markdown::prose(page)
        .into_iter()
        .filter(|(_, line)| line.starts_with('#'))
        .any(|(_, line)| anchor(line.trim_start_matches('#').trim()) == wanted)
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let directory = root().join(&page);
        let directory = directory.parent().unwrap();
        for (line, text) in markdown::prose(&read(&page)) {
            for link in markdown::links(text) {
                if link.contains("://") {
                    continue;
                }
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = if file.is_empty() {
                    root().join(&page)
                } else {
                    directory.join(file)
                };
                assert!(target.exists(), "{page}:{line}: {link} leads nowhere");
                assert!(
                    anchor.is_empty()
                        || has_anchor(&std::fs::read_to_string(target).unwrap(), anchor),
                    "{page}:{line}: {link} leads to no heading"
                );
                followed += 1;
            }
        }
    }
    assert!(followed > 7, "only {followed} links");
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = read("Makefile");
    let mut named = 0;
    for page in pages() {
        for (index, line) in read(&page).lines().enumerate() {
            let commands = markdown::code_spans(line)
                .into_iter()
                .chain(line.strip_prefix("    "))
                .filter_map(|text| text.strip_prefix("make "));
            for command in commands {
                let target = command.split_whitespace().next().unwrap();
                assert!(
                    makefile
                        .lines()
                        .any(|rule| rule.starts_with(&format!("{target}:"))),
                    "{page}:{}: no `make {target}`",
                    index + 1
                );
                named += 1;
            }
        }
    }
    assert!(named > 4, "only {named} targets");
}

#[test]
fn every_phony_target_has_a_rule() {
    let makefile = read("Makefile");
    let (_, targets) = makefile.split_once(".PHONY:").unwrap();
    for target in targets.lines().next().unwrap().split_whitespace() {
        let has_rule = makefile
            .lines()
            .any(|line| line.starts_with(&format!("{target}:")));
        assert!(has_rule, "{target} has no rule");
    }
}
