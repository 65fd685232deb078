//! Text from elsewhere, made harmless for a terminal.

use std::fmt::Write as _;

/// `text` on one line: control characters, line separators and direction overrides are shown as
/// escapes, so that no name or message can move the cursor or fake a line.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_unsafe(character) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

/// JSON `text` that shows what it says: serde_json leaves all but the first 32 control characters as they
/// are. Such characters stand in strings only, where an escape means the same.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_unsafe(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a terminal obeys the character, or shows the text around it as something else. The ledger's
/// own lines escape the same.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_takes_no_orders() {
        assert_eq!(line("a\x1b[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(line("zürich → dev"), "zürich → dev");
    }

    proptest! {
        #[test]
        fn json_means_the_same_and_obeys_nobody(text in "\\PC*|[\\x00-\\u{2fff}]*|[\u{e0000}-\u{e00ff}]*") {
            let value = serde_json::json!({ &text: [&text] });
            let shown = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!shown.chars().any(|c| c != '\n' && is_unsafe(c)));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }

        #[test]
        fn nothing_unsafe_is_left(text in "\\PC*|[\\x00-\\u{2fff}]*") {
            prop_assert!(!line(&text).chars().any(is_unsafe));
        }
    }
}
