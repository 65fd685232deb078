//! As much of HTTP/1.1 as `curl` needs for the demo's requests: one exchange a connection.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// More than any door lets a request wait.
const LIMIT: Duration = Duration::from_mins(1);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
}

impl<'a> Request<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: &[],
            body: "",
        }
    }

    /// Sends it over a Unix socket; the body of a 200.
    pub(super) fn over_socket(self, socket: &Path) -> anyhow::Result<String> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("cannot connect to {}", socket.display()))?;
        stream.set_read_timeout(Some(LIMIT))?;
        self.exchange(stream, "localhost")
    }

    /// Sends it over TCP; the body of a 200.
    pub(super) fn over_tcp(self, address: SocketAddr) -> anyhow::Result<String> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(LIMIT))?;
        self.exchange(stream, &address.to_string())
    }

    fn exchange(self, mut stream: impl Read + Write, host: &str) -> anyhow::Result<String> {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        // Writing to a String cannot fail.
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        read(&answer).with_context(|| format!("{method} {path}"))
    }
}

/// The body of a whole answer of 200.
fn read(answer: &[u8]) -> anyhow::Result<String> {
    let text = std::str::from_utf8(answer)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("answered with half a head")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.context("answered with no status")?.parse()?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") && value.trim().parse() != Ok(body.len()) {
            bail!("answered with {} bytes instead of{value}", body.len());
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("answered in chunks, which this reader does not know");
        }
    }
    if status != 200 {
        bail!("answered {status}: {body}");
    }
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_of_200_is_read() {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(read(ok).unwrap(), "hi");
        let wrong = |answer: &str| read(answer.as_bytes()).unwrap_err().to_string();
        assert_eq!(wrong("HTTP/1.1 503 X\r\n\r\nno"), "answered 503: no");
        let short = wrong("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi");
        assert_eq!(short, "answered with 2 bytes instead of 3");
        assert!(wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").contains("chunks"));
        assert!(wrong("HTTP/1.1").contains("half"));
    }
}
