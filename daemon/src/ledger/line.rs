//! A record as its JSON line.

use std::io::{self, Write};

use jiff::Timestamp as JiffTimestamp;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::record::{Event, Record};
use crate::clock::Now;

/// Version of the records' form.
const VERSION: u8 = 1;

/// What every line of one run of the daemon says.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) boot_id: Option<String>,
    pub(super) host: String,
}

/// What is written: a record, or the writer's own word that records are missing.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Body {
    Record(Box<Record>),
    Gap {
        event: Event,
        /// How many records are missing here, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
        message: String,
    },
}

impl Body {
    pub(super) fn gap(lost: Option<u64>, message: impl Into<String>) -> Self {
        Self::Gap {
            event: Event::Gap,
            lost,
            message: message.into(),
        }
    }
}

#[derive(Serialize)]
struct Rest<'a> {
    ts_wall: String,
    ts_boot: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot_id: Option<&'a str>,
    host: &'a str,
    daemon_ver: &'a str,
    #[serde(flatten)]
    body: &'a Body,
}

/// Everything of the line that stands after `seq`, without the newline.
pub(super) fn render(origin: &Origin, at: Now, body: &Body) -> Vec<u8> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since boot fit 53 bits for 285,000 years"
    )]
    let ts_boot = at.boot.as_millis() as f64 / 1000.0;
    let rest = Rest {
        ts_wall: wall(at),
        ts_boot,
        boot_id: origin.boot_id.as_deref(),
        host: &origin.host,
        daemon_ver: env!("CARGO_PKG_VERSION"),
        body,
    };
    let mut bytes = Vec::with_capacity(1024);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Printable);
    // Nothing in a record can fail to serialize: paths are made lossy, map keys are names.
    let done = rest.serialize(&mut serializer);
    debug_assert!(done.is_ok());
    // Without the opening brace: `with_seq` puts its own in front.
    bytes.drain(..1.min(bytes.len()));
    bytes
}

/// The whole line, newline included.
pub(super) fn with_seq(seq: u64, rest: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(format!("{{\"v\":{VERSION},\"seq\":{seq},").as_bytes());
    line.extend_from_slice(rest);
    line.push(b'\n');
}

/// The `seq` of a line, or of the torn start of one.
pub(super) fn seq_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(format!("{{\"v\":{VERSION},\"seq\":").as_bytes())?;
    let end = rest.iter().position(|&byte| byte == b',')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

fn wall(at: Now) -> String {
    let time = JiffTimestamp::from_millisecond(at.wall.as_millis()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Compact JSON in which nothing acts on the terminal that shows it: besides what JSON itself escapes,
/// DEL, C1 controls, invisible and direction-changing characters are `\uXXXX` too.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (at, character) in fragment.char_indices().filter(|&(_, c)| acts(c)) {
            CompactFormatter.write_string_fragment(writer, &fragment[start..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            start = at + character.len_utf8();
        }
        CompactFormatter.write_string_fragment(writer, &fragment[start..])
    }
}

fn acts(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{ad}'
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
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::clock::Timestamp;
    use crate::peer::{Consumer, Process};

    fn line(record: Record) -> String {
        let origin = Origin {
            boot_id: Some("b".into()),
            host: "h".into(),
        };
        let at = Now {
            wall: Timestamp::from_millis(1_767_225_600_007),
            boot: Duration::from_millis(12_345),
        };
        let mut line = Vec::new();
        let rest = render(&origin, at, &Body::Record(Box::new(record)));
        with_seq(7, &rest, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_these_fields_in_this_order() {
        let record = Record {
            event: Event::LeaseEnd,
            role: Some("dev".into()),
            ..Record::default()
        };
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            line(record),
            format!(
                "{{\"v\":1,\"seq\":7,\"ts_wall\":\"2026-01-01T00:00:00.007Z\",\"ts_boot\":12.345,\
                 \"boot_id\":\"b\",\"host\":\"h\",\"daemon_ver\":\"{version}\",\
                 \"event\":\"lease_end\",\"role\":\"dev\"}}\n"
            )
        );
    }

    #[test]
    fn sequence_numbers_are_read_from_whole_and_torn_lines() {
        for (text, expected) in [
            ("{\"v\":1,\"seq\":12,\"ts_wall\":1}", Some(12)),
            ("{\"v\":1,\"seq\":12,", Some(12)),
            ("{\"v\":1,\"seq\":12", None),
            ("{\"v\":1,\"seq\":,", None),
            ("{\"v\":2,\"seq\":1,", None),
            ("", None),
        ] {
            assert_eq!(seq_of(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        let text = "\u{1b}[2J\u{7f}\u{9b}31m\u{202e}abc\u{2028}\u{e0041}é\n\"\\";
        let line = line(Record {
            message: Some(text.into()),
            ..Record::default()
        });
        assert!(line.trim_end().chars().all(|c| !c.is_control() && !acts(c)));
        assert!(line.contains("\\u009b31m\\u202eabc\\u2028\\udb40\\udc41é\\n"));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], text);
    }

    #[test]
    fn a_process_that_picks_its_names_forges_no_line() {
        use std::os::unix::ffi::OsStrExt;

        let name = b"/x\n{\"v\":1,\"seq\":9,\x1b]0;\xff\x7f\"";
        let process = Process {
            exe: Some(std::ffi::OsStr::from_bytes(name).into()),
            argv0: Some("\r\n\u{202e}".into()),
            ..Process::default()
        };
        let line = line(Record {
            consumer: Some(Consumer {
                uid: 1,
                process: Some(process),
            }),
            ..Record::default()
        });
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert!(!line.trim_end().chars().any(char::is_control));
        let value: Value = serde_json::from_str(&line).unwrap();
        let exe = value["consumer"]["process"]["exe"].as_str().unwrap();
        assert_eq!(exe, String::from_utf8_lossy(name));
    }

    proptest! {
        #[test]
        fn any_text_makes_one_line_that_reads_back(text in any::<String>(), other in "\\PC*|[\\x00-\\xff\\u{200b}-\\u{206f}]*") {
            let line = line(Record { role: Some(text.clone()), message: Some(other.clone()), ..Record::default() });
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            let value: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&value["role"], &text);
            prop_assert_eq!(&value["message"], &other);
            prop_assert!(line.trim_end_matches('\n').chars().all(|c| !c.is_control()));
        }
    }
}
