//! HTTP/1.1 by hand, over a Unix socket or TCP: what a test sends is exactly what it says, right or
//! wrong.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::wait::PATIENCE;

/// Where a door is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP address.
    Tcp(SocketAddr),
}

impl Endpoint {
    /// Sends one request over a connection of its own.
    ///
    /// # Errors
    /// When the connection fails, or what comes is not HTTP.
    pub fn send(&self, request: &Request) -> io::Result<Answer> {
        self.connect()?.send(request)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When it is refused.
    pub fn connect(&self) -> io::Result<Connection> {
        let stream: Box<dyn Stream> = match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        };
        let host = match self {
            Self::Unix(_) => "localhost".into(),
            Self::Tcp(address) => address.to_string(),
        };
        Ok(Connection {
            stream: BufReader::new(stream),
            host,
        })
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A request, as it will be sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    /// A request without body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// The same with one more header. A `Host` replaces the one that is sent by itself.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body, whose length is sent.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.into());
        self
    }

    fn head(&self, host: &str) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let has_host = |(name, _): &(String, String)| name.eq_ignore_ascii_case("host");
        // Writing to a String cannot fail.
        if !self.headers.iter().any(has_host) {
            let _ = write!(head, "Host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head + "\r\n"
    }
}

/// A connection, kept for as many requests as the other end allows.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection fails, or what comes is not HTTP.
    pub fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let head = request.head(&self.host);
        self.write(head.as_bytes())?;
        self.write(request.body.as_deref().unwrap_or_default().as_bytes())?;
        self.read(request.method == "HEAD")
    }

    /// The same, where the other end may close the connection: None if it did so before the first byte
    /// of an answer, and the request may be sent again.
    ///
    /// # Errors
    /// When an answer is cut short, or is not HTTP.
    pub fn send_or_closed(&mut self, request: &Request) -> io::Result<Option<Answer>> {
        let head = request.head(&self.host);
        let body = request.body.as_deref().unwrap_or_default().as_bytes();
        // An answer may be there even if the connection was closed before all was written.
        let written = self.write(head.as_bytes()).and_then(|()| self.write(body));
        match self.stream.fill_buf() {
            Ok([]) => Ok(None),
            Ok(_) => self.read(request.method == "HEAD").map(Some),
            Err(error) if is_closing(error.kind()) => Ok(None),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Reads one answer; without its body if the request was HEAD.
    ///
    /// # Errors
    /// When the connection fails or ends, or what comes is not HTTP.
    pub fn read(&mut self, head_only: bool) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| invalid(&status_line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if !head_only && status != 204 && status != 304 {
            answer.body = self.body(&answer)?;
        }
        Ok(answer)
    }

    /// Reads until the other end closes the connection, in peace or not.
    ///
    /// # Errors
    /// When it does not: what has come so far is lost.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if !is_closing(error.kind()) => Err(error),
            _ => Ok(bytes),
        }
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line()?;
                let size = u64::from_str_radix(line.trim(), 16).map_err(|_| invalid(&line))?;
                self.exactly(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match answer.header("content-length") {
            Some(text) => {
                let length = text.parse().map_err(|_| invalid(text))?;
                self.exactly(length, &mut body)?;
            }
            None => {
                self.stream.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    fn exactly(&mut self, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let read = self.stream.by_ref().take(length).read_to_end(into)?;
        if read as u64 == length {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// One line, without its end. An event stream is read with this.
    ///
    /// # Errors
    /// When the connection fails or ends.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }
}

fn is_closing(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// In the order sent; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none of this type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(answers: &[u8]) -> Connection {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(answers).unwrap();
        Connection {
            stream: BufReader::new(Box::new(near)),
            host: "localhost".into(),
        }
    }

    #[test]
    fn reads_one_answer_after_the_other() {
        let mut connection = connection(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a \r\n\r\nhi\
              HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n\
              HTTP/1.1 503 Later\r\n\r\nto the end",
        );
        let first = connection.read(false).unwrap();
        assert_eq!((first.status, first.header("x")), (200, Some("a")));
        assert_eq!(first.text(), "hi");
        assert_eq!(connection.read(false).unwrap().text(), "no");
        assert_eq!(connection.read(false).unwrap().text(), "to the end");
        assert!(connection.read(false).is_err());
    }

    #[test]
    fn a_short_body_is_an_error() {
        let mut connection = connection(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi");
        let error = connection.read(false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_closed_connection_is_told_from_a_cut_answer() {
        let request = Request::get("/");
        let mut closed = connection(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert!(closed.send_or_closed(&request).unwrap().is_some());
        assert!(closed.send_or_closed(&request).unwrap().is_none());
        let mut cut = connection(b"HTTP/1.1 200 O");
        assert!(cut.send_or_closed(&request).is_err());
    }

    #[test]
    fn the_host_is_sent_unless_another_is_said() {
        let head = Request::get("/").body("abc").head("h");
        assert_eq!(
            head,
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
        );
        let head = Request::get("/").header("host", "evil").head("h");
        assert_eq!(head, "GET / HTTP/1.1\r\nhost: evil\r\n\r\n");
    }
}
