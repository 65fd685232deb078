//! What undoing a run does to each of its files. Pure.

use zeroize::Zeroizing;

use super::files::{Text, sha256};
use super::hunks;
use super::journal::Changed;

/// What becomes of one file.
pub(super) struct Undone {
    /// The file's text then; None removes it.
    pub(super) after: Text,
    /// What could not be undone, to be tried again another time.
    pub(super) left: Option<Changed>,
}

/// The file as it was, byte for byte, if it is as setup left it; else without the hunks that can
/// still be found.
pub(super) fn undo(changed: &Changed, current: &Text) -> Undone {
    let Some(text) = current else {
        // Somebody has removed it: nothing of ours is left in it.
        return Undone {
            after: None,
            left: None,
        };
    };
    let digest = sha256(text);
    if changed.before.as_ref() == Some(&digest) {
        // Written never, or undone by hand.
        return Undone {
            after: current.clone(),
            left: None,
        };
    }
    if digest == changed.after
        && let Some(before) = hunks::reverse(text, &changed.hunks)
    {
        let created = changed.before.is_none();
        return Undone {
            after: (!created).then(|| Zeroizing::new(before)),
            left: None,
        };
    }
    let (text, left) = hunks::reverse_what_fits(text, &changed.hunks);
    Undone {
        after: Some(Zeroizing::new(text)),
        left: (!left.is_empty()).then(|| Changed {
            hunks: left,
            ..changed.clone()
        }),
    }
}

#[cfg(test)]
mod tests {
    use rolecall::api::Hunk;

    use super::*;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "as the functions under test take it"
    )]
    fn text(text: &str) -> Text {
        Some(Zeroizing::new(text.to_owned()))
    }

    fn changed(before: Option<&str>, line: u32, insert: &str) -> (Changed, String) {
        let hunk = Hunk {
            line,
            remove: 0,
            insert: insert.to_owned(),
        };
        let (after, hunks) = hunks::apply(before.unwrap_or_default(), &[hunk]).unwrap();
        let changed = Changed {
            path: "/f".into(),
            before: before.map(sha256),
            after: sha256(&after),
            hunks,
            waits: false,
        };
        (changed, after)
    }

    #[test]
    fn untouched_files_are_as_they_were() {
        let (edited, after) = changed(Some("a"), 2, "b\n");
        let undone = undo(&edited, &text(&after));
        assert!(undone.after == text("a") && undone.left.is_none());
        let (created, after) = changed(None, 1, "b\n");
        assert!(undo(&created, &text(&after)).after.is_none());
    }

    #[test]
    fn a_file_that_setup_made_and_somebody_went_on_with_is_kept() {
        let (created, after) = changed(None, 1, "b\n");
        let undone = undo(&created, &text(&format!("{after}mine\n")));
        assert!(undone.after == text("mine\n") && undone.left.is_none());
    }

    #[test]
    fn nothing_to_do() {
        let (edited, _) = changed(Some("a\n"), 2, "b\n");
        let undone = undo(&edited, &text("a\n"));
        assert!(undone.after == text("a\n") && undone.left.is_none());
        let undone = undo(&edited, &None);
        assert!(undone.after.is_none() && undone.left.is_none());
    }

    #[test]
    fn what_is_not_found_is_left() {
        let (edited, _) = changed(Some("a\n"), 2, "b\n");
        let undone = undo(&edited, &text("a\nB\n"));
        assert!(undone.after == text("a\nB\n"));
        assert_eq!(undone.left, Some(edited));
    }
}
