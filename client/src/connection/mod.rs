//! A blocking connection to the daemon's socket: one request, one answer, one deadline.
//!
//! [`request`] composes the bytes, [`socket`] connects and makes sure of who listens,
//! [`response`] takes the answer apart, [`retry`] decides whether a failed try is worth another.
//! No runtime, no name service, no HOME: this is the path of `rolecall process`.

mod deadline;
mod request;
mod response;
mod retry;
mod socket;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use deadline::Deadline;
pub use request::{Method, Request, Target};
pub use response::{MAX_BODY, MAX_HEAD, Malformed, Parser, Response};

use retry::{Failure, Retries};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there, or we may not connect.
    #[error("cannot reach rolecalld at {}", path.display())]
    Unreachable {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Someone else's process listens there; nothing was sent to it.
    #[error("the socket {} is held by uid {found}, not by you (uid {own})", path.display())]
    Foreign {
        /// The socket's path.
        path: PathBuf,
        /// Who listens.
        found: u32,
        /// Who asks.
        own: u32,
    },
    /// The deadline passed.
    #[error("rolecalld did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection ended before the first byte of an answer.
    #[error("rolecalld closed the connection without an answer")]
    Closed,
    /// The connection ended within an answer.
    #[error("the answer of rolecalld was cut off")]
    Truncated,
    /// What came is no answer of rolecalld.
    #[error("the answer of rolecalld cannot be read")]
    Malformed(#[from] Malformed),
    /// The system failed us.
    #[error("the connection to rolecalld failed")]
    Io(#[source] io::Error),
}

/// Asks the daemon at `path` and waits for the whole answer, at most for `limit`.
///
/// A daemon that is just being restarted is ridden through: see [`retry`]. A request that may have
/// been carried out already is sent again only if that does no harm ([`Method::Get`]).
pub fn send(path: &Path, request: &Request<'_>, limit: Duration) -> Result<Response, Error> {
    let deadline = Deadline::after(limit);
    let mut retries = Retries::new(request.method() == Method::Get);
    loop {
        let error = match attempt(path, request, &deadline) {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let Some(pause) = Failure::of(&error).and_then(|failure| retries.next(failure)) else {
            return Err(error);
        };
        if deadline.remaining().is_none_or(|left| left <= pause) {
            return Err(error);
        }
        std::thread::sleep(pause);
    }
}

/// Whether a daemon of the calling user listens at `path`; asks it nothing.
pub fn probe(path: &Path, limit: Duration) -> Result<(), Error> {
    socket::connect(path, &Deadline::after(limit)).map(drop)
}

fn attempt(path: &Path, request: &Request<'_>, deadline: &Deadline) -> Result<Response, Error> {
    let mut stream = socket::connect(path, deadline)?;
    let mut started = false;
    let answered = exchange(&mut stream, request, deadline, &mut started);
    answered.map_err(|error| match (error, started) {
        (Error::Io(source), _) if is_timeout(&source) => Error::Timeout(deadline.limit()),
        (Error::Io(source), false) if is_hang_up(&source) => Error::Closed,
        (Error::Io(source), true) if is_hang_up(&source) => Error::Truncated,
        (error, _) => error,
    })
}

fn exchange(
    stream: &mut std::os::unix::net::UnixStream,
    request: &Request<'_>,
    deadline: &Deadline,
    started: &mut bool,
) -> Result<Response, Error> {
    // A daemon that refuses early may answer and close without reading all of the request, so a
    // failed write is not the last word: what came back is.
    let written = stream
        .set_write_timeout(Some(deadline.require()?))
        .and_then(|()| stream.write_all(&request.to_bytes()));
    if let Err(error) = written
        && !is_hang_up(&error)
    {
        return Err(Error::Io(error));
    }
    let mut parser = Parser::new();
    loop {
        stream
            .set_read_timeout(Some(deadline.require()?))
            .map_err(Error::Io)?;
        let count = match stream.read(parser.space()) {
            Ok(0) if *started => return Err(Error::Truncated),
            Ok(0) => return Err(Error::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Io(error)),
        };
        *started = true;
        if let Some(response) = parser.advance(count)? {
            return Ok(response);
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
    )
}
