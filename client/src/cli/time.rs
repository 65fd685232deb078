//! Moments and spans, for people.

use jiff::Timestamp;

/// Wall time now, in seconds since the epoch.
pub(crate) fn now() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec
}

/// Seconds since the epoch of an RFC 3339 instant.
pub(crate) fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// `20260101T000000Z`, for names of files.
pub(crate) fn compact(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or_default()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

/// Seconds of a duration as people write it: `90m`, `12h`, `1h30m`; each unit at most once, the larger first, as in
/// config.toml.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || "expected a duration such as 90m, 12h, 45s or 1h30m".to_owned();
    let (mut seconds, mut smallest, mut rest) = (0_u64, u64::MAX, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = match rest.as_bytes().get(digits) {
            Some(b'd') => 86_400,
            Some(b'h') => 3_600,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(wrong()),
        };
        if unit >= smallest {
            return Err(wrong());
        }
        smallest = unit;
        let part = number.checked_mul(unit).ok_or_else(wrong)?;
        seconds = seconds.checked_add(part).ok_or_else(wrong)?;
        rest = &rest[digits + 1..];
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(seconds)
    }
}

/// A span in the two largest units that matter: `45s`, `41m`, `3h 12m`, `2d 4h`.
pub(crate) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => two(hours, "h", minutes % 60, "m"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit} {small}{small_unit}")
    }
}

/// How long ago, or how soon: `3m ago`, `in 20s`; the text itself if it is no instant.
pub(crate) fn relative(text: &str, now: i64) -> String {
    match parse(text) {
        Some(then) if then > now => format!("in {}", span(now.abs_diff(then))),
        Some(then) => format!("{} ago", span(now.abs_diff(then))),
        None => super::escape::line(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("45s", 45), ("90m", 5400), ("1h30m", 5400), ("2d", 172_800)] {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "1",
            "h",
            "1m1h",
            "1h1h",
            "-1h",
            "1 h",
            "99999999999999999999d",
            "1ü",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (2_519, "41m"),
            (3_600, "1h"),
            (11_520, "3h 12m"),
            (86_400, "1d"),
            (187_300, "2d 4h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn moments() {
        let now = parse("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(relative("2026-01-01T00:00:20Z", now), "in 20s");
        assert_eq!(relative("2025-12-31T23:57:00Z", now), "3m ago");
        assert_eq!(relative("so\non", now), "so\\non");
        assert_eq!(compact(now), "20260101T000000Z");
    }
}
