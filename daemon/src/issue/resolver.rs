//! Looking host names up, without letting a name server that does not answer hold up the rest.
//!
//! The system's resolver blocks a thread, for half a minute where packets vanish, and goes on blocking it
//! when nobody waits any more. The threads it blocks are the ones that read configurations and write
//! leases; so only some of them may be doing it at a time.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use tokio::sync::Semaphore;

/// Half of the runtime's blocking threads.
const MOST_LOOKUPS: usize = 4;

/// The system's resolver, all clients' look-ups counted together.
static LOOKUPS: Semaphore = Semaphore::const_new(MOST_LOOKUPS);

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Resolves names on a few blocking threads.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Lookup>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// The system's.
    pub(super) fn system() -> Self {
        Self(Arc::new(|name| {
            let found = (name, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        }))
    }
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let (lookup, name) = (Arc::clone(&self.0), name.to_owned());
            let permit = LOOKUPS.acquire().await.map_err(ResolveDnsError::new)?;
            let found = tokio::task::spawn_blocking(move || {
                // Given back when the thread is free, not when nobody waits for it any more.
                let _permit = permit;
                lookup(&name)
            });
            found
                .await
                .map_err(ResolveDnsError::new)?
                .map_err(ResolveDnsError::new)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn lookups_that_hang_leave_threads_for_others() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(MOST_LOOKUPS + 1)
            .build()
            .unwrap();
        let (release, hang) = mpsc::channel::<()>();
        let hang = Mutex::new(hang);
        let resolver = Resolver(Arc::new(move |_| {
            // Ends with an error when the test does.
            let _ = hang.lock().unwrap().recv();
            Ok(Vec::new())
        }));
        runtime.block_on(async {
            for _ in 0..20 {
                let lookup = resolver.resolve_dns("sts.example.com");
                let given_up = tokio::time::timeout(Duration::from_millis(1), lookup).await;
                assert!(given_up.is_err());
            }
            let other = tokio::task::spawn_blocking(|| 7);
            let other = tokio::time::timeout(Duration::from_secs(10), other).await;
            assert_eq!(other.expect("a thread was free").unwrap(), 7);
        });
        drop(release);
    }

    #[tokio::test]
    async fn names_are_found() {
        let found = Resolver::system().resolve_dns("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
    }
}
