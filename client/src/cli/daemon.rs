//! Asking the daemon, typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall::connection::{self, Request, Response, Target};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{self, Failure};

/// How long an answer may take that waits for nothing.
pub(crate) const QUICK: Duration = Duration::from_secs(10);

/// The daemon behind a socket.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    socket: PathBuf,
}

impl Daemon {
    /// The daemon at `socket`, or at the socket that the environment says; of a user who has none, the
    /// system service.
    pub(crate) fn at(socket: Option<PathBuf>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self {
            socket: rolecall::path::find(socket, uid, |name| std::env::var_os(name), Path::is_dir),
        }
    }

    /// The same, but never the system service unless it is named: it has nothing to say about this user's
    /// own files.
    pub(crate) fn of_this_user(socket: Option<PathBuf>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self {
            socket: rolecall::path::socket(socket, uid, |name| std::env::var_os(name)),
        }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A GET's answer of success, as it came.
    pub(crate) fn get_raw(&self, target: Target, limit: Duration) -> Result<Response, Failure> {
        succeeded(self.send(&Request::get(target), limit)?)
    }

    /// A GET's answer.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        target: Target,
        limit: Duration,
    ) -> Result<T, Failure> {
        read(&self.get_raw(target, limit)?)
    }

    /// A POST's answer.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        target: Target,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<T, Failure> {
        read(&succeeded(self.post_raw(target, body, limit)?)?)
    }

    /// A POST's answer, whatever its status.
    pub(crate) fn post_raw(
        &self,
        target: Target,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<Response, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::caused("cannot write the request", &error))?;
        self.send(&Request::post(target, &body), limit)
    }

    /// Takes something away.
    pub(crate) fn delete(&self, target: Target, limit: Duration) -> Result<(), Failure> {
        succeeded(self.send(&Request::delete(target), limit)?).map(|_| ())
    }

    fn send(&self, request: &Request<'_>, limit: Duration) -> Result<Response, Failure> {
        Ok(connection::send(&self.socket, request, limit)?)
    }
}

/// The answer, if it is a success and no question.
pub(crate) fn succeeded(response: Response) -> Result<Response, Failure> {
    match response.status() {
        202 => Err(failure::of_challenge(&response)),
        200..=299 => Ok(response),
        _ => Err(failure::of_answer(&response)),
    }
}

/// The body as the type that is expected.
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, Failure> {
    // The position is told, the text never: the body may hold a token.
    serde_json::from_slice(response.body()).map_err(|error| {
        Failure::new(format!(
            "the answer of rolecalld cannot be read (column {})",
            error.column()
        ))
        .hint(format!(
            "rolecalld is version {}, rolecall {}: bring them to the same version",
            response.version().unwrap_or("unknown"),
            env!("CARGO_PKG_VERSION")
        ))
    })
}
