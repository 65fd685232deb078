//! The accept loop, the same for Unix and TCP listeners.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use rolecall::api::Door;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Answering, Response};
use super::connections::{AllConnections, Connections, Welcome};
use super::drive::{ConnectionService, drive};
use super::guard::{Refusal, Site};
use super::metrics::Metrics;
use super::needs::WhoIs;
use super::patience::Patience;
use super::records::Records;
use super::visitor::{Admittance, Visitor};
use crate::clock::SharedClock;

/// Most connections of the Unix socket.
pub const MOST_SOCKET_CONNECTIONS: usize = 16_384;

/// Most connections of one TCP listener, or of a lease's socket.
pub const MOST_TCP_CONNECTIONS: usize = 1_024;

/// A way in, as the server sees it.
pub trait Handler: Send + Sync + 'static {
    /// Which door.
    fn door(&self) -> Door;

    /// Whether this door answers a user whom the daemon does not, for something of theirs alone.
    fn admits(&self, _uid: u32) -> bool {
        false
    }

    /// Answers a request that the guard let through.
    fn answer(&self, visitor: &Arc<Visitor>, head: &Parts, body: Bytes) -> Answering;

    /// The answer to a request that it did not.
    fn refuse(&self, refusal: &Refusal) -> Response;
}

/// What all listeners share.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Common {
    /// Who is at the other end.
    pub whois: Arc<dyn WhoIs>,
    /// Where refusals go.
    pub records: Arc<Records>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The connections of every listener.
    pub connections: Arc<AllConnections>,
    /// Time.
    pub clock: SharedClock,
    /// Which uids come in; changes with the configuration.
    pub admittance: watch::Receiver<Admittance>,
}

/// A bound listener.
#[derive(Debug)]
pub enum Listener {
    /// The Unix socket.
    Unix(UnixListener),
    /// A lease's Unix socket.
    LeaseUnix(UnixListener),
    /// A TCP listener.
    Tcp(TcpListener),
}

/// Serves one listener.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Server {
    listener: Listener,
    site: Site,
    handler: Arc<dyn Handler>,
    common: Arc<Common>,
    connections: Arc<Connections>,
    patience: Patience,
}

impl Server {
    /// Answers `listener`'s connections with `handler`.
    pub fn new(
        listener: Listener,
        handler: Arc<dyn Handler>,
        common: Arc<Common>,
    ) -> io::Result<Self> {
        let (site, most) = match &listener {
            Listener::Unix(_) => (Site::Socket, MOST_SOCKET_CONNECTIONS),
            Listener::LeaseUnix(_) => (Site::LeaseSocket, MOST_TCP_CONNECTIONS),
            Listener::Tcp(listener) => {
                let address = listener.local_addr()?;
                (
                    Site::Tcp(address.ip(), address.port()),
                    MOST_TCP_CONNECTIONS,
                )
            }
        };
        Ok(Self {
            listener,
            site,
            handler,
            common,
            connections: Connections::new(most),
            patience: Patience::default(),
        })
    }

    /// Other limits than the usual, for tests.
    #[must_use]
    pub fn with_limits(mut self, most: usize, patience: Patience) -> Self {
        self.connections = Connections::new(most);
        self.patience = patience;
        self
    }

    /// Serves until `drain` says so or its sender is gone; then stops accepting, closes idle connections,
    /// lets answers in flight finish for at most `deadline`, and returns.
    pub async fn run(self, mut drain: watch::Receiver<bool>, deadline: Duration) {
        let connections = Arc::clone(&self.connections);
        let for_connections = drain.clone();
        self.common
            .metrics
            .watch_connections(self.handler.door(), &connections);
        self.common.connections.add(&connections);
        tokio::select! {
            () = self.accept_all(&for_connections) => {}
            _ = drain.wait_for(|draining| *draining) => {}
        }
        drop(self);
        if tokio::time::timeout(deadline, connections.gone())
            .await
            .is_err()
        {
            connections.close_all();
            connections.gone().await;
        }
    }

    async fn accept_all(&self, drain: &watch::Receiver<bool>) {
        let mut quiet_until = Duration::ZERO;
        loop {
            let accepted = match &self.listener {
                Listener::Unix(listener) | Listener::LeaseUnix(listener) => {
                    listener.accept().await.map(|(stream, _)| {
                        self.welcome(stream, drain, |common, admittance, stream| {
                            Visitor::of_unix(common.whois.of_unix(stream), admittance)
                        });
                    })
                }
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, remote)| {
                    let door = self.handler.door();
                    self.welcome(stream, drain, |common, admittance, stream| {
                        let owner = stream
                            .local_addr()
                            .ok()
                            .and_then(|local: SocketAddr| common.whois.of_tcp(local, remote));
                        Visitor::of_tcp(door, owner, admittance)
                    });
                }),
            };
            if let Err(error) = accepted {
                self.accept_failed(&error, &mut quiet_until).await;
            }
        }
    }

    fn welcome<S>(
        &self,
        stream: S,
        drain: &watch::Receiver<bool>,
        meet: impl FnOnce(&Common, &Admittance, &S) -> Visitor,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // A copy of a pointer: looking the other end up is not done under a lock.
        let admittance = self.common.admittance.borrow().clone();
        let visitor = Arc::new(meet(&self.common, &admittance, &stream));
        let welcome = match visitor.refused {
            Some(_) if !self.handler.admits(visitor.uid()) => Welcome::Refused,
            _ => Welcome::Served,
        };
        let Some(admitted) = self.connections.admit(welcome) else {
            self.common.metrics.refused(self.handler.door(), "full");
            return;
        };
        let service = ConnectionService {
            site: self.site,
            handler: Arc::clone(&self.handler),
            common: Arc::clone(&self.common),
            visitor,
            connection: Arc::clone(admitted.connection()),
        };
        tokio::spawn(drive(
            stream,
            service,
            admitted,
            self.patience,
            drain.clone(),
        ));
    }

    /// A connection that its peer gave up is none of our business; where file descriptors or memory are
    /// short, the longest idle connection goes, and the loop rests so as not to spin. Said once a minute.
    async fn accept_failed(&self, error: &io::Error, quiet_until: &mut Duration) {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        if matches!(
            errno,
            Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR | Errno::PROTO | Errno::PERM)
        ) {
            return;
        }
        let boot = self.common.clock.now().boot;
        if boot >= *quiet_until {
            *quiet_until = boot + Duration::from_mins(1);
            tracing::warn!(door = ?self.handler.door(), %error, "accepting a connection failed");
        }
        let shed = self.common.connections.shed();
        sleep(Duration::from_millis(if shed { 10 } else { 50 })).await;
    }
}
