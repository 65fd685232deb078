//! Putting hunks into a file, and taking them out again. Pure.

use rolecall::api::Hunk;
use serde::{Deserialize, Serialize};

/// What a hunk did: enough to take it back, also after other changes to the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Replaced {
    /// Where the inserted text begins in the new file, in bytes.
    pub(super) at: usize,
    /// What was there before.
    pub(super) removed: String,
    /// What is there now.
    pub(super) inserted: String,
    /// The header of the section it is in, where nothing was inserted: the lines that were removed go
    /// back under it. Their order within a section means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) section: Option<String>,
}

/// A plan that does not fit its file.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Beyond the end, or before the hunk before it.
    #[error("hunk {0} does not fit the file")]
    Range(usize),
}

/// The new text, and what was done. Everything outside the hunks is kept byte for byte; line ends are
/// added only where inserted text would otherwise run into its neighbours.
pub(super) fn apply(old: &str, hunks: &[Hunk]) -> Result<(String, Vec<Replaced>), Misfit> {
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let inserted: usize = hunks.iter().map(|hunk| hunk.insert.len() + 2).sum();
    let mut new = String::with_capacity(old.len() + inserted);
    let mut done = Vec::with_capacity(hunks.len());
    let mut next = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let misfit = Misfit::Range(index + 1);
        let first = usize::try_from(hunk.line)
            .ok()
            .and_then(|line| line.checked_sub(1));
        let first = first.filter(|first| *first >= next).ok_or(misfit)?;
        let end = usize::try_from(hunk.remove)
            .ok()
            .and_then(|count| first.checked_add(count));
        let end = end.filter(|end| *end <= lines.len()).ok_or(misfit)?;
        new.extend(lines[next..first].iter().copied());
        let at = new.len();
        let mut insert = String::with_capacity(hunk.insert.len() + 2);
        if !hunk.insert.is_empty() {
            if !new.is_empty() && !new.ends_with('\n') {
                insert.push('\n');
            }
            insert.push_str(&hunk.insert);
            if end < lines.len() && !insert.ends_with('\n') {
                insert.push('\n');
            }
        }
        new.push_str(&insert);
        done.push(Replaced {
            at,
            removed: lines[first..end].concat(),
            section: if insert.is_empty() {
                section(&lines[..first])
            } else {
                None
            },
            inserted: insert,
        });
        next = end;
    }
    new.extend(lines[next..].iter().copied());
    Ok((new, done))
}

/// The text before, of a text that is exactly what [`apply`] made; None if it is not.
pub(super) fn reverse(new: &str, done: &[Replaced]) -> Option<String> {
    let mut old = String::with_capacity(new.len() + 256);
    let mut next = 0;
    for replaced in done {
        old.push_str(new.get(next..replaced.at)?);
        let rest = new.get(replaced.at..)?;
        if !rest.starts_with(&replaced.inserted) {
            return None;
        }
        old.push_str(&replaced.removed);
        next = replaced.at + replaced.inserted.len();
    }
    old.push_str(new.get(next..)?);
    Some(old)
}

/// Takes out what can be taken out of a text that was changed since: a hunk whose inserted text is
/// still there, once, on lines of its own; one that only removed lines, if its section is still there.
/// The text then, and the hunks that are left.
pub(super) fn reverse_what_fits(text: &str, done: &[Replaced]) -> (String, Vec<Replaced>) {
    let mut text = text.to_owned();
    let mut left = Vec::new();
    for replaced in done.iter().rev() {
        if let Some(at) = only_occurrence(&text, &replaced.inserted) {
            text.replace_range(at..at + replaced.inserted.len(), &replaced.removed);
        } else if let Some(at) = replaced.section.as_deref().and_then(|it| below(&text, it)) {
            let mut lines = replaced.removed.clone();
            if !lines.ends_with('\n') {
                lines.push('\n');
            }
            text.insert_str(at, &lines);
        } else {
            left.insert(0, replaced.clone());
        }
    }
    (text, left)
}

/// The last header in `lines`.
fn section(lines: &[&str]) -> Option<String> {
    let is_header = |line: &&&str| line.trim_start().starts_with('[');
    lines
        .iter()
        .rev()
        .find(is_header)
        .map(|line| line.trim().to_owned())
}

/// Where the line after the one header of that name begins.
fn below(text: &str, section: &str) -> Option<usize> {
    let mut found = None;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if line.trim() == section && (found.replace(end).is_some() || !line.ends_with('\n')) {
            return None;
        }
    }
    found
}

