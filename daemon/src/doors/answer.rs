//! Answers: bodies that are one pointer, and the headers every answer has.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::clock::BoxFuture;

/// An answer as hyper writes it.
pub type Response = http::Response<Body>;

/// Exactly this, without a charset: Go and Kotlin read errors only then.
pub const JSON: &str = "application/json";

/// What real IMDS says of everything.
pub const TEXT: &str = "text/plain";

/// A body: bytes that are there, or a stream of events.
#[derive(Debug)]
pub enum Body {
    /// The whole body; None once it has been handed to hyper.
    Whole(Option<Bytes>),
    /// Server-sent events, until the sender is dropped.
    Events(Events),
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Bytes>,
    /// Dropped with the body; tells the connection that it waits for a request again.
    pub(super) busy: Option<super::connections::Busy>,
}

impl Events {
    /// A stream of what `receiver` yields.
    pub fn new(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self {
            receiver,
            busy: None,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events
                .receiver
                .poll_recv(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// What answering a request takes: nothing (the usual case, without an allocation), or waiting.
#[expect(
    missing_debug_implementations,
    reason = "a future, and a body with secrets"
)]
pub enum Answering {
    /// The answer; None once it has been taken.
    Ready(Option<Response>),
    /// The answer after some waiting.
    Later(BoxFuture<'static, Response>),
}

impl From<Response> for Answering {
    fn from(response: Response) -> Self {
        Self::Ready(Some(response))
    }
}

impl Answering {
    /// An answer that takes waiting.
    pub fn later(future: impl Future<Output = Response> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl Future for Answering {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        match self.get_mut() {
            Self::Ready(response) => Poll::Ready(
                response
                    .take()
                    .expect("an answer is polled only until ready"),
            ),
            Self::Later(future) => future.as_mut().poll(cx),
        }
    }
}

/// An answer with a body. Never cached by anyone (client contract 72).
pub fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = http::Response::new(Body::Whole(Some(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer without a body: what SDKs need where a body might be taken for data.
pub fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(Body::Whole(None));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Adds `Allow`.
#[must_use]
pub fn allowing(mut response: Response, methods: &'static str) -> Response {
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Makes hyper close the connection after this answer.
#[must_use]
pub fn closing(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
