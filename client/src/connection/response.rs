//! Taking an HTTP/1.1 answer apart, piece by piece as it comes.
//!
//! Pure: bytes in, an answer out. The length must be stated (Content-Length or chunked): an answer that
//! ends where the connection ends could be a cut-off one. Every buffer is wiped, also the smaller
//! ones that are outgrown.

use zeroize::Zeroizing;

/// Most bytes of status line and headers.
pub const MAX_HEAD: usize = 16 * 1024;

/// Most bytes of body.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// Most bytes of one chunk's size line, extensions included.
const MAX_CHUNK_LINE: usize = 1024;

/// Most headers, and most trailers.
const MAX_HEADERS: usize = 64;

/// Room for the answer that nearly always comes: head and credentials of less than 8 KiB.
const FIRST_ROOM: usize = 8 * 1024;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// Not HTTP/1.1 at all.
    #[error("it is not HTTP")]
    NotHttp,
    /// Head above [`MAX_HEAD`].
    #[error("its head is longer than 16 KiB")]
    HeadTooLong,
    /// Body above [`MAX_BODY`].
    #[error("its body is longer than 16 MiB")]
    BodyTooLong,
    /// No length, several, or one that is no number.
    #[error("it does not state its length, or states it twice")]
    Length,
    /// The chunks do not fit together.
    #[error("its chunks are broken")]
    Chunks,
}

/// A whole answer. No Debug: the body may hold a session's secrets.
#[expect(missing_debug_implementations, reason = "the body may hold secrets")]
pub struct Response {
    status: u16,
    version: Option<String>,
    body: Buffer,
    start: usize,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The daemon's version, from [`crate::api::VERSION_HEADER`].
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body.filled()[self.start..]
    }
}

/// Takes one answer apart.
#[expect(missing_debug_implementations, reason = "holds parts of the body")]
pub struct Parser {
    input: Buffer,
    state: State,
}

enum State {
    Head,
    Sized {
        head: Head,
        length: usize,
    },
    Chunked {
        head: Head,
        /// Where in the input the next chunk's line or data begins.
        at: usize,
        body: Buffer,
    },
    Done,
}

struct Head {
    status: u16,
    version: Option<String>,
    /// Where the body begins.
    end: usize,
}

enum Framing {
    Sized(usize),
    Chunked,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// Expects an answer from its first byte on.
    pub fn new() -> Self {
        Self {
            input: Buffer::with_room(FIRST_ROOM),
            state: State::Head,
        }
    }

    /// Where the next bytes are to be read into; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// Says that `count` bytes were read into [`Self::space`]. The answer, once it is whole; bytes
    /// after its end are ignored, since one connection carries one answer.
    pub fn advance(&mut self, count: usize) -> Result<Option<Response>, Malformed> {
        self.input.used += count.min(self.input.bytes.len() - self.input.used);
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Head => match parse_head(self.input.filled())? {
                    None => {
                        self.state = State::Head;
                        return Ok(None);
                    }
                    Some((head, Framing::Sized(length))) => {
                        self.input.reserve(head.end + length);
                        self.state = State::Sized { head, length };
                    }
                    Some((head, Framing::Chunked)) => {
                        self.state = State::Chunked {
                            at: head.end,
                            head,
                            body: Buffer::with_room(FIRST_ROOM),
                        };
                    }
                },
                State::Sized { head, length } => {
                    let end = head.end + length;
                    if self.input.used < end {
                        self.state = State::Sized { head, length };
                        return Ok(None);
                    }
                    let mut body = std::mem::take(&mut self.input);
                    body.used = end;
                    return Ok(Some(head.into_response(body, |head| head.end)));
                }
                State::Chunked {
                    head,
                    mut at,
                    mut body,
                } => {
                    if self.input.used > 2 * MAX_BODY {
                        return Err(Malformed::BodyTooLong);
                    }
                    if take_chunks(self.input.filled(), &mut at, &mut body)? {
                        return Ok(Some(head.into_response(body, |_| 0)));
                    }
                    self.state = State::Chunked { head, at, body };
                    return Ok(None);
                }
                State::Done => return Ok(None),
            }
        }
    }
}

