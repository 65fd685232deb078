//! Durations as people write them.

use std::time::Duration;

use thiserror::Error;

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected a duration such as \"90m\", \"12h\", \"45s\" or \"1h30m\"")]
pub struct DurationError;

/// Parses `90m`, `12h`, `45s`, `1h30m`: whole numbers with `d`, `h`, `m`, `s`, each unit at most once,
/// the larger first.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut seconds = 0_u64;
    let mut smallest = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| DurationError)?;
        let mut tail = rest[digits..].chars();
        let unit = match tail.next() {
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(DurationError),
        };
        if unit >= smallest {
            return Err(DurationError);
        }
        smallest = unit;
        seconds = number
            .checked_mul(unit)
            .and_then(|part| seconds.checked_add(part))
            .ok_or(DurationError)?;
        rest = tail.as_str();
    }
    if smallest == u64::MAX {
        return Err(DurationError);
    }
    Ok(Duration::from_secs(seconds))
}

/// The shortest exact way to say it: `1h`, `1h30m`, `45s`.
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let mut text = String::new();
    for (number, unit) in parts {
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [
            ("90m", 5400),
            ("12h", 43_200),
            ("45s", 45),
            ("1h30m", 5400),
            ("1d", 86_400),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "90",
            "h",
            "1m1h",
            "1h1h",
            "1.5h",
            "-1h",
            "1 h",
            "1w",
            "99999999999999999999h",
            "18446744073709551615h",
            "1hä",
        ] {
            assert_eq!(parse(text), Err(DurationError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds in 0_u64..10_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&short(duration)), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
