//! Role names.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The name a program asks for. Any non-empty string without control characters, as profile names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

impl RoleName {
    /// Checks and wraps a name; None if it is empty, longer than 256 bytes or has control characters.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = !name.is_empty() && name.len() <= 256 && !name.chars().any(char::is_control);
        fits.then_some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name where only `[A-Za-z0-9._-]+` may stand: HTTP doors and the process line. Other bytes
    /// become `_xx` (hex), so that different names never meet; a name that already fits is its own slug.
    pub fn slug(&self) -> String {
        if self
            .0
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        {
            return self.0.clone();
        }
        // An escaped name is marked by a leading `x_`, which keeps it from meeting a plain name by accident
        // only as far as people do not choose such names; `config` reports the clash.
        let escaped = utf8_percent_encode(&self.0, KEPT).to_string();
        format!("x_{}", escaped.replace('%', "_").to_ascii_lowercase())
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_use_only_what_every_shell_and_sdk_passes_on() {
        for (name, slug) in [
            ("dev", "dev"),
            ("a.b_c-d", "a.b_c-d"),
            ("my role/x", "x_my_20role_2fx"),
            ("é", "x__c3_a9"),
        ] {
            assert_eq!(RoleName::new(name).unwrap().slug(), slug);
        }
        assert!(RoleName::new("").is_none() && RoleName::new("a\nb").is_none());
    }
}
