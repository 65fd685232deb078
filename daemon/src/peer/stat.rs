//! Reads `/proc/PID/stat` (proc_pid_stat(5)).

/// What of a process's `stat` matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) ppid: u32,
    pub(super) sid: u32,
    pub(super) tty: Option<String>,
    /// Clock ticks since boot.
    pub(super) start_time: u64,
}

/// None if the text is not a `stat`, or the process has ended and only waits for its parent.
pub(super) fn parse(text: &[u8]) -> Option<Stat> {
    // The second field is the command in parentheses, and may itself hold spaces and parentheses.
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(&text[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    let ppid = fields.next()?.parse().ok()?;
    // Field 5 is the process group; 6 the session; 7 the terminal; 22 the start time.
    let sid = fields.nth(1)?.parse().ok()?;
    let tty = fields.next()?.parse().ok()?;
    let start_time = fields.nth(14)?.parse().ok()?;
    Some(Stat {
        ppid,
        sid,
        tty: tty_name(tty),
        start_time,
    })
}

/// The name under `/dev` of a terminal's device number, as procps finds it; `major:minor` for rare ones.
fn tty_name(device: i32) -> Option<String> {
    let device = device.cast_unsigned();
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    match (major, minor) {
        (0, 0) => None,
        (136..=143, _) => Some(format!("pts/{}", minor + (major - 136) * 256)),
        (4, 0..64) => Some(format!("tty{minor}")),
        (4, _) => Some(format!("ttyS{}", minor - 64)),
        _ => Some(format!("{major}:{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REST: &str = " S 41 42 40 34819 42 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";

    #[test]
    fn any_command_name_is_skipped() {
        let expected = Stat {
            ppid: 41,
            sid: 40,
            tty: Some("pts/3".into()),
            start_time: 987_654,
        };
        for name in ["bash", "a b", ") S 1 (", "((", "x) R 9 9 9", "\u{1b}[2J"] {
            let text = format!("42 ({name}){REST}");
            assert_eq!(parse(text.as_bytes()), Some(expected.clone()), "{name}");
        }
        assert!(parse(&[b"42 (\xff\xfe)", REST.as_bytes()].concat()).is_some());
    }

    #[test]
    fn a_zombie_is_gone() {
        let text = format!("42 (x){}", REST.replacen('S', "Z", 1));
        assert_eq!(parse(text.as_bytes()), None);
    }

    #[test]
    fn terminals_have_names() {
        for (device, expected) in [
            (0, None),
            (0x8800, Some("pts/0")),
            (0x8900, Some("pts/256")),
            (0x0010_8805, Some("pts/261")),
            (0x0401, Some("tty1")),
            (0x0440, Some("ttyS0")),
            (0xcc40, Some("204:64")),
        ] {
            assert_eq!(tty_name(device).as_deref(), expected, "{device:#x}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let cut = [b"1 (x) S ".as_slice(), &text].concat();
            prop_assert_eq!(parse(&cut), None);
        }
    }
}
