//! Changes to a file, line by line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rolecall::api::{FileEdit, Hunk};

/// What becomes of the lines of a text. Lines that nothing is said about stay, byte for byte.
pub(super) struct Edit<'a> {
    lines: Vec<&'a str>,
    changes: Vec<Change>,
    appended: String,
}

#[derive(Clone)]
enum Change {
    Keep,
    KeepAndInsert(String),
    Replace(String),
}

impl<'a> Edit<'a> {
    /// No change yet.
    pub(super) fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        Self {
            changes: vec![Change::Keep; lines.len()],
            lines,
            appended: String::new(),
        }
    }

    /// The line, counted from 0, with its end.
    pub(super) fn line(&self, at: usize) -> &'a str {
        self.lines.get(at).copied().unwrap_or_default()
    }

    /// How a line ends; as the first line does for one that has no end of its own.
    pub(super) fn line_end(&self) -> &'static str {
        match self.lines.first() {
            Some(line) if line.ends_with("\r\n") => "\r\n",
            _ => "\n",
        }
    }

    /// The line goes, and `text` (with its end) comes in its place.
    pub(super) fn replace(&mut self, at: usize, text: String) {
        self.changes[at] = Change::Replace(text);
    }

    /// `text` comes after the line.
    pub(super) fn insert_after(&mut self, at: usize, text: String) {
        let text = if self.line(at).ends_with('\n') {
            text
        } else {
            format!("{}{text}", self.line_end())
        };
        self.changes[at] = Change::KeepAndInsert(text);
    }

    /// `text` comes at the end, after an end for the last line if it has none.
    pub(super) fn append(&mut self, text: &str) {
        let unended = self.lines.last().is_some_and(|line| !line.ends_with('\n'));
        if self.appended.is_empty() && unended {
            self.appended.push_str(self.line_end());
        }
        self.appended.push_str(text);
    }

    /// The whole new text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (line, change) in self.lines.iter().zip(&self.changes) {
            match change {
                Change::Keep => text.push_str(line),
                Change::KeepAndInsert(more) => {
                    text.push_str(line);
                    text.push_str(more);
                }
                Change::Replace(other) => text.push_str(other),
            }
        }
        text.push_str(&self.appended);
        text
    }

    /// The changes, runs of neighbouring lines in one hunk.
    pub(super) fn hunks(&self) -> Vec<Hunk> {
        let mut hunks: Vec<Hunk> = Vec::new();
        for (line, change) in (1_u32..).zip(&self.changes) {
            match change {
                Change::Keep => {}
                Change::KeepAndInsert(text) => push(&mut hunks, line + 1, 0, text),
                Change::Replace(text) => push(&mut hunks, line, 1, text),
            }
        }
        if !self.appended.is_empty() {
            let end = u32::try_from(self.lines.len() + 1).unwrap_or(u32::MAX);
            push(&mut hunks, end, 0, &self.appended);
        }
        hunks
    }
}

fn push(hunks: &mut Vec<Hunk>, line: u32, remove: u32, insert: &str) {
    if let Some(last) = hunks.last_mut()
        && last.line + last.remove == line
    {
        last.remove += remove;
        last.insert.push_str(insert);
        return;
    }
    hunks.push(Hunk {
        line,
        remove,
        insert: insert.to_owned(),
    });
}

/// The edit as it travels; `text` is None if there is no file yet.
pub(super) fn file_edit(path: &Path, text: Option<&str>, hunks: Vec<Hunk>) -> FileEdit {
    FileEdit {
        path: resolved(path).display().to_string(),
        sha256: text.map(sha256),
        hunks,
    }
}

/// Absolute and without links, so that the file itself is replaced and not a link to it.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (
        absolute.parent().map(Path::canonicalize),
        absolute.file_name(),
    ) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

fn sha256(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// What the client does with the hunks.
#[cfg(test)]
pub(super) fn apply(text: &str, hunks: &[Hunk]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut at = 0;
    let mut new = String::new();
    for hunk in hunks {
        let start = hunk.line as usize - 1;
        new.extend(lines[at..start].iter().copied());
        new.push_str(&hunk.insert);
        at = start + hunk.remove as usize;
    }
    new.extend(lines[at..].iter().copied());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_make_the_same_text_and_join_neighbours() {
        let text = "a\nb\r\nc\n\nd";
        let mut edit = Edit::of(text);
        edit.replace(1, "B\r\n".into());
        edit.replace(2, String::new());
        edit.insert_after(4, "e\n".into());
        edit.append("f\n");
        let expected = "a\nB\r\n\nd\ne\n\nf\n";
        assert_eq!(edit.hunks().len(), 2);
        assert_eq!(apply(text, &edit.hunks()), edit.text());
        assert_eq!(edit.text(), expected);
        assert_eq!(sha256("abc")[..16], *"ba7816bf8f01cfea");
    }
}
