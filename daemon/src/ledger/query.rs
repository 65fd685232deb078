//! Reads records from the end, without reading whole files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::de::IgnoredAny;

use super::line::seq_of;

/// What is read at once, to begin with.
const CHUNK: u64 = 64 * 1024;

/// Gives the pieces between newlines, last first. The first piece is what stands after the last newline:
/// empty, unless a crash cut a line short (or one is being written).
pub(super) struct Backwards<R> {
    reader: R,
    /// Where `rest` begins in the file.
    position: u64,
    /// Read and not yet given; None when the first line has been given.
    rest: Option<Vec<u8>>,
}

impl<R: Read + Seek> Backwards<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let position = reader.seek(SeekFrom::End(0))?;
        Ok(Self {
            reader,
            position,
            rest: (position > 0).then(Vec::new),
        })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(rest) = &mut self.rest else {
            return Ok(None);
        };
        let mut searched = rest.len();
        loop {
            if let Some(newline) = rest[..searched].iter().rposition(|&byte| byte == b'\n') {
                let piece = rest.split_off(newline + 1);
                rest.pop();
                return Ok(Some(piece));
            }
            if self.position == 0 {
                return Ok(self.rest.take());
            }
            // Twice as much each time, so that one endless line does not cost its square.
            let more = CHUNK.max(rest.len() as u64).min(self.position);
            self.position -= more;
            self.reader.seek(SeekFrom::Start(self.position))?;
            let mut chunk = Vec::new();
            self.reader.by_ref().take(more).read_to_end(&mut chunk)?;
            searched = chunk.len();
            chunk.append(rest);
            *rest = chunk;
        }
    }
}

/// The number of the last record in `files` (newest first), whole or torn; 0 if there is none.
pub(super) fn last_seq(files: impl IntoIterator<Item = File>) -> io::Result<u64> {
    for file in files {
        let mut lines = Backwards::new(file)?;
        while let Some(line) = lines.next()? {
            if let Some(seq) = seq_of(&line) {
                return Ok(seq);
            }
        }
    }
    Ok(0)
}

/// The last `count` records of `files` (newest first) whose number is above `after`, oldest first.
pub(super) fn tail(
    files: impl IntoIterator<Item = File>,
    count: usize,
    after: Option<u64>,
) -> io::Result<Vec<String>> {
    let mut found = VecDeque::new();
    'files: for file in files {
        let mut lines = Backwards::new(file)?;
        // Being written, or torn: not a record yet, or no more.
        lines.next()?;
        while found.len() < count {
            let Some(line) = lines.next()? else {
                continue 'files;
            };
            let Some(seq) = seq_of(&line).filter(|_| is_record(&line)) else {
                continue;
            };
            if after.is_some_and(|after| seq <= after) {
                break 'files;
            }
            found.push_front(String::from_utf8_lossy(&line).into_owned());
        }
        break;
    }
    Ok(found.into())
}

/// Whether the line is whole. A torn one stays in the file, ended where the daemon started again.
pub(super) fn is_record(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut backwards = Backwards::new(Cursor::new(bytes)).unwrap();
        let mut found = Vec::new();
        while let Some(piece) = backwards.next().unwrap() {
            found.push(piece);
        }
        found
    }

    #[test]
    fn lines_longer_than_a_chunk_are_whole() {
        let long = vec![b'x'; 300_000];
        let text = [b"a\n".as_slice(), &long, b"\n\nb\n"].concat();
        let expected = [&b""[..], b"b", b"", &long, b"a"];
        assert_eq!(pieces(&text), expected);
        assert!(pieces(b"").is_empty());
    }

    proptest! {
        #[test]
        fn pieces_are_what_split_gives(lines in proptest::collection::vec(
            prop_oneof![9 => 0_usize..20, 1 => 60_000_usize..200_000], 1..12)) {
            let text: Vec<u8> = lines.iter().enumerate()
                .map(|(n, &length)| vec![b'a' + u8::try_from(n).unwrap(); length])
                .collect::<Vec<_>>().join(&b'\n');
            let mut expected: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
            expected.reverse();
            if text.is_empty() {
                expected.clear();
            }
            prop_assert_eq!(pieces(&text), expected);
        }
    }
}
