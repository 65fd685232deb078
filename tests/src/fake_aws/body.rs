//! The body of an answer, as whole and as quick as told.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long a cut connection stays open after its last byte, so that this byte is sent.
const LINGER: Duration = Duration::from_millis(20);

/// A body that can be cut or slowed down.
pub(super) struct AnswerBody {
    rest: Bytes,
    /// At this many bytes before the end the connection is closed.
    keep: usize,
    /// The pause before each byte.
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl AnswerBody {
    /// All of it, at once.
    pub(super) fn whole(text: String) -> Self {
        Self {
            rest: text.into(),
            keep: 0,
            pause: None,
            sleep: None,
        }
    }

    /// The first half of it.
    pub(super) fn cut(mut self) -> Self {
        self.keep = self.rest.len().div_ceil(2);
        self
    }

    /// One byte at a time.
    pub(super) fn dripping(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }

    /// Waits for `pause` from the first call on.
    fn poll_pause(&mut self, context: &mut Context<'_>, pause: Duration) -> Poll<()> {
        let timer = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(timer.as_mut().poll(context));
        self.sleep = None;
        Poll::Ready(())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let sendable = self.rest.len() - self.keep;
        if sendable == 0 {
            if self.keep == 0 {
                return Poll::Ready(None);
            }
            ready!(self.poll_pause(context, LINGER));
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let piece = match self.pause {
            None => sendable,
            Some(pause) => {
                ready!(self.poll_pause(context, pause));
                1
            }
        };
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
