//! The accept loop, the same for Unix and TCP listeners, and what drives one connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use rolecall::api::Door;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Answering, Body, Response};
use super::body;
use super::connections::{Admitted, Busy, Connection, Connections};
use super::guard::{self, Refusal, Site};
use super::metrics::Metrics;
use super::needs::WhoIs;
use super::patience::{Armed, Patience, Verdict};
use super::records::Records;
use super::visitor::{Admittance, Visitor};
use super::wire::Watched;
use crate::clock::SharedClock;

/// Most connections of the Unix socket.
pub const MOST_SOCKET_CONNECTIONS: usize = 16_384;

/// Most connections of one TCP listener.
pub const MOST_TCP_CONNECTIONS: usize = 1_024;

/// Largest head, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Most header lines.
const MAX_HEADERS: usize = 64;

/// A way in, as the server sees it.
pub trait Handler: Send + Sync + 'static {
    /// Which door.
    fn door(&self) -> Door;

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
        loop {
            let accepted = match &self.listener {
                Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    self.welcome(stream, drain, |common, admittance, stream| {
                        Visitor::of_unix(common.whois.of_unix(stream), admittance)
                    });
                }),
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
                self.accept_failed(&error).await;
            }
        }
    }

    fn welcome<S>(
        &self,
        stream: S,
        drain: &watch::Receiver<bool>,
        meet: impl FnOnce(&Common, Admittance, &S) -> Visitor,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Some(admitted) = self.connections.admit() else {
            return;
        };
        let admittance = *self.common.admittance.borrow();
        let visitor = Arc::new(meet(&self.common, admittance, &stream));
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
    /// short, the longest idle connection goes, and the loop rests so as not to spin.
    async fn accept_failed(&self, error: &io::Error) {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        if matches!(
            errno,
            Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR | Errno::PROTO | Errno::PERM)
        ) {
            return;
        }
        let door = self.handler.door();
        tracing::warn!(?door, %error, "accepting a connection failed");
        let shed = self.connections.shed();
        sleep(Duration::from_millis(if shed { 10 } else { 50 })).await;
    }
}

/// Runs one connection to its end.
async fn drive<S>(
    stream: S,
    service: ConnectionService,
    admitted: Admitted,
    patience: Patience,
    mut drain: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = Arc::clone(admitted.connection());
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&connection)));
    // hyper's own limit on the time for a head is off: it also runs between requests, which would close
    // connections that SDKs keep for the next read, and it costs every request a timer.
    let mut http = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .half_close(false)
            .keep_alive(true)
            .serve_connection(stream, service)
    );
    let mut armed = Armed::First;
    let mut timer = pin!(sleep(patience.limit(armed)));
    let mut unwanted = pin!(connection.unwanted());
    let mut drained = pin!(drain.wait_for(|draining| *draining));
    let mut draining = false;
    poll_fn(|cx| {
        if http.as_mut().poll(cx).is_ready() || unwanted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !draining && drained.as_mut().poll(cx).is_ready() {
            draining = true;
            http.as_mut().graceful_shutdown();
            if http.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        if let Some(next) = patience.begins(armed, &connection) {
            armed = next;
            timer.set(sleep(patience.limit(armed)));
        }
        while timer.as_mut().poll(cx).is_ready() {
            match patience.over(armed, &connection) {
                Verdict::Close => return Poll::Ready(()),
                Verdict::Again(next) => {
                    armed = next;
                    timer.set(sleep(patience.limit(armed)));
                }
            }
        }
        Poll::Pending
    })
    .await;
}

/// Answers one connection's requests.
struct ConnectionService {
    site: Site,
    handler: Arc<dyn Handler>,
    common: Arc<Common>,
    visitor: Arc<Visitor>,
    connection: Arc<Connection>,
}

impl Service<hyper::Request<Incoming>> for ConnectionService {
    type Response = Response;
    type Error = Infallible;
    type Future = Serving;

    fn call(&self, request: hyper::Request<Incoming>) -> Serving {
        let busy = Busy::begin(&self.connection);
        let (head, body) = request.into_parts();
        Serving {
            answering: self.answer(head, body),
            busy: Some(busy),
            common: Arc::clone(&self.common),
            door: self.handler.door(),
        }
    }
}

impl ConnectionService {
    fn answer(&self, head: Parts, body: Incoming) -> Answering {
        if let Some(rule) = self.visitor.refused {
            return self.refuse(rule, &NOT_YOURS).into();
        }
        let fault = self.connection.fault();
        if let Some(refusal) = fault.or_else(|| guard::check(self.site, &head).err()) {
            return self.refuse("guard", &refusal).into();
        }
        if body.is_end_stream() {
            return self.handler.answer(&self.visitor, &head, Bytes::new());
        }
        let (handler, visitor) = (Arc::clone(&self.handler), Arc::clone(&self.visitor));
        Answering::later(async move {
            match body::read(body).await {
                Ok(bytes) => handler.answer(&visitor, &head, bytes).await,
                Err(refusal) => handler.refuse(&refusal),
            }
        })
    }

    fn refuse(&self, rule: &'static str, refusal: &Refusal) -> Response {
        let now = self.common.clock.now();
        self.common.metrics.refused(self.handler.door(), rule);
        self.common
            .records
            .refused(&self.visitor, rule, refusal.reason, now);
        self.handler.refuse(refusal)
    }
}

const NOT_YOURS: Refusal = Refusal {
    status: http::StatusCode::FORBIDDEN,
    reason: "this daemon serves another user",
    close: true,
};

/// An answer on its way, counted when it is there.
struct Serving {
    answering: Answering,
    busy: Option<Busy>,
    common: Arc<Common>,
    door: Door,
}

impl Future for Serving {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        Pin::new(&mut this.answering).poll(cx).map(|mut response| {
            this.common.metrics.answered(this.door, response.status());
            let busy = this.busy.take();
            if let Body::Events(events) = response.body_mut() {
                events.busy = busy;
            }
            Ok(response)
        })
    }
}
