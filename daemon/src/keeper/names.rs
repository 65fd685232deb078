//! Session names: the template, and the ids that keep a session's ARN the same at a renewal and at a
//! restart (DESIGN rule 11).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::recipe::Fingerprint;
use crate::secrets::SharedRandom;

const FILE: &str = "session-ids.json";
const VERSION: u32 = 1;
const ID_LENGTH: usize = 12;
const LONGEST_USER: usize = 20;
const LONGEST_HOST: usize = 16;
/// How many ids of steps that are not in force are kept, for the day they come back. A source whose keys
/// change every hour makes new fingerprints every hour.
const MOST_UNUSED: usize = 1000;
/// STS API reference, AssumeRole, `RoleSessionName`: 2 to 64 of `[\w+=,.@-]`.
const LONGEST_NAME: usize = 64;
const SHORTEST_NAME: usize = 2;

/// Renders a session-name template.
pub(super) fn render(template: &str, user: &str, host: &str, id: &str) -> String {
    let user = reduce(user, LONGEST_USER);
    let host = reduce(host, LONGEST_HOST);
    let name = template
        .replace("{user}", &user)
        .replace("{host}", &host)
        .replace("{id}", id);
    let mut name = reduce(&name, LONGEST_NAME);
    if name.len() < SHORTEST_NAME {
        name.push_str(id);
    }
    name
}

/// What is not among AWS's characters becomes `-`.
fn reduce(text: &str, longest: usize) -> String {
    text.chars()
        .take(longest)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '+' | '=' | ',' | '.' | '@' | '-' => c,
            _ => '-',
        })
        .collect()
}

#[derive(Deserialize, Serialize)]
struct Stored {
    version: u32,
    ids: BTreeMap<String, String>,
}

/// One id a fingerprint, chosen once and kept in the state directory.
pub(super) struct Ids {
    directory: PathBuf,
    random: SharedRandom,
    chosen: Mutex<BTreeMap<String, String>>,
}

impl Ids {
    /// Reads what earlier daemons chose. A file that cannot be read or makes no sense costs no more than
    /// new ids.
    pub(super) fn open(directory: PathBuf, random: SharedRandom) -> Self {
        let path = directory.join(FILE);
        let ids = match fs::read(&path) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(|what| {
                tracing::warn!(file = %path.display(), "session ids are chosen anew: {what}");
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(file = %path.display(), "session ids are chosen anew: {error}");
                BTreeMap::new()
            }
        };
        Self {
            directory,
            random,
            chosen: Mutex::new(ids),
        }
    }

    /// Chooses ids for those that have none, and writes them down once for all. When too many others have
    /// come together they are forgotten, which costs no more than new ids.
    pub(super) fn ensure<'a>(&self, fingerprints: impl Iterator<Item = &'a Fingerprint>) {
        let in_force: BTreeSet<String> = fingerprints.map(Fingerprint::hex).collect();
        let mut ids = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ids.len();
        for fingerprint in &in_force {
            if !ids.contains_key(fingerprint) {
                ids.insert(fingerprint.clone(), new_id(&self.random));
            }
        }
        if ids.len() == known {
            return;
        }
        if ids.len() - in_force.len() > MOST_UNUSED {
            ids.retain(|fingerprint, _| in_force.contains(fingerprint));
        }
        if let Err(error) = self.write(&ids) {
            tracing::warn!(
                directory = %self.directory.display(),
                "session ids cannot be kept, session names will change at the next start: {error}"
            );
        }
    }

    /// The id of a step.
    pub(super) fn get(&self, fingerprint: &Fingerprint) -> String {
        let mut ids = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        ids.entry(fingerprint.hex())
            .or_insert_with(|| new_id(&self.random))
            .clone()
    }

    fn write(&self, ids: &BTreeMap<String, String>) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            ids: ids.clone(),
        };
        let temporary = self.directory.join(format!("{FILE}.new"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        serde_json::to_writer(&mut file, &stored)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, self.directory.join(FILE))?;
        File::open(&self.directory)?.sync_all()
    }
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", stored.version));
    }
    let sound = |id: &String| {
        id.len() == ID_LENGTH
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !stored.ids.values().all(sound) {
        return Err("an id in it is not one of ours".to_owned());
    }
    Ok(stored.ids)
}

/// Sixty random bits, base32 (RFC 4648) in lower case.
fn new_id(random: &SharedRandom) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; ID_LENGTH];
    random.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use super::*;
    use crate::keeper::testing::fingerprint;
    use crate::recipe::DEFAULT_SESSION_NAME;
    use crate::secrets::SeededRandom;

    fn open(directory: &tempfile::TempDir, seed: u64) -> Ids {
        Ids::open(
            directory.path().to_owned(),
            Arc::new(SeededRandom::new(seed)),
        )
    }

    #[test]
    fn names_fit_what_sts_takes() {
        for (template, user, host, expected) in [
            (
                DEFAULT_SESSION_NAME,
                "alice",
                "laptop",
                "alice@laptop.abcdefgh2345",
            ),
            (
                DEFAULT_SESSION_NAME,
                r"CORP\alice.with.a.long.name",
                "a-very-long-host-name.example.com",
                "CORP-alice.with.a.lo@a-very-long-host.abcdefgh2345",
            ),
            (
                DEFAULT_SESSION_NAME,
                "änne",
                "höst",
                "-nne@h-st.abcdefgh2345",
            ),
            ("x", "u", "h", "xabcdefgh2345"),
            ("{nothing} {user}", "u", "h", "-nothing--u"),
        ] {
            assert_eq!(render(template, user, host, "abcdefgh2345"), expected);
        }
        assert_eq!(render(&"y".repeat(99), "u", "h", "i").len(), LONGEST_NAME);
    }

    #[test]
    fn ids_outlive_the_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (fingerprint("one"), fingerprint("two"));
        let first = open(&directory, 1);
        first.ensure([&one].into_iter());
        let id = first.get(&one);
        assert_eq!(id.len(), ID_LENGTH);

        let second = open(&directory, 2);
        second.ensure([&one, &two].into_iter());
        assert_eq!(second.get(&one), id);
        assert_ne!(second.get(&two), id);
        assert_eq!(open(&directory, 3).get(&two), second.get(&two));
        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn ids_of_steps_long_gone_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let ids = open(&directory, 1);
        let stays = fingerprint("stays");
        ids.ensure([&stays].into_iter());
        let id = ids.get(&stays);
        let many: Vec<_> = (0..=MOST_UNUSED)
            .map(|n| fingerprint(&n.to_string()))
            .collect();
        ids.ensure(many.iter().chain([&stays]));
        ids.ensure([&stays, &fingerprint("new")].into_iter());
        assert_eq!(ids.chosen.lock().unwrap().len(), 2);
        assert_eq!(open(&directory, 2).get(&stays), id);
    }

    #[test]
    fn a_broken_file_costs_new_ids_only() {
        for content in [
            "",
            "{",
            r#"{"version":2,"ids":{}}"#,
            r#"{"version":1,"ids":{"x":"../../etc"}}"#,
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mut file = File::create(directory.path().join(FILE)).unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let ids = open(&directory, 1);
            ids.ensure([&fingerprint("one")].into_iter());
            let id = ids.get(&fingerprint("one"));
            assert_eq!(
                open(&directory, 2).get(&fingerprint("one")),
                id,
                "{content}"
            );
        }
    }
}
