//! The listener and what runs for each connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::body::AnswerBody;
use super::calls::Outcome;
use super::control;
use super::faults::Effect;
use super::request::Request;
use super::state::{Arrived, State};
use super::xml::{self, Refusal};

/// No request to STS comes near this.
const LARGEST_BODY: usize = 1 << 20;

/// What the listener may be told.
pub(super) enum Command {
    /// Refuse connections from now on, and drop those there are.
    Down,
    /// Listen again.
    Up,
    /// End.
    Stop,
}

/// A command, and where to say that it is done.
pub(super) type Order = (Command, oneshot::Sender<()>);

/// The port, held for as long as the server lives.
///
/// The second socket is bound but never listens: while the listener is closed, connections are
/// refused, yet nobody else can be given the port.
pub(super) struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    pub(super) fn take(address: SocketAddr) -> io::Result<Self> {
        let held = bound(address)?;
        Ok(Self {
            address: held.local_addr()?,
            _held: held,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        bound(self.address)?.listen(4096)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until told to stop, or until nobody is left to tell.
pub(super) async fn serve(
    port: Port,
    listener: TcpListener,
    state: Arc<State>,
    steer: mpsc::UnboundedSender<Order>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => {
                let Some((command, done)) = order else { return };
                match command {
                    Command::Down => {
                        listener = None;
                        connections.shutdown().await;
                    }
                    Command::Up => {
                        if listener.is_none() {
                            listener = port.listen().ok();
                        }
                    }
                    Command::Stop => return,
                }
                // Who asked may have gone.
                let _ = done.send(());
            }
            stream = accept(listener.as_ref()) => {
                connections.spawn(connection(stream, Arc::clone(&state), steer.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of descriptors: wait for some to be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, steer: mpsc::UnboundedSender<Order>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        let steer = steer.clone();
        async move {
            let request = read(request).await.ok_or(Closed)?;
            if let Some(path) = request.path.strip_prefix(control::PREFIX) {
                return Ok(control::answer(path, &request, &state, &steer));
            }
            answer(&request, &state).await
        }
    });
    // How a connection ends is the client's concern; the calls are recorded.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("closed without an answer")
    }
}

impl std::error::Error for Closed {}

async fn read(request: HttpRequest<Incoming>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.ok()?;
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    Some(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_bytes(),
    })
}

async fn answer(request: &Request, state: &State) -> Result<Response<AnswerBody>, Closed> {
    let mut arrived = state.arrive(request);
    for effect in &arrived.effects {
        match effect {
            Effect::Delay { milliseconds } => {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
            Effect::Hang => match std::future::pending::<Infallible>().await {},
            _ => {}
        }
    }
    if arrived.effects.contains(&Effect::CloseBeforeAnswer) {
        state.complete(arrived, Outcome::Closed);
        return Err(Closed);
    }
    let answer = if let Some(refusal) = told_refusal(&arrived.effects) {
        Err(refusal)
    } else {
        let mut inner = state.lock();
        let now = inner.now();
        inner
            .service
            .answer(request, &arrived.effects, now, &mut arrived.call)
    };
    Ok(respond(answer, arrived, state))
}

/// The error that the call's effects ask for.
fn told_refusal(effects: &[Effect]) -> Option<Refusal> {
    effects.iter().find_map(|effect| match effect {
        Effect::Error {
            status,
            code,
            message,
        } => Some(Refusal::new(*status, code, message.as_str())),
        Effect::Throttle { retry_after } => {
            let status = if retry_after.is_some() { 429 } else { 400 };
            Some(Refusal::new(status, "Throttling", "Rate exceeded"))
        }
        _ => None,
    })
}

fn respond(
    answer: Result<String, Refusal>,
    arrived: Arrived,
    state: &State,
) -> Response<AnswerBody> {
    let id = &arrived.call.request_id;
    let (status, mut text, outcome) = match answer {
        Ok(text) => (200, text, Outcome::Answered),
        Err(refusal) => (
            refusal.status,
            refusal.to_xml(id),
            Outcome::Refused(refusal.code),
        ),
    };
    let mut response = Response::builder()
        .status(status)
        .header("x-amzn-requestid", id)
        .header("content-type", "text/xml")
        .header(
            "date",
            state
                .lock()
                .now()
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
        );
    for effect in &arrived.effects {
        match effect {
            Effect::Throttle {
                retry_after: Some(seconds),
            } => response = response.header("retry-after", *seconds),
            Effect::BrokenXml => text = xml::broken(&text),
            Effect::HugeXml { bytes } => text = xml::huge(&text, *bytes),
            Effect::DeepXml { depth } => text = xml::deep(&text, *depth),
            Effect::EntityXml => text = xml::laughing(&text),
            _ => {}
        }
    }
    let mut body = AnswerBody::whole(text);
    for effect in &arrived.effects {
        match effect {
            Effect::CloseMidBody => body = body.cut(),
            Effect::Drip { milliseconds } => {
                body = body.dripping(Duration::from_millis(*milliseconds));
            }
            _ => {}
        }
    }
    state.complete(arrived, outcome);
    response.body(body).expect("status and headers are valid")
}
