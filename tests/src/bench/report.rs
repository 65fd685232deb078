//! The table, and the same as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::machine::Machine;
use super::row::Row;

const HEAD: [&str; 6] = ["work", "measured", "floor", "ratio", "budget", ""];

/// The table as plain text: work to the left, numbers to the right, notes below.
pub(super) fn table(machine: &Machine, rows: &[Row]) -> String {
    let mut notes = String::new();
    let mut number = 0;
    let mut lines = vec![HEAD.map(str::to_owned)];
    for row in rows {
        let mut work = row.work.clone();
        if let Some(note) = &row.note {
            number += 1;
            // Writing to a String cannot fail.
            let _ = write!(work, " [{number}]");
            let _ = writeln!(notes, "[{number}] {note}");
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        lines.push([
            work,
            or_dash(row.value.map(|it| it.to_string())),
            or_dash(row.floor.map(|it| it.to_string())),
            or_dash(row.ratio().map(|it| format!("{it:.2}"))),
            row.budget.to_string(),
            row.verdict().word().into(),
        ]);
    }
    let widths: [usize; 6] = std::array::from_fn(|column| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let mut text = format!("{machine}\n\n");
    for [work, numbers @ .., verdict] in &lines {
        let _ = write!(text, "{work:<0$}", widths[0]);
        for (cell, width) in numbers.iter().zip(&widths[1..]) {
            let _ = write!(text, "  {cell:>width$}");
        }
        let _ = write!(text, "  {verdict}");
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text
}

/// The same for programs.
pub(super) fn json(machine: &Machine, rows: &[Row]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "work": row.work,
                "measured": row.value.map(super::row::Quantity::number),
                "unit": row.value.map(super::row::Quantity::unit),
                "floor": row.floor.map(super::row::Quantity::number),
                "ratio": row.ratio(),
                "budget": row.budget.to_string(),
                "verdict": row.verdict().word(),
                "note": row.note,
            })
        })
        .collect();
    json!({ "machine": machine.json(), "rows": rows })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::row::{Budget, Quantity};
    use super::*;

    #[test]
    fn columns_are_aligned_and_notes_numbered() {
        let machine = Machine::fixed();
        let micros = |it| Quantity::Time(Duration::from_micros(it));
        let rows = [
            Row::new("a read", micros(12), Budget::AtMostTimes(1.15)).above(micros(10)),
            Row::new("a start", micros(4_000), Budget::Unbudgeted).note("cold".into()),
            Row::later("trace"),
        ];
        let text = table(&machine, &rows);
        let expected = "\
work         measured     floor  ratio    budget
a read       12.00 µs  10.00 µs   1.20  ≤ 1.15 ×  over
a start [1]   4.00 ms         –      –         –
trace               –         –      –         –  later

[1] cold
";
        let (_, body) = text.split_once("\n\n").unwrap();
        assert_eq!(body, expected);
        let json = json(&machine, &rows);
        assert_eq!(json["rows"][0]["unit"], "seconds");
        assert_eq!(json["rows"][2]["measured"], Value::Null);
    }
}
