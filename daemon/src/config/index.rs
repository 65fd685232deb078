//! A line index of AWS's shared files: where sections and keys stand.
//!
//! Meaning is aws-runtime's business ([`super::shared`]); this knows lines. It classifies them as the
//! AWS CLI's reader does where that one is the more tolerant (indented keys, indented comments, a byte
//! order mark), and [`Index::normalised`] gives aws-runtime a text in which both agree, line by line.

use std::collections::HashMap;

use zeroize::Zeroizing;

/// Which of the two files: their section headers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `~/.aws/config`: `[profile NAME]`, `[default]`, `[services NAME]`, …
    Config,
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
}

/// What one line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing but blanks.
    Blank,
    /// A comment on a line of its own, indented or not.
    Comment,
    /// The header of [`Index::sections`]`[i]`.
    Header(usize),
    /// A key of `sections[i]`; its name is in lower case.
    Key(usize, String),
    /// Goes on with the key above it: a nested block or a long value.
    Continuation(usize),
    /// None of these: aws-runtime will refuse the file.
    Stray,
}

/// What a section's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// A profile.
    Profile(String),
    /// `[services NAME]`.
    Services(String),
    /// `[sso-session NAME]`, `[plugins]` and whatever else AWS comes up with.
    Other,
    /// `[default]` in a file that has `[profile default]` too, which takes its place.
    Replaced,
    /// AWS's readers pass over it, for this reason.
    Ignored(String),
}

/// The index of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Every header in order, with its line from 1.
    pub(super) sections: Vec<(Section, u32)>,
    /// Every line in order.
    pub(super) lines: Vec<Line>,
    /// The file begins with a byte order mark.
    pub(super) byte_order_mark: bool,
    /// The line of each profile's keys, from 1; the last one wins.
    keys: HashMap<String, HashMap<String, u32>>,
}

const BLANKS: [char; 2] = [' ', '\t'];
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Index {
    /// Reads `text`. Never fails: what makes no sense is a [`Line::Stray`].
    pub(super) fn of(text: &str, kind: Kind) -> Self {
        let mut index = Self {
            byte_order_mark: text.starts_with(BYTE_ORDER_MARK),
            ..Self::default()
        };
        // As Python's configparser, which the AWS CLI uses: a line goes on with the key above it if it is
        // indented further than that key.
        let mut key_above = false;
        let mut key_indent = 0;
        for line in lines(text) {
            let body = content(line).trim_matches(BLANKS);
            let indent = content(line).len() - content(line).trim_start_matches(BLANKS).len();
            let section = index.sections.len().checked_sub(1);
            let what = if body.is_empty() {
                Line::Blank
            } else if body.starts_with(['#', ';']) {
                Line::Comment
            } else if let (true, true, Some(section)) = (key_above, indent > key_indent, section) {
                Line::Continuation(section)
            } else if body.starts_with('[') {
                key_above = false;
                let number = u32::try_from(index.lines.len() + 1).unwrap_or(u32::MAX);
                index.sections.push((Section::parse(body, kind), number));
                Line::Header(index.sections.len() - 1)
            } else if let (Some(section), Some(key)) = (section, key_of(body)) {
                key_above = true;
                key_indent = indent;
                Line::Key(section, key)
            } else {
                Line::Stray
            };
            index.lines.push(what);
        }
        // `[profile default]` makes every reader forget `[default]`.
        let prefixed = |(section, line): &(Section, u32)| {
            *section == Section::Profile("default".into())
                && header(lines(text).nth(*line as usize - 1).unwrap_or_default()).contains(BLANKS)
        };
        if kind == Kind::Config && index.sections.iter().any(prefixed) {
            let plain: Vec<bool> = index.sections.iter().map(|s| !prefixed(s)).collect();
            for ((section, _), plain) in index.sections.iter_mut().zip(plain) {
                if plain && *section == Section::Profile("default".into()) {
                    *section = Section::Replaced;
                }
            }
        }
        for (number, line) in (1..).zip(&index.lines) {
            if let Line::Key(section, key) = line
                && let Some((Section::Profile(profile), _)) = index.sections.get(*section)
            {
                let keys = index.keys.entry(profile.clone()).or_default();
                keys.insert(key.clone(), number);
            }
        }
        index
    }

    /// The text as aws-runtime reads it to the same effect, with the same line numbers. One spelling of a
    /// profile's header: aws-runtime merges two spellings of one profile in no fixed order.
    pub(super) fn normalised(&self, text: &str, kind: Kind) -> Zeroizing<String> {
        let mut normal = Zeroizing::new(String::with_capacity(text.len() + 1));
        for (line, what) in lines(text).zip(&self.lines) {
            let line = content(line);
            match what {
                Line::Blank | Line::Comment => {}
                Line::Header(section) if is_closed(line) => match &self.sections[*section].0 {
                    Section::Profile(name) if kind == Kind::Credentials || name == "default" => {
                        normal.extend(["[", name, "]"]);
                    }
                    Section::Profile(name) => normal.extend(["[profile ", name, "]"]),
                    Section::Replaced => normal.push_str("[replaced]"),
                    _ => normal.push_str(line.trim_start_matches(BLANKS)),
                },
                Line::Header(_) | Line::Key(..) => {
                    normal.push_str(line.trim_start_matches(BLANKS));
                }
                Line::Continuation(_) | Line::Stray => normal.push_str(line),
            }
            normal.push('\n');
        }
        normal
    }

    /// Where a profile begins: its last header, which is the one that readers keep.
    pub(super) fn profile(&self, name: &str) -> Option<u32> {
        self.sections
            .iter()
            .rev()
            .find(|(section, _)| matches!(section, Section::Profile(found) if found == name))
            .map(|(_, line)| *line)
    }

    /// The line of a profile's key; the last one wins.
    pub(super) fn key(&self, profile: &str, key: &str) -> Option<u32> {
        self.keys.get(profile)?.get(key).copied()
    }

    /// Whether `sections[section]` is that profile.
    pub(super) fn is_profile(&self, section: usize, profile: &str) -> bool {
        matches!(self.sections.get(section), Some((Section::Profile(name), _)) if name == profile)
    }
}

