//! The lock on the doors: while it is set they hand out nothing. It outlives the daemon.
//!
//! Kept as a file in the state directory that is there while the doors are locked. A file that cannot be
//! understood locks, too: whoever wrote it meant something.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use rolecall::api::{LockStatus, UnlockDemand};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::lease::private;
use crate::secrets::SharedRandom;

/// Not locked.
const OPEN: i64 = i64::MIN;

/// The lock.
#[expect(missing_debug_implementations, reason = "a trait object")]
pub struct Lock {
    file: PathBuf,
    random: SharedRandom,
    /// Since when, in milliseconds of wall time, or [`OPEN`].
    since: AtomicI64,
    /// One change at a time, so that file and memory end up alike.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Deserialize, Serialize)]
struct Stored {
    since_ms: i64,
}

impl Lock {
    /// As it was left in `state_directory`. If that cannot be read the doors are locked, since `now`.
    pub fn open(state_directory: &Path, random: SharedRandom, now: Timestamp) -> Self {
        let file = state_directory.join("locked.json");
        let since = match private::read(&file) {
            Ok(None) => OPEN,
            Ok(Some(bytes)) => serde_json::from_slice::<Stored>(&bytes)
                .map_or(now.as_millis(), |stored| stored.since_ms),
            Err(error) => {
                tracing::warn!(
                    "the doors are locked, since it cannot be read whether they were: {error}"
                );
                now.as_millis()
            }
        };
        Self {
            file,
            random,
            since: AtomicI64::new(since),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Since when the doors are locked, if they are. No lock, no wait.
    pub fn since(&self) -> Option<Timestamp> {
        let since = self.since.load(Ordering::Relaxed);
        (since != OPEN).then(|| Timestamp::from_millis(since))
    }

    /// Locks; false if they were locked already. In force at once, even if writing it down fails.
    pub async fn lock(&self, now: Timestamp) -> io::Result<bool> {
        let _turn = self.turn.lock().await;
        let set = self.since.compare_exchange(
            OPEN,
            now.as_millis(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        let since_ms = set.map_or_else(|before| before, |_| now.as_millis());
        let (file, random) = (self.file.clone(), self.random.clone());
        off_the_runtime(move || {
            private::write(&file, &serde_json::to_vec(&Stored { since_ms })?, &*random)
        })
        .await?;
        Ok(set.is_ok())
    }

    /// Unlocks; false if they were not locked. They stay locked if that cannot be written down.
    pub async fn unlock(&self) -> io::Result<bool> {
        let _turn = self.turn.lock().await;
        let file = self.file.clone();
        off_the_runtime(move || match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await?;
        Ok(self.since.swap(OPEN, Ordering::Relaxed) != OPEN)
    }

    /// For `status`.
    pub fn status(&self) -> LockStatus {
        let since = self.since();
        LockStatus {
            locked: since.is_some(),
            since: since.map(|since| since.to_string()),
            unlock: UnlockDemand::Nothing,
        }
    }
}

/// Runs what waits for a disk, so that readers do not.
async fn off_the_runtime(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::sync::Arc;

    use super::*;
    use crate::secrets::SeededRandom;

    fn open(place: &Path) -> Lock {
        Lock::open(
            place,
            Arc::new(SeededRandom::new(1)),
            Timestamp::from_secs(50),
        )
    }

    #[tokio::test]
    async fn it_outlives_the_daemon_and_unlocking_takes_it_away() {
        let place = tempfile::tempdir().unwrap();
        let lock = open(place.path());
        assert_eq!(lock.since(), None);
        assert!(lock.lock(Timestamp::from_secs(7)).await.unwrap());
        assert!(!lock.lock(Timestamp::from_secs(9)).await.unwrap());
        let file = place.path().join("locked.json");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);

        let again = open(place.path());
        assert_eq!(again.since(), Some(Timestamp::from_secs(7)));
        assert_eq!(
            again.status().since.as_deref(),
            Some("1970-01-01T00:00:07Z")
        );
        assert!(again.unlock().await.unwrap());
        assert!(!again.unlock().await.unwrap());
        assert_eq!((again.since(), open(place.path()).since()), (None, None));
    }

    #[tokio::test]
    async fn what_cannot_be_read_locks_and_what_cannot_be_written_locks_all_the_same() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("locked.json");
        private::create(&file, b"{").unwrap();
        assert_eq!(open(place.path()).since(), Some(Timestamp::from_secs(50)));
        std::fs::remove_file(&file).unwrap();

        std::fs::create_dir(&file).unwrap();
        assert_eq!(open(place.path()).since(), Some(Timestamp::from_secs(50)));
        let lock = open(&place.path().join("none"));
        assert!(lock.lock(Timestamp::from_secs(7)).await.is_err());
        assert!(lock.since().is_some());
    }
}
