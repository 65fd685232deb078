//! Secrets that are looked for where they must not be, however they are written there.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How much of what stands before a secret is shown.
const CONTEXT: usize = 120;

/// Marked secrets.
#[derive(Clone, Debug, Default)]
pub struct Canaries(Vec<Canary>);

#[derive(Clone, Debug)]
struct Canary {
    what: String,
    /// The ways in which it may be written.
    forms: Vec<Vec<u8>>,
}

impl Canaries {
    /// Looks for this one too.
    ///
    /// # Panics
    /// When it is too short to be told from anything else.
    pub fn add(&mut self, what: &str, secret: &str) {
        // Found however the rest is escaped: in a URL, in JSON, in XML, in a shell's quotes.
        let plain = secret.split(|it: char| !it.is_ascii_alphanumeric());
        let plain = plain.max_by_key(|run| run.len()).unwrap_or_default();
        assert!(plain.len() >= 8, "too short to be looked for: {what}");
        let bytes = plain.as_bytes();
        let mut forms = vec![bytes.to_vec(), bytes.iter().rev().copied().collect()];
        forms.push(hexadecimal(plain).into_bytes());
        // In Base64 it depends on what stands before, and the last characters on what follows.
        for start in 0..3 {
            let whole = (bytes.len() - start) / 3 * 3;
            forms.push(
                STANDARD_NO_PAD
                    .encode(&bytes[start..start + whole])
                    .into_bytes(),
            );
        }
        self.0.push(Canary {
            what: what.to_owned(),
            forms,
        });
    }

    /// Where in `bytes` they are, in any form, and which.
    ///
    /// One pass for all of them: cores are large, and this is not compiled to be quick.
    pub fn places_in(&self, bytes: &[u8]) -> Vec<(usize, &str)> {
        let forms = || {
            self.0
                .iter()
                .flat_map(|it| it.forms.iter().map(move |form| (it, form)))
        };
        let mut begins = vec![false; 1 << 16];
        for (_, form) in forms() {
            begins[usize::from(form[0]) << 8 | usize::from(form[1])] = true;
        }
        let mut places = Vec::new();
        let mut last = 0_usize;
        for (end, &byte) in bytes.iter().enumerate() {
            last = (last << 8 | usize::from(byte)) & 0xffff;
            if begins[last] && end > 0 {
                let found = forms().find(|(_, form)| bytes[end - 1..].starts_with(form));
                places.extend(found.map(|(canary, _)| (end - 1, canary.what.as_str())));
            }
        }
        places
    }

    /// What of them is in `bytes`, with what stands before it.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let places = self.places_in(bytes).into_iter().map(|(at, what)| {
            let before = &bytes[at.saturating_sub(CONTEXT)..at];
            format!("{what} after {}", before.escape_ascii())
        });
        places.collect()
    }

    /// Fails if any is in `bytes`.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn are_not_in(&self, place: &str, bytes: impl AsRef<[u8]>) {
        let found = self.found_in(bytes.as_ref());
        assert!(found.is_empty(), "in {place}: {found:#?}");
    }

    /// Fails if any is in a file below `directory`, but for those that may hold them; says how many files
    /// there were.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn are_not_below(&self, directory: &Path, may: impl Fn(&Path) -> bool) -> usize {
        let files = files(directory);
        for path in &files {
            // Some go while they are looked at.
            if let Ok(bytes) = fs::read(path)
                && !may(path)
            {
                self.are_not_in(&path.display().to_string(), bytes);
            }
            self.are_not_in("a file's name", path.as_os_str().as_encoded_bytes());
        }
        files.len()
    }
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Every regular file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "K7MDENGbPxRfiCY+tail/";

    fn canaries() -> Canaries {
        let mut canaries = Canaries::default();
        canaries.add("the key", SECRET);
        canaries
    }

    #[test]
    fn a_planted_secret_is_found_in_every_form() {
        let base64 = |text: String| STANDARD_NO_PAD.encode(text);
        for text in [
            SECRET.to_owned(),
            SECRET.replace('+', "%2B").replace('/', "%2F"),
            format!("{{\"a\":\"{}\"}}", SECRET.replace('/', "\\/")),
            SECRET.chars().rev().collect(),
            hexadecimal(SECRET),
            base64(SECRET.to_owned()),
            base64(format!("a{SECRET}")),
            base64(format!("user:{SECRET}@proxy")),
        ] {
            let found = canaries().found_in(format!("before {text} after").as_bytes());
            assert!(
                found.iter().any(|it| it.starts_with("the key after ")),
                "{text}"
            );
        }
        assert!(canaries().found_in(b"K7MDENGb PxRfiCY").is_empty());
    }

    #[test]
    fn a_planted_secret_is_found_in_a_file_unless_it_may_be_there() {
        let place = tempfile::tempdir().unwrap();
        let below = place.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::File::create(below.join("c")).unwrap();
        std::io::Write::write_all(
            &mut fs::File::create(below.join("d")).unwrap(),
            SECRET.as_bytes(),
        )
        .unwrap();
        assert_eq!(
            canaries().are_not_below(place.path(), |path| path.ends_with("d")),
            2
        );
        let found = std::panic::catch_unwind(|| canaries().are_not_below(place.path(), |_| false));
        assert!(found.is_err());
    }
}
