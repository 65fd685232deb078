//! The files of the ledger: `ledger.jsonl` is always the one being written, `.1` to `.8` the older ones.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How large a file may grow.
pub(super) const LIMIT: u64 = 64 * 1024 * 1024;
/// How many older files are kept.
const KEPT: u32 = 8;

fn older(file: &Path, number: u32) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Makes room for a new file: each older one moves up, the oldest goes. A crash in between leaves a number
/// free, which the next rotation closes and readers pass over.
pub(super) fn rotate(file: &Path) -> io::Result<()> {
    // The first free place is as far as anything has to move.
    let free = (1..KEPT).find(|&number| !older(file, number).exists());
    for number in (1..free.unwrap_or(KEPT)).rev() {
        fs::rename(older(file, number), older(file, number + 1))?;
    }
    fs::rename(file, older(file, 1))
}

/// Opens every file there is, newest first.
pub(super) fn open_all(file: &Path) -> io::Result<Vec<File>> {
    let older = (1..=KEPT).map(|number| older(file, number));
    let mut files = Vec::new();
    for path in std::iter::once(file.to_owned()).chain(older) {
        match File::open(path) {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files named by their content, newest (`ledger.jsonl`) first; `-` where there is none.
    fn after_rotation(before: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ledger.jsonl");
        let path = |number| match number {
            0 => file.clone(),
            number => older(&file, number),
        };
        for (number, content) in (0..).zip(before.chars()) {
            if content != '-' {
                use std::io::Write;
                write!(File::create(path(number)).unwrap(), "{content}").unwrap();
            }
        }
        rotate(&file).unwrap();
        (0..=KEPT + 1)
            .map(|number| fs::read_to_string(path(number)).unwrap_or("-".into()))
            .collect()
    }

    #[test]
    fn files_move_up_and_the_ninth_goes() {
        assert_eq!(after_rotation("a"), "-a--------");
        assert_eq!(after_rotation("ab"), "-ab-------");
        assert_eq!(after_rotation("abcdefghi"), "-abcdefgh-");
        assert_eq!(after_rotation("ab-de"), "-abde-----", "a gap is closed");
        assert_eq!(after_rotation("abcdefgh-"), "-abcdefgh-");
    }
}
