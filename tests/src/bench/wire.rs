//! The least of HTTP/1.1 a client needs, the same for the daemon and for its floors: requests are
//! bytes made beforehand, answers are a status and a length.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Longer than anything that is waited for here.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    /// On a TCP port.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Opens a connection.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let stream = match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Stream::Unix(stream)
            }
        };
        Ok(Connection {
            stream,
            buffer: vec![0; 16 * 1024],
            filled: 0,
        })
    }

    /// The bytes of a request without body.
    pub(super) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        self.request_with_body(method, path, headers, "")
    }

    /// The bytes of a request.
    pub(super) fn request_with_body(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Vec<u8> {
        let host = match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".into(),
        };
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        // Writing to a String cannot fail.
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !body.is_empty() {
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        let _ = write!(text, "\r\n{body}");
        text.into_bytes()
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection, kept for as many requests as the server allows.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Sends a request made by [`Endpoint::request`] and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is not an answer.
    pub(super) fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.send(request)?;
        loop {
            if let Some((status, head, end)) = self.receive()? {
                return Ok(Answer {
                    status,
                    body: &self.buffer[head..end],
                });
            }
        }
    }

    /// [`Self::exchange`] where everything but a 200 is an error.
    ///
    /// # Errors
    /// As above, and when the server says no; the error holds what it said.
    pub(super) fn fetch(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        let answer = self.exchange(request)?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let text = String::from_utf8_lossy(answer.body);
        Err(io::Error::other(format!(
            "answered {}: {text}",
            answer.status
        )))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.filled = 0;
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(request),
            Stream::Unix(stream) => stream.write_all(request),
        }
    }

    /// Reads once. The answer's status, and where its body begins and ends, once it is whole.
    ///
    /// # Errors
    /// When the connection breaks or ends, or what comes is not an answer.
    pub(super) fn receive(&mut self) -> io::Result<Option<(u16, usize, usize)>> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let room = &mut self.buffer[self.filled..];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(room),
            Stream::Unix(stream) => stream.read(room),
        }?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        let Some((status, head, body)) = parse(&self.buffer[..self.filled])? else {
            return Ok(None);
        };
        Ok((self.filled >= head + body).then_some((status, head, head + body)))
    }

    /// Reads and writes that would wait are errors from now on (or no longer).
    ///
    /// # Errors
    /// When the kernel says no.
    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Stream::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// What a server said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: &'a [u8],
}

/// Status, length of the head and length of the body, once the head is whole.
///
/// # Errors
/// When it is no answer with a length.
pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &bytes[..end];
    let status = head
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| number(rest.get(..3)?))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    let length = head
        .split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            name.eq_ignore_ascii_case(b"content-length:")
                .then(|| number(value.trim_ascii()))
        })
        .flatten();
    match (length, status) {
        (Some(length), _) => Ok(Some((status, end + 4, length))),
        (None, 204 | 304) => Ok(Some((status, end + 4, 0))),
        (None, _) => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_once_they_are_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-type: x\r\nCONTENT-LENGTH: 2\r\n\r\nhi";
        let head = answer.len() - 2;
        assert_eq!(parse(answer).unwrap(), Some((200, head, 2)));
        assert_eq!(parse(&answer[..head - 1]).unwrap(), None);
        assert_eq!(
            parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
            Some((204, 27, 0))
        );
        for bad in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"SSH-2.0\r\n\r\n",
        ] {
            assert!(parse(bad).is_err());
        }
    }

    #[test]
    fn an_answer_may_come_in_parts() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut connection = Connection {
            stream: Stream::Unix(near),
            buffer: vec![0; 8],
            filled: 0,
        };
        far.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone")
            .unwrap();
        let error = connection.fetch(b"GET / HTTP/1.1\r\n\r\n").unwrap_err();
        assert_eq!(error.to_string(), "answered 404: gone");
    }

    #[test]
    fn requests_say_where_they_go() {
        let endpoint = Endpoint::Tcp(([127, 0, 0, 1], 80).into());
        assert_eq!(
            endpoint.request("GET", "/a", &[("X", "y")]),
            b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX: y\r\n\r\n"
        );
        assert_eq!(
            Endpoint::Unix("/s".into()).request_with_body("POST", "/a", &[], "{}"),
            b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        );
    }
}
