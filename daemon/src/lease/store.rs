//! Where leases are remembered: `<state directory>/leases.json`, mode 0600. No token is in it, only
//! hashes of 256 random bits (DESIGN rule 10).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::doors::{Doors, Held};
use super::scope::Scope;
use super::token::TokenHash;
use super::{Lease, hex, private};
use crate::clock::Timestamp;
use crate::recipe::RoleName;
use crate::secrets::Random;

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct File {
    version: u32,
    leases: Vec<Stored>,
}

#[derive(Deserialize, Serialize)]
struct Stored {
    id: String,
    role: String,
    token_sha256: String,
    scope: Scope,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default)]
    through_lock: bool,
    #[serde(default, skip_serializing_if = "Doors::is_none")]
    doors: Doors,
}

/// The file.
#[derive(Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn new(state_directory: &Path) -> Self {
        Self(state_directory.join("leases.json"))
    }

    /// The leases of the file, without standing readers. A file that cannot be understood (another
    /// version's) holds no leases: their commands ask for new ones.
    pub(super) fn load(&self) -> io::Result<Vec<Lease>> {
        let Some(bytes) = private::read(&self.0)? else {
            return Ok(Vec::new());
        };
        match serde_json::from_slice::<File>(&bytes) {
            Ok(file) if file.version == VERSION => {
                Ok(file.leases.into_iter().filter_map(Stored::lease).collect())
            }
            _ => {
                tracing::warn!(file = %self.0.display(), "leases are not readable and have ended");
                Ok(Vec::new())
            }
        }
    }

    pub(super) fn save<'a>(
        &self,
        leases: impl Iterator<Item = &'a Arc<Lease>>,
        random: &dyn Random,
    ) -> io::Result<()> {
        let file = File {
            version: VERSION,
            leases: leases.map(|lease| Stored::of(lease)).collect(),
        };
        if let Some(directory) = self.0.parent() {
            private::directory(directory)?;
        }
        private::write(&self.0, &serde_json::to_vec(&file)?, random)
    }
}

impl Stored {
    fn of(lease: &Lease) -> Self {
        Self {
            id: lease.id.clone(),
            role: lease.role.clone(),
            token_sha256: hex(&lease.token),
            scope: lease.scope.clone(),
            created_ms: lease.created.as_millis(),
            reason: lease.reason.clone(),
            through_lock: lease.through_lock,
            doors: lease.doors.clone(),
        }
    }

    /// None if a field is not what this program writes.
    fn lease(self) -> Option<Lease> {
        // The id becomes a directory's name.
        let plain = self.id.len() == 16 && self.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = RoleName::new(self.role).filter(|_| plain)?;
        Some(Lease {
            id: self.id,
            slug: name.slug(),
            role: name.as_str().to_owned(),
            scope: self.scope,
            created: Timestamp::from_millis(self.created_ms),
            reason: self.reason,
            through_lock: self.through_lock,
            token: from_hex(&self.token_sha256)?,
            pin: Mutex::default(),
            doors: self.doors,
            held: Held::default(),
        })
    }
}

fn from_hex(text: &str) -> Option<TokenHash> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