fn only_occurrence(text: &str, wanted: &str) -> Option<usize> {
    if wanted.trim().is_empty() {
        return None;
    }
    let mut found = None;
    let mut from = 0;
    while let Some(at) = text[from..].find(wanted).map(|at| from + at) {
        let starts_line = at == 0 || wanted.starts_with('\n') || text[..at].ends_with('\n');
        let end = at + wanted.len();
        let ends_line = end == text.len() || wanted.ends_with('\n');
        if starts_line && ends_line && found.replace(at).is_some() {
            return None;
        }
        from = at + wanted.chars().next().map_or(1, char::len_utf8);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hunk(line: u32, remove: u32, insert: &str) -> Hunk {
        Hunk {
            line,
            remove,
            insert: insert.to_owned(),
        }
    }

    const CONFIG: &str = "[profile dev]\nrole_arn = r\nsource_profile = base\nregion = x\n\n[profile base]\noutput = json\n";

    fn moved() -> (String, Vec<Replaced>) {
        let hunks = [
            hunk(2, 2, "credential_process = /usr/bin/rolecall process dev\n"),
            hunk(8, 0, "[new]\n"),
        ];
        apply(CONFIG, &hunks).unwrap()
    }

    #[test]
    fn everything_else_is_kept() {
        let (new, _) = moved();
        assert_eq!(
            new,
            "[profile dev]\ncredential_process = /usr/bin/rolecall process dev\nregion = x\n\n[profile base]\noutput = json\n[new]\n"
        );
    }

    #[test]
    fn a_last_line_without_an_end_gets_one_only_if_something_follows() {
        assert_eq!(apply("a", &[hunk(2, 0, "b\n")]).unwrap().0, "a\nb\n");
        assert_eq!(apply("a\nb", &[hunk(1, 1, "c")]).unwrap().0, "c\nb");
        assert_eq!(apply("a\nb", &[hunk(2, 1, "c")]).unwrap().0, "a\nc");
        assert_eq!(apply("", &[hunk(1, 0, "c\n")]).unwrap().0, "c\n");
    }

    #[test]
    fn misfits_are_refused() {
        for hunks in [
            &[hunk(0, 0, "")][..],
            &[hunk(9, 0, "x")],
            &[hunk(7, 2, "x")],
            &[hunk(3, 2, ""), hunk(4, 1, "")],
            &[hunk(u32::MAX, u32::MAX, "")],
        ] {
            assert!(apply(CONFIG, hunks).is_err(), "{hunks:?}");
        }
    }

    #[test]
    fn a_file_that_went_on_living_loses_only_what_was_inserted() {
        let (new, done) = moved();
        let edited = format!("# mine\n{}", new.replace("region = x", "region = y"));
        let (back, left) = reverse_what_fits(&edited, &done);
        assert_eq!(left, []);
        assert_eq!(
            back,
            format!("# mine\n{}", CONFIG.replace("region = x", "region = y"))
        );
    }

    #[test]
    fn lines_that_were_only_removed_go_back_into_their_section() {
        let text = "[profile dev]\nrole_arn = r\nregion = x\nsource_profile = base\n[profile b]\nregion = y\n";
        let hunks = [hunk(2, 1, "credential_process = p\n"), hunk(4, 1, "")];
        let (new, done) = apply(text, &hunks).unwrap();
        let edited = new.replace("region = x", "region = z");
        let (back, left) = reverse_what_fits(&edited, &done);
        assert_eq!(left, []);
        assert_eq!(
            back,
            "[profile dev]\nsource_profile = base\nrole_arn = r\nregion = z\n[profile b]\nregion = y\n"
        );
        let (_, left) = reverse_what_fits(&edited.replace("[profile dev]", "[profile d]"), &done);
        assert_eq!(left, done[1..]);
        let twice = format!("{edited}[profile dev]\n");
        assert_eq!(reverse_what_fits(&twice, &done).1, done[1..]);
    }

    #[test]
    fn what_was_edited_or_copied_is_left_alone() {
        let (new, done) = moved();
        let edited = new.replace("process dev", "process dev2");
        let (back, left) = reverse_what_fits(&edited, &done);
        assert_eq!((left.len(), back.contains("process dev2")), (1, true));
        let copied = format!("{new}[new]\n");
        let (back, left) = reverse_what_fits(&copied, &done);
        assert_eq!((left.len(), back.matches("[new]").count()), (1, 2));
    }

    /// Hunks that fit a file of `lines` lines, made of gaps and lengths.
    fn fitting(lines: usize, raw: &[(usize, usize, String)]) -> Vec<Hunk> {
        let mut next = 0;
        let mut hunks = Vec::new();
        for (gap, remove, insert) in raw {
            let first = next + gap;
            if first > lines {
                break;
            }
            let remove = (*remove).min(lines - first);
            hunks.push(hunk(
                u32::try_from(first + 1).unwrap(),
                u32::try_from(remove).unwrap(),
                insert,
            ));
            next = first + remove;
        }
        hunks
    }

    proptest! {
        #[test]
        fn undoing_is_the_opposite(
            text in "([a-c=\\[\\]é ]{0,6}(\n|\r\n)){0,12}[a-c]{0,4}",
            raw in prop::collection::vec((0_usize..5, 0_usize..4, "([a-c]{0,4}\n){0,3}[a-c]{0,3}"), 0..5),
        ) {
            let hunks = fitting(text.split_inclusive('\n').count(), &raw);
            let (new, done) = apply(&text, &hunks).unwrap();
            prop_assert_eq!(reverse(&new, &done), Some(text));
        }

        #[test]
        fn nothing_outside_the_hunks_is_touched(
            lines in prop::collection::vec("[a-z]{1,5}\n", 1..12),
            raw in prop::collection::vec((0_usize..5, 0_usize..4, "([A-Z]{1,4}\n){0,3}"), 0..5),
        ) {
            let hunks = fitting(lines.len(), &raw);
            let (new, done) = apply(&lines.concat(), &hunks).unwrap();
            let removed: usize = hunks.iter().map(|hunk| hunk.remove as usize).sum();
            let kept = new.lines().filter(|line| line.chars().all(|c| c.is_ascii_lowercase()));
            prop_assert_eq!(kept.count(), lines.len() - removed);
            let (back, left) = reverse_what_fits(&new, &done);
            prop_assert!(left.iter().all(|replaced| replaced.inserted.is_empty() || new.matches(&replaced.inserted).count() > 1));
            if left.is_empty() {
                prop_assert_eq!(back, lines.concat());
            }
        }
    }
}
