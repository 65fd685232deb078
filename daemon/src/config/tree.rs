//! `config.toml` as a tree of values that know their line.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::file::line_of;

/// Where lines begin, so that a key's line costs a search and not a walk through the file.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(at, _)| at).collect())
    }

    /// The line, from 1, that a byte stands on.
    fn at(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|end| *end < offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

/// A value and the line it stands on.
pub(super) struct Item {
    /// From 1.
    pub(super) line: u32,
    /// The value.
    pub(super) value: Value,
}

/// A TOML value. No Debug: an external id is nobody's business.
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Switch(bool),
    /// An array, also of tables.
    List(Vec<Item>),
    /// A table.
    Table(Table),
    /// What no key of ours takes: a float, a date, an integer beyond 64 bits.
    Other(&'static str),
}

/// A table; every entry has the line of its key.
pub(super) type Table = BTreeMap<String, Entry>;

/// One key of a table.
pub(super) struct Entry {
    /// Line of the key.
    pub(super) line: u32,
    /// Its value.
    pub(super) item: Item,
}

/// A syntax error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Where, from 1.
    pub(super) line: u32,
    /// The parser's words; they quote no values.
    pub(super) message: String,
}

/// Parses `config.toml`.
pub(super) fn parse(text: &str) -> Result<Table, SyntaxError> {
    match DeTable::parse(text) {
        Ok(table) => Ok(convert_table(&Lines::of(text), table.get_ref())),
        Err(error) => Err(SyntaxError {
            line: line_of(
                text.as_bytes(),
                error.span().map_or(text.len(), |span| span.start),
            ),
            message: error.message().replace('\n', ", "),
        }),
    }
}

fn convert_table(lines: &Lines, table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                line: lines.at(key.span().start),
                item: Item {
                    line: lines.at(value.span().start),
                    value: convert(lines, value.get_ref()),
                },
            };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn convert(lines: &Lines, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Boolean(switch) => Value::Switch(*switch),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Other("an integer beyond 64 bits"), Value::Integer),
        DeValue::Array(array) => Value::List(
            array
                .iter()
                .map(|item| Item {
                    line: lines.at(item.span().start),
                    value: convert(lines, item.get_ref()),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(lines, table)),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Switch(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_knows_its_line_however_it_is_written() {
        let table = parse("a = 1\n\n[roles.'x y']\nb = 0x10\n  c.d = [\n 'e',\n]\n").unwrap();
        assert_eq!(table["a"].line, 1);
        let Value::Table(roles) = &table["roles"].item.value else {
            panic!()
        };
        assert_eq!(roles["x y"].line, 3);
        let Value::Table(role) = &roles["x y"].item.value else {
            panic!()
        };
        assert_eq!(role["b"].line, 4);
        assert!(matches!(role["b"].item.value, Value::Integer(16)));
        let Value::Table(dotted) = &role["c"].item.value else {
            panic!()
        };
        let Value::List(list) = &dotted["d"].item.value else {
            panic!()
        };
        assert_eq!((dotted["d"].line, list[0].line), (5, 6));
    }

    #[test]
    fn syntax_errors_name_their_line() {
        let error = parse("a = 1\nb = \n").err().unwrap();
        assert_eq!(error.line, 2);
        assert_eq!(parse("a = 1\na = 2\n").err().unwrap().line, 2);
    }
}
