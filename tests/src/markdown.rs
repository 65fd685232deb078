//! As much of Markdown as tests need to hold the documentation to its word.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The word behind the fence; empty if there is none.
    pub language: String,
    /// The line of the fence, from 1.
    pub line: usize,
    /// What is between the fences.
    pub text: String,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The heading the table stands under.
    pub heading: String,
    /// The row's line, from 1.
    pub line: usize,
    /// The cells, trimmed.
    pub cells: Vec<String>,
}

/// Every fenced block, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.trim().into(),
                    line: index + 1,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Every line that is in no fenced block, with its number from 1.
pub fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Every row of every table, without heads.
pub fn rows(text: &str) -> Vec<Row> {
    let mut heading = String::new();
    let mut rows: Vec<Row> = Vec::new();
    for (line, content) in prose(text) {
        if content.starts_with('#') {
            heading = content.trim_start_matches('#').trim().into();
        } else if content.starts_with('|') {
            let cells = cells(content);
            if cells
                .iter()
                .all(|cell| !cell.is_empty() && cell.chars().all(|c| "-:".contains(c)))
            {
                // The line below the head: what was taken for a row was the head.
                rows.pop();
            } else {
                rows.push(Row {
                    heading: heading.clone(),
                    line,
                    cells,
                });
            }
        }
    }
    rows
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    let mut cells = vec![String::new()];
    let mut code = false;
    for character in inner.chars() {
        code ^= character == '`';
        match cells.last_mut() {
            Some(cell) if character != '|' || code => cell.push(character),
            _ => cells.push(String::new()),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// What stands between backticks in a line.
pub fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The targets of the links in a line: `b` of `[a](b)`.
pub fn links(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# One
| a | b |
| --- | --- |
| `x|y` | [z](z.md) |
```toml
| not = a row
```
## Two
| only | `a` head, `b` |
|---|---|
```
plain
```
";

    #[test]
    fn blocks_know_their_language_and_line() {
        let found = blocks(TEXT);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].language.as_str(), found[0].line), ("toml", 5));
        assert_eq!(found[0].text, "| not = a row\n");
        assert_eq!(found[1].text, "plain\n");
    }

    #[test]
    fn rows_are_without_heads() {
        let found = rows(TEXT);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].heading.as_str(), found[0].line), ("One", 4));
        assert_eq!(found[0].cells, ["`x|y`", "[z](z.md)"]);
    }

    #[test]
    fn spans_and_links_are_found() {
        assert_eq!(code_spans("a `b` c `d`"), ["b", "d"]);
        assert_eq!(links("[a](b) and [c](d#e)"), ["b", "d#e"]);
    }
}