impl Section {
    fn parse(line: &str, kind: Kind) -> Self {
        let inner = header(line);
        let (prefix, name) = match inner.split_once(BLANKS) {
            Some((prefix, name)) => (Some(prefix.trim()), name.trim()),
            None => (None, inner),
        };
        let valid = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c));
        let odd = || {
            Self::Ignored(format!(
                "AWS's SDKs pass over [{inner}]: a name is made of letters, digits and _-/.%@:+"
            ))
        };
        match (kind, prefix) {
            (Kind::Config, Some(_)) if !valid => odd(),
            (Kind::Config, Some("profile")) => Self::Profile(name.to_owned()),
            (Kind::Config, Some("services")) => Self::Services(name.to_owned()),
            (Kind::Config, None) if name == "default" => Self::Profile(name.to_owned()),
            (Kind::Config, None) if matches!(name, "plugins" | "preview") => Self::Other,
            (Kind::Config, None) => Self::Ignored(format!(
                "AWS's SDKs pass over [{name}]: in this file a profile is written [profile {name}]"
            )),
            (Kind::Config, Some(_)) => Self::Other,
            (Kind::Credentials, Some("profile")) => Self::Ignored(format!(
                "AWS's SDKs pass over [{inner}]: in the credentials file a profile is written [{name}]"
            )),
            (Kind::Credentials, None) if valid => Self::Profile(name.to_owned()),
            (Kind::Credentials, _) => odd(),
        }
    }
}

/// The lines of a text with their ends, without the byte order mark; as many as `str::lines` gives.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(text)
        .split_inclusive('\n')
}

/// A line without its end: LF, CR LF, or a CR before the end of the file.
pub(super) fn content(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// A header's line without blanks and comment around the brackets.
fn bracketed(line: &str) -> &str {
    let line = content(line);
    line.split(['#', ';'])
        .next()
        .unwrap_or(line)
        .trim_matches(BLANKS)
}

fn is_closed(line: &str) -> bool {
    bracketed(line).ends_with(']')
}

/// What stands between the brackets.
fn header(line: &str) -> &str {
    let line = bracketed(line);
    let inner = line.strip_prefix('[').unwrap_or(line);
    inner
        .strip_suffix(']')
        .unwrap_or(inner)
        .trim_matches(BLANKS)
}

/// The name before the equals sign; None if there is none.
fn key_of(line: &str) -> Option<String> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_matches(BLANKS);
    (!key.is_empty()).then(|| key.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
