//! `rolecall ledger tail`: who got what, when, through which door.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use rolecall::api::MAX_WAIT_SECONDS;
use rolecall::connection::Target;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::Tail;
use super::daemon::{Daemon, QUICK};
use super::failure::Failure;
use super::{escape, output};

/// Most records one answer of `--follow` brings.
const PAGE: usize = 1000;

/// Before asking again after an empty answer.
const PAUSE: Duration = Duration::from_millis(200);

/// `GET /v1/ledger`, answered. Records are kept as they are: the ledger may say more than we show.
#[derive(Deserialize)]
struct Page {
    records: Vec<Value>,
}

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Tail) -> Result<(), Failure> {
    let target = Target::new("/v1/ledger").query("count", &arguments.count.to_string());
    let first: Page = daemon.get(target, QUICK)?;
    print(&first.records, arguments.json)?;
    let mut last = last_sequence(&first.records).unwrap_or(0);
    if !arguments.follow {
        return Ok(());
    }
    loop {
        let target = Target::new("/v1/ledger")
            .query("count", &PAGE.to_string())
            .query("after", &last.to_string())
            .query("wait", &MAX_WAIT_SECONDS.to_string());
        let limit = Duration::from_secs(MAX_WAIT_SECONDS + 10);
        let page: Page = daemon.get(target, limit)?;
        print(&page.records, arguments.json)?;
        match last_sequence(&page.records) {
            Some(sequence) => last = sequence,
            // A daemon that is stopping answers at once.
            None => std::thread::sleep(PAUSE),
        }
    }
}

fn last_sequence(records: &[Value]) -> Option<u64> {
    records.last()?.get("seq")?.as_u64()
}

fn print(records: &[Value], json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for record in records {
        if json {
            let _ = writeln!(text, "{record}");
        } else {
            text.push_str(&line(record));
        }
    }
    if json {
        output::print_bytes(escape::json(&text).as_bytes())
    } else {
        output::print(&text)
    }
}

/// `2026-01-01T00:00:00Z  serve     dev  socket  terraform (4711)  ASIA…  message`
fn line(record: &Value) -> String {
    let text = |path: &str| {
        record
            .pointer(path)
            .and_then(Value::as_str)
            .map(escape::line)
    };
    let event = text("/event").unwrap_or_else(|| "?".to_owned());
    let color = match event.as_str() {
        "failed" | "refused" | "gap" | "unknown" => AnsiColor::Red,
        "issued" | "serve" => AnsiColor::Green,
        _ => AnsiColor::Cyan,
    };
    let style = Style::new().fg_color(Some(color.into()));
    let dim = Style::new().dimmed();
    let words = [text("/code"), text("/rule"), text("/message")];
    let words: Vec<_> = words.into_iter().flatten().collect();
    let mut parts = vec![
        text("/role"),
        text("/door"),
        record.pointer("/consumer").and_then(consumer),
        text("/session/akid"),
        (!words.is_empty()).then(|| words.join(": ")),
    ];
    parts.retain(Option::is_some);
    let width = if parts.is_empty() { 0 } else { 9 };
    let mut out = format!(
        "{dim}{}{dim:#}  {style}{event:<width$}{style:#}",
        text("/ts_wall").unwrap_or_else(|| "-".to_owned())
    );
    for part in parts.into_iter().flatten() {
        let _ = write!(out, "  {part}");
    }
    out.push('\n');
    out
}

/// `terraform (4711)`: the script, else the executable's name, else argv[0], else the uid.
fn consumer(consumer: &Value) -> Option<String> {
    let process = consumer.get("process").filter(|process| !process.is_null());
    let field = |name: &str| {
        let value = process?.get(name)?.as_str()?;
        Some(escape::line(value.rsplit('/').next().unwrap_or(value)))
    };
    let uid = || Some(format!("uid {}", consumer.get("uid")?.as_u64()?));
    let name = field("script")
        .or_else(|| field("exe"))
        .or_else(|| field("argv0"))
        .or_else(uid)?;
    Some(
        match process.and_then(|process| process.get("pid")?.as_u64()) {
            Some(pid) => format!("{name} ({pid})"),
            None => name,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(record: &Value) -> String {
        anstream::adapter::strip_str(&line(record)).to_string()
    }

    #[test]
    fn lines_say_who_got_what() {
        let serve = serde_json::json!({
            "v": 1, "seq": 7, "ts_wall": "2026-01-01T00:00:00Z", "event": "serve", "role": "dev",
            "door": "socket", "session": {"akid": "ASIA1"},
            "consumer": {"uid": 1000, "process": {"pid": 4711, "exe": "/usr/bin/terraform", "script": null}},
        });
        assert_eq!(
            plain(&serve),
            "2026-01-01T00:00:00Z  serve      dev  socket  terraform (4711)  ASIA1\n"
        );
        let refused = serde_json::json!({
            "ts_wall": "2026-01-01T00:00:00Z", "event": "refused", "door": "imds", "rule": "host",
            "message": "a\u{1b}[2J\nb", "consumer": {"uid": 65534, "process": null},
        });
        assert_eq!(
            plain(&refused),
            "2026-01-01T00:00:00Z  refused    imds  uid 65534  host: a\\u{1b}[2J\\nb\n"
        );
        assert_eq!(plain(&serde_json::json!({})), "-  ?\n");
    }

    #[test]
    fn the_last_sequence_is_where_to_go_on() {
        let records = [serde_json::json!({"seq": 4}), serde_json::json!({"seq": 9})];
        assert_eq!(last_sequence(&records), Some(9));
        assert_eq!(last_sequence(&[]), None);
    }
}
