//! What `exec` falls back on while the files cannot be read: the last ones that were put in force, less their
//! keys. A role whose session is held is served all the same then, and its command needs no other's keys.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::index::{Line, lines};
use super::super::keys;
use super::super::load::Read;
use super::super::shared::{Shared, SharedFile};
use super::super::toml_file::{ConfigToml, Findings};

/// The texts of `config.toml` and the shared files, without long-term keys.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "a proxy's URL may hold a password"
)]
pub struct KeptFiles(Arc<Texts>);

struct Texts {
    toml: Zeroizing<String>,
    config: Zeroizing<String>,
    credentials: Zeroizing<String>,
}

impl KeptFiles {
    /// Of files that could be put in force.
    pub(in super::super) fn of(read: &Read) -> Self {
        Self(Arc::new(Texts {
            toml: read.toml.text.clone(),
            config: without_keys(&read.shared.config),
            credentials: without_keys(&read.shared.credentials),
        }))
    }

    pub(super) fn parsed(&self) -> (ConfigToml, Shared) {
        // They had no faults, and lines less make none.
        let toml = ConfigToml::read("".as_ref(), &self.0.toml, &mut Findings::default());
        let shared = Shared::of_texts(self.0.config.clone(), self.0.credentials.clone());
        (toml, shared)
    }
}

fn without_keys(file: &SharedFile) -> Zeroizing<String> {
    let mut kept = Zeroizing::new(String::with_capacity(file.text.len()));
    let mut dropping = false;
    for (text, line) in lines(&file.text).zip(&file.index.lines) {
        match line {
            Line::Key(_, key) => dropping = keys::KEYS.contains(&key.as_str()),
            // They may quote what once was a key.
            Line::Comment | Line::Blank => continue,
            Line::Header(_) | Line::Stray => dropping = false,
            Line::Continuation(_) => {}
        }
        if !dropping {
            kept.push_str(text);
        }
    }
    kept
}
