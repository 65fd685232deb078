//! What drives one connection: hyper, its time limits, and the way of each request through the guard
//! to its door.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use rolecall::api::Door;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Answering, Body, Response};
use super::body;
use super::connections::{Admitted, Busy, Connection};
use super::guard::{self, Refusal, Site};
use super::patience::{Armed, Patience, Verdict};
use super::server::{Common, Handler};
use super::visitor::Visitor;
use super::wire::Watched;

/// Largest head, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Runs one connection to its end.
pub(super) async fn drive<S>(
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
pub(super) struct ConnectionService {
    pub(super) site: Site,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) common: Arc<Common>,
    pub(super) visitor: Arc<Visitor>,
    pub(super) connection: Arc<Connection>,
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
    /// The rule that keeps this user out. Asked again with every request: who is struck off the list is not served on
    /// a connection from before. A lease that is for them lets a user in whom the daemon refuses.
    fn refused(&self) -> Option<&'static str> {
        match self.visitor.refused {
            Some(_) if self.handler.admits(self.visitor.uid()) => None,
            Some(rule) => Some(rule),
            None => {
                let peer = self.visitor.known_uid();
                self.common.admittance.borrow().refuses(peer)
            }
        }
    }

    fn answer(&self, head: Parts, body: Incoming) -> Answering {
        if let Some(rule) = self.refused() {
            return self.refuse(rule, &NOT_YOURS).into();
        }
        let fault = self.connection.fault();
        if let Some(refusal) = fault.or_else(|| guard::check(self.site, &head).err()) {
            return self.refuse("guard", &refusal).into();
        }
        tracing::debug!(
            door = ?self.handler.door(),
            uid = self.visitor.uid(),
            method = %head.method,
            path = head.uri.path(),
            "request"
        );
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
pub(super) struct Serving {
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
            let status = response.status();
            this.common.metrics.answered(this.door, status);
            tracing::debug!(door = ?this.door, status = status.as_u16(), "answer");
            let busy = this.busy.take();
            if let Body::Events(events) = response.body_mut() {
                events.busy = busy;
            }
            Ok(response)
        })
    }
}
