//! What a connection's bytes say before hyper reads them: where heads begin and end, and the few
//! faults that hyper forgives.
//!
//! hyper takes a bare line feed for a line's end and one of two equal `Content-Length` lines for both
//! (client contract 68), and its own time limit for heads also runs between requests, which would
//! close idle connections early (client contract 67). So the scanner looks at the bytes as they pass.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Connection;

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub struct Scanner {
    state: State,
    /// Start of the line that is being read, as far as it can matter.
    line: Line,
    length: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Between requests.
    #[default]
    Between,
    /// Inside a head.
    Head,
    /// Inside a body of which this much is missing.
    Body(u64),
    /// A fault was found or bodies have no stated length: no more looking.
    Blind,
}

/// `content-length:` and a number fit in this many bytes; what is longer is another header.
const KEPT: usize = 48;

#[derive(Debug)]
struct Line {
    kept: [u8; KEPT],
    length: usize,
    ended_by_return: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            kept: [0; KEPT],
            length: 0,
            ended_by_return: false,
        }
    }
}

/// What was found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line feed without its carriage return.
    BareLineFeed,
    /// Two `Content-Length` lines.
    DuplicateLength,
}

impl Scanner {
    /// Whether part of a head has been seen, and not its end.
    pub fn inside_head(&self) -> bool {
        self.state == State::Head
    }

    /// Looks at the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Blind => return Ok(()),
                State::Body(missing) => {
                    let taken =
                        usize::try_from(*missing).map_or(bytes.len(), |n| n.min(bytes.len()));
                    *missing -= taken as u64;
                    bytes = &bytes[taken..];
                    if *missing == 0 {
                        self.state = State::Between;
                    }
                }
                State::Between => {
                    self.state = State::Head;
                    self.length = None;
                }
                State::Head => {
                    let Some(end) = memchr::memchr(b'\n', bytes) else {
                        self.line.add(bytes);
                        return Ok(());
                    };
                    let part = &bytes[..end];
                    bytes = &bytes[end + 1..];
                    // Nearly all lines come in one piece and need not be put together.
                    let ended = if self.line.length == 0 {
                        let start = &part[..part.len().min(KEPT)];
                        self.end_line(start, part.last() == Some(&b'\r'))
                    } else {
                        let mut line = std::mem::take(&mut self.line);
                        line.add(part);
                        self.end_line(line.kept(), line.ended_by_return)
                    };
                    if ended.is_err() {
                        self.state = State::Blind;
                    }
                    ended?;
                }
            }
        }
        Ok(())
    }

    /// A line has ended that begins with `start`, of at most [`KEPT`] bytes.
    fn end_line(&mut self, start: &[u8], ended_by_return: bool) -> Result<(), Fault> {
        if !ended_by_return {
            return Err(Fault::BareLineFeed);
        }
        if start == b"\r" {
            self.state = match self.length {
                None | Some(0) => State::Between,
                Some(length) => State::Body(length),
            };
        } else if let Some(value) = after(start, "content-length:") {
            if self.length.is_some() {
                return Err(Fault::DuplicateLength);
            }
            // A length that is no number is refused by hyper.
            self.length = Some(value.parse().unwrap_or(0));
        } else if after(start, "transfer-encoding:").is_some() {
            self.state = State::Blind;
        }
        Ok(())
    }
}

impl Line {
    fn add(&mut self, part: &[u8]) {
        let Some(last) = part.last() else { return };
        self.ended_by_return = *last == b'\r';
        let room = (KEPT - self.length).min(part.len());
        self.kept[self.length..][..room].copy_from_slice(&part[..room]);
        self.length += room;
    }

    fn kept(&self) -> &[u8] {
        &self.kept[..self.length]
    }
}

/// What follows `name` in a line that begins with it.
fn after<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let (head, rest) = line.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name.as_bytes())
        .then(|| std::str::from_utf8(rest).unwrap_or_default().trim())
}

/// A stream whose reads are scanned.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    scanner: Scanner,
    connection: Arc<Connection>,
}

impl<S> Watched<S> {
    /// Scans `stream` on behalf of `connection`.
    pub fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self {
            stream,
            scanner: Scanner::default(),
            connection,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if !fresh.is_empty() {
            if let Err(fault) = this.scanner.feed(fresh) {
                this.connection.found(fault);
            }
            this.connection.inside_head(this.scanner.inside_head());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&[u8]]) -> (Result<(), Fault>, bool) {
        let mut scanner = Scanner::default();
        for piece in pieces {
            if let Err(fault) = scanner.feed(piece) {
                return (Err(fault), scanner.inside_head());
            }
        }
        (Ok(()), scanner.inside_head())
    }

    #[test]
    fn heads_and_bodies_are_told_apart_however_they_are_cut() {
        let requests: &[u8] =
            b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\nHost: x\r\n\r\na\nb\ncGET /b \
            HTTP/1.1\r\nHost: x\r\n\r\n";
        for cut in 0..requests.len() {
            let (head, tail) = requests.split_at(cut);
            assert_eq!(scan(&[head, tail]), (Ok(()), false), "cut at {cut}");
        }
        let single: Vec<&[u8]> = requests.chunks(1).collect();
        assert_eq!(scan(&single), (Ok(()), false));
        assert_eq!(scan(&[b"GET / HTTP/1.1\r\nHo"]), (Ok(()), true));
    }

    #[test]
    fn what_hyper_forgives_is_found() {
        let bare = Err(Fault::BareLineFeed);
        for (bytes, fault) in [
            (&b"GET / HTTP/1.1\nHost: x\r\n\r\n"[..], bare),
            (b"GET / HTTP/1.1\r\nHost: x\n\r\n", bare),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\n", bare),
            (
                b"PUT / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length:2\r\n\r\nab",
                Err(Fault::DuplicateLength),
            ),
        ] {
            assert_eq!(scan(&[bytes]).0, fault, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_long_header_that_begins_like_a_length_is_no_length() {
        let mut head = b"GET / HTTP/1.1\r\ncontent-length-but-not: ".to_vec();
        head.extend(std::iter::repeat_n(b'9', 4000));
        head.extend(b"\r\nHost: x\r\n\r\nGET /");
        assert_eq!(scan(&[&head]), (Ok(()), true));
    }
}
