//! Where leases are remembered: `<state directory>/leases.json`, mode 0600. No token is in it, only
//! hashes of 256 random bits (DESIGN rule 10).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::doors::{Doors, Held};
use super::scope::Scope;
use super::token::TokenHash;
use super::{Lease, hex, private};
use crate::clock::{Now, Timestamp};
use crate::recipe::{Narrowing, RoleName};
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
    ends: Option<Ends>,
    #[serde(default, skip_serializing_if = "Narrowing::is_empty")]
    narrowing: Narrowing,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default)]
    through_lock: bool,
    #[serde(default, skip_serializing_if = "Doors::is_none")]
    doors: Doors,
    /// A fence whose lease has ended. It has no token, so that an older daemon takes it for no lease.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

/// On both clocks: that of the boot which the scope is of, too.
#[derive(Deserialize, Serialize)]
struct Ends {
    wall_ms: i64,
    boot_ms: u64,
}

/// What the file holds.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) leases: Vec<Lease>,
    /// Fences whose leases have ended.
    pub(super) fences: Vec<Lease>,
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
    pub(super) fn load(&self) -> io::Result<Loaded> {
        let mut loaded = Loaded::default();
        let Some(bytes) = private::read(&self.0)? else {
            return Ok(loaded);
        };
        match serde_json::from_slice::<File>(&bytes) {
            Ok(file) if file.version == VERSION => {
                for stored in file.leases {
                    let list = if stored.ended {
                        &mut loaded.fences
                    } else {
                        &mut loaded.leases
                    };
                    list.extend(stored.lease());
                }
            }
            _ => {
                tracing::warn!(file = %self.0.display(), "leases are not readable and have ended");
            }
        }
        Ok(loaded)
    }

    pub(super) fn save<'a>(
        &self,
        leases: impl Iterator<Item = &'a Arc<Lease>>,
        fences: impl Iterator<Item = &'a Arc<Lease>>,
        random: &dyn Random,
    ) -> io::Result<()> {
        let leases = leases.map(|lease| Stored::of(lease));
        let fences = fences.map(|fence| Stored {
            token_sha256: String::new(),
            ended: true,
            ..Stored::of(fence)
        });
        let file = File {
            version: VERSION,
            leases: leases.chain(fences).collect(),
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
            ends: lease.ends.map(|ends| Ends {
                wall_ms: ends.wall.as_millis(),
                boot_ms: u64::try_from(ends.boot.as_millis()).unwrap_or(u64::MAX),
            }),
            narrowing: lease.narrowing.clone(),
            only: lease.only,
            reason: lease.reason.clone(),
            through_lock: lease.through_lock,
            doors: lease.doors.clone(),
            ended: false,
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
            narrowing: self.narrowing,
            only: self.only,
            created: Timestamp::from_millis(self.created_ms),
            ends: self.ends.map(|ends| Now {
                wall: Timestamp::from_millis(ends.wall_ms),
                boot: Duration::from_millis(ends.boot_ms),
            }),
            reason: self.reason,
            through_lock: self.through_lock,
            token: if self.ended {
                TokenHash::default()
            } else {
                from_hex(&self.token_sha256)?
            },
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