impl Head {
    fn into_response(self, body: Buffer, start: impl Fn(&Self) -> usize) -> Response {
        Response {
            start: start(&self),
            status: self.status,
            version: self.version,
            body,
        }
    }
}

/// The head and how its body is framed; None while it is not whole.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, Framing)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let end = match response.parse(&bytes[..bytes.len().min(MAX_HEAD)]) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => {
            return Err(Malformed::HeadTooLong);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed::NotHttp),
    };
    let status = response.code.ok_or(Malformed::NotHttp)?;
    let named = |name: &'static str| {
        response
            .headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    };
    let version = named(crate::api::VERSION_HEADER)
        .next()
        .map(|value| String::from_utf8_lossy(value).into_owned());
    let mut lengths = named("content-length");
    let mut codings = named("transfer-encoding");
    let framing = match (lengths.next(), codings.next()) {
        _ if lengths.next().is_some() || codings.next().is_some() => return Err(Malformed::Length),
        // RFC 9110: these have no body, whatever they state. A 1xx answers nothing we ask.
        _ if status == 204 || status == 304 => Framing::Sized(0),
        _ if status < 200 => return Err(Malformed::NotHttp),
        (Some(length), None) => Framing::Sized(parse_length(length)?),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        _ => return Err(Malformed::Length),
    };
    let head = Head {
        status,
        version,
        end,
    };
    Ok(Some((head, framing)))
}

/// Digits only (RFC 9110 section 8.6): Rust's own parser would also take a sign.
fn parse_length(text: &[u8]) -> Result<usize, Malformed> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::Length);
    }
    let length = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<usize>().ok())
        .ok_or(Malformed::BodyTooLong)?;
    if length > MAX_BODY {
        return Err(Malformed::BodyTooLong);
    }
    Ok(length)
}

/// Moves whole chunks from `input` (from `at` on) to `body`; true when the last one is there.
fn take_chunks(input: &[u8], at: &mut usize, body: &mut Buffer) -> Result<bool, Malformed> {
    loop {
        let rest = &input[*at..];
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) if rest.len() > MAX_CHUNK_LINE => {
                return Err(Malformed::Chunks);
            }
            Ok(httparse::Status::Partial) => return Ok(false),
            Err(_) => return Err(Malformed::Chunks),
        };
        let size = usize::try_from(size).map_err(|_| Malformed::BodyTooLong)?;
        if size > MAX_BODY - body.used {
            return Err(Malformed::BodyTooLong);
        }
        let data = &rest[line..];
        if size == 0 {
            return take_trailers(data);
        }
        if data.len() < size + 2 {
            return Ok(false);
        }
        if &data[size..size + 2] != b"\r\n" {
            return Err(Malformed::Chunks);
        }
        body.push(&data[..size]);
        *at += line + size + 2;
    }
}

/// Whether the trailers (which say nothing to us) have ended.
fn take_trailers(bytes: &[u8]) -> Result<bool, Malformed> {
    let mut trailers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(&bytes[..bytes.len().min(MAX_HEAD)], &mut trailers) {
        Ok(httparse::Status::Complete(_)) => Ok(true),
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => Ok(false),
        _ => Err(Malformed::Chunks),
    }
}

/// Bytes that are wiped when they are outgrown or dropped.
#[derive(Default)]
struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
}

impl Buffer {
    fn with_room(room: usize) -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; room]),
            used: 0,
        }
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    fn space(&mut self) -> &mut [u8] {
        if self.used == self.bytes.len() {
            self.reserve((self.used * 2).max(FIRST_ROOM));
        }
        &mut self.bytes[self.used..]
    }

    fn push(&mut self, more: &[u8]) {
        let end = self.used + more.len();
        if end > self.bytes.len() {
            self.reserve(end.max(self.bytes.len() * 2));
        }
        self.bytes[self.used..end].copy_from_slice(more);
        self.used = end;
    }

    /// Makes room for `total` bytes; a Vec that grows by itself would leave its old bytes behind.
    fn reserve(&mut self, total: usize) {
        if total > self.bytes.len() {
            let mut larger = Zeroizing::new(vec![0; total]);
            larger[..self.used].copy_from_slice(&self.bytes[..self.used]);
            self.bytes = larger;
        }
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
