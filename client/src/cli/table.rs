//! Columns of text.

use std::fmt::Write as _;

use anstyle::Style;

use super::escape;

/// Blanks between columns.
const GAP: usize = 2;

/// The narrowest the last column gets before lines are left to wrap.
const NARROWEST: usize = 8;

/// One field; its text is made harmless when it is made.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Without a style.
    pub(crate) fn plain(text: &str) -> Self {
        Self::styled(text, Style::new())
    }

    /// With one.
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self {
            text: escape::line(text),
            style,
        }
    }
}

#[derive(Debug)]
enum Line {
    Row(Vec<Cell>),
    /// Runs across all columns, below the row it belongs to.
    Note(Cell),
}

/// Rows of cells under titles; the last column takes the room that is left and is cut to it.
#[derive(Debug)]
pub(crate) struct Table {
    titles: Vec<Cell>,
    lines: Vec<Line>,
}

impl Table {
    /// An empty table; without titles if all of them are empty.
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self {
            titles: titles
                .iter()
                .map(|title| Cell::styled(title, Style::new().dimmed()))
                .collect(),
            lines: Vec::new(),
        }
    }

    /// Adds a row, with as many cells as there are titles.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.lines.push(Line::Row(cells));
    }

    /// Adds a line below the last row.
    pub(crate) fn note(&mut self, text: &str, style: Style) {
        self.lines.push(Line::Note(Cell::styled(text, style)));
    }

    /// As text, lines cut to `width` columns if given.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.titles.iter().map(|cell| length(&cell.text)).collect();
        for line in &self.lines {
            if let Line::Row(cells) = line {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(length(&cell.text));
                }
            }
        }
        let before: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        let last = width.map(|width| width.saturating_sub(before).max(NARROWEST));
        let mut out = String::new();
        if self.titles.iter().any(|title| !title.text.is_empty()) {
            write_row(&mut out, &self.titles, &widths, last);
        }
        for line in &self.lines {
            match line {
                Line::Row(cells) => write_row(&mut out, cells, &widths, last),
                Line::Note(Cell { text, style }) => {
                    let _ = writeln!(out, "  {style}{text}{style:#}");
                }
            }
        }
        out
    }
}

fn write_row(out: &mut String, cells: &[Cell], widths: &[usize], last: Option<usize>) {
    // Blanks come only before a cell that holds something: no line ends in them.
    let mut pending = 0;
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let text = match last {
            Some(limit) if index + 1 == cells.len() => cut(&cell.text, limit),
            _ => cell.text.clone(),
        };
        if !text.is_empty() {
            let style = cell.style;
            let _ = write!(out, "{:pending$}{style}{text}{style:#}", "");
            pending = 0;
        }
        pending += width.saturating_sub(length(&text)) + GAP;
    }
    out.push('\n');
}

/// At most `limit` characters, the last of which says that some are missing.
fn cut(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["A", "LONG"]);
        table.row(vec![Cell::plain("abc"), Cell::plain("some words here")]);
        table.note("a note", Style::new());
        table.row(vec![Cell::plain("d"), Cell::plain("")]);
        table
    }

    #[test]
    fn columns_align_and_no_line_ends_in_blanks() {
        let text = anstream::adapter::strip_str(&table().render(None)).to_string();
        assert_eq!(text, "A    LONG\nabc  some words here\n  a note\nd\n");
    }

    #[test]
    fn the_last_column_is_cut_to_the_width() {
        let text = anstream::adapter::strip_str(&table().render(Some(15))).to_string();
        assert_eq!(text, "A    LONG\nabc  some word…\n  a note\nd\n");
        assert_eq!(cut("some words", 6), "some…");
    }
}
