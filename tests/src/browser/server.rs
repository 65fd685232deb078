//! A small HTTP server, for an attacker's pages and for the careless daemon they are tried on first. It takes
//! any `Host`: that is what it is for.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longest body that is read.
const MOST: usize = 1024 * 1024;

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, …
    pub method: String,
    /// The target.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// Whole header lines.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// Answers what comes to `address` with `handler`, until the process ends. Every answer ends its connection:
/// the next request looks the name up again.
///
/// # Errors
/// When the address cannot be had.
pub fn serve(
    address: SocketAddr,
    handler: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || {
                // A browser opens connections that it does not use, and closes them as it likes.
                let _ = converse(&stream, &*handler);
            });
        }
    });
    Ok(address)
}

fn converse(stream: &TcpStream, handler: &dyn Fn(&Asked) -> Said) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let asked = read(&mut BufReader::new(stream))?;
    let said = handler(&asked);
    let mut head = format!(
        "HTTP/1.1 {} Said\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n",
        said.status,
        said.body.len()
    );
    for line in &said.headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n{}", said.body).as_bytes())
}

fn read(stream: &mut BufReader<&TcpStream>) -> io::Result<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|it| it.parse().ok());
    asked.body = vec![0; length.unwrap_or(0).min(MOST)];
    stream.read_exact(&mut asked.body)?;
    Ok(asked)
}
