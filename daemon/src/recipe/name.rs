//! Role names.

use std::fmt::{self, Write as _};

/// The name a program asks for. Any non-empty string without control characters, as profile names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

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

    /// The name where only `[A-Za-z0-9._-]+` may stand: HTTP doors and the process line. A name that
    /// already fits is its own slug; in others, `_` and every byte that may not stand there become `_xx`
    /// (hex) after a leading `x_`, so that no two of them meet.
    pub fn slug(&self) -> String {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if self.0.bytes().all(|b| fits(b) || b == b'_') {
            return self.0.clone();
        }
        // The mark keeps an escaped name from meeting a plain one only as far as people do not choose such
        // names; `config` reports the clash, and the plain name wins.
        let mut slug = String::from("x_");
        for byte in self.0.bytes() {
            if fits(byte) {
                slug.push(char::from(byte));
            } else {
                // Writing to a String does not fail.
                let _ = write!(slug, "_{byte:02x}");
            }
        }
        slug
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

    /// Client contract 97.
    #[test]
    fn slugs_use_only_what_every_shell_and_sdk_passes_on() {
        for (name, slug) in [
            ("dev", "dev"),
            ("a.b_c-d", "a.b_c-d"),
            ("my role/x", "x_my_20role_2fx"),
            ("é", "x__c3_a9"),
            ("A b", "x_A_20b"),
            ("a_20 b", "x_a_5f20_20b"),
        ] {
            assert_eq!(RoleName::new(name).unwrap().slug(), slug);
        }
        assert!(RoleName::new("").is_none() && RoleName::new("a\nb").is_none());
    }

    proptest::proptest! {
        #[test]
        fn escaped_names_never_meet(a in "[aA_ 2é]{1,4}", b in "[aA_ 2é]{1,4}") {
            let (a, b) = (RoleName::new(a).unwrap(), RoleName::new(b).unwrap());
            proptest::prop_assert_eq!(a.slug() == b.slug(), a == b);
        }
    }
}
