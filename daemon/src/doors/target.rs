//! Paths of requests, decoded once and refused where two readers could differ about them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Why a path is refused (client contract 58).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// The path with repeated slashes made one (Java, .NET and C++ send `//latest/…` when their endpoint
/// ends in a slash) and escapes decoded, once.
///
/// Refused: dot segments, `;`, backslashes, control characters, anything that is not UTF-8, and escapes
/// of `/` and `%`.
pub fn normal(path: &str) -> Result<Cow<'_, str>, Ambiguous> {
    if is_plain(path) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = if path.contains('%') {
        let decoded = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| Ambiguous)?;
        // An escaped slash would make a segment that routing takes for two; an escaped `%` invites a
        // second decoding somewhere else.
        if decoded.matches('/').count() != path.matches('/').count() || decoded.contains('%') {
            return Err(Ambiguous);
        }
        decoded
    } else {
        Cow::Borrowed(path)
    };
    let odd = |c: char| c == ';' || c == '\\' || c.is_control();
    if !decoded.starts_with('/')
        || decoded.contains(odd)
        || decoded.split('/').any(|part| part == "." || part == "..")
    {
        return Err(Ambiguous);
    }
    if !decoded.contains("//") {
        return Ok(decoded);
    }
    let mut single = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    Ok(Cow::Owned(single))
}

/// Whether every reader takes the path for the same, at one glance: what SDKs send all day. Folds, which
/// look at all bytes but at many of them at a time.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    let doubled = |pair: &[u8]| pair[0] == b'/' && pair[1] == b'/';
    let bytes = path.as_bytes();
    path.starts_with('/')
        && bytes.iter().fold(true, |all, &byte| all & plain(byte))
        && !bytes
            .windows(2)
            .fold(false, |any, pair| any | doubled(pair))
}

/// One segment of a socket path, decoded once: role names may hold any character (DESIGN, "imds"), so
/// on the socket an escaped slash is part of a name.
pub fn segment(raw: &str) -> Result<Cow<'_, str>, Ambiguous> {
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Ambiguous)?;
    if decoded.is_empty() || decoded.contains(char::is_control) {
        return Err(Ambiguous);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_borrowed() {
        assert!(matches!(
            normal("/role/dev"),
            Ok(Cow::Borrowed("/role/dev"))
        ));
    }

    #[test]
    fn slashes_collapse_and_escapes_decode_once() {
        for (path, expected) in [
            ("//latest//meta-data/", "/latest/meta-data/"),
            ("/role/%64ev", "/role/dev"),
            ("/role/d%20v", "/role/d v"),
            ("/", "/"),
        ] {
            assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_two_readers_could_differ_about_is_refused() {
        for path in [
            "/latest/../meta-data",
            "/latest/./meta-data",
            "/latest/..",
            "/latest/%2e%2e/x",
            "/latest/%2E/x",
            "/role%2Fdev",
            "/role/dev%00",
            "/role/dev;x=1",
            "/role/dev%3Bx",
            "/role\\dev",
            "/role/%5cdev",
            "/role/%252e",
            "/role/%c0%ae",
            "/role/%ff",
            "/role/%0d%0a",
            "role/dev",
            "*",
            "",
        ] {
            assert_eq!(normal(path), Err(Ambiguous), "{path:?}");
        }
    }

    #[test]
    fn a_segment_may_hold_what_a_role_name_may() {
        assert_eq!(segment("my%20role%2Fx").as_deref(), Ok("my role/x"));
        assert_eq!(segment("50%25").as_deref(), Ok("50%"));
        for raw in ["", "%00", "%0a", "%ff"] {
            assert_eq!(segment(raw), Err(Ambiguous), "{raw:?}");
        }
    }
}
