//! The floor under every door: hyper alone, with one body, on a runtime of one thread as the
//! daemon's, in a process of its own.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::children::Ended;
use super::wire::Endpoint;

/// A bare server, running.
#[derive(Debug)]
pub(super) struct Floor {
    child: Ended,
    /// Where it listens.
    pub(super) endpoint: Endpoint,
}

impl Floor {
    /// Starts one on a Unix socket.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn unix(program: &Path, socket: PathBuf, body: &[u8]) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("floor").arg("--unix").arg(&socket);
        let (child, _) = start(command, body)?;
        let endpoint = Endpoint::Unix(socket);
        Ok(Self { child, endpoint })
    }

    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn tcp(program: &Path, body: &[u8]) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("floor");
        let (child, line) = start(command, body)?;
        let endpoint = Endpoint::Tcp(line.trim().parse().context("the floor's address")?);
        Ok(Self { child, endpoint })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }
}

fn start(mut command: Command, body: &[u8]) -> anyhow::Result<(Ended, String)> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.context("cannot start the floor")?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let child = Ended::new(child);
    stdin.context("a piped stdin")?.write_all(body)?;
    let mut line = String::new();
    BufReader::new(stdout.context("a piped stdout")?).read_line(&mut line)?;
    anyhow::ensure!(!line.is_empty(), "the floor did not come up");
    Ok((child, line))
}

/// The floor's process: takes the body from standard input, says where it listens on standard
/// output, and serves until it is ended.
///
/// # Errors
/// When it cannot listen.
pub fn serve(unix: Option<&Path>) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let body = Bytes::from(body);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if let Some(path) = unix {
            let listener = UnixListener::bind(path)?;
            say(&path.display())?;
            loop {
                let (stream, _) = listener.accept().await?;
                answer_all(stream, &body);
            }
        }
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        say(&listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            answer_all(stream, &body);
        }
    })
}

fn say(what: &dyn std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{what}")
}

fn answer_all(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, body: &Bytes) {
    let body = body.clone();
    let service = service_fn(move |_: Request<hyper::body::Incoming>| {
        let response = Response::new(Full::new(body.clone()));
        async { Ok::<_, Infallible>(response) }
    });
    tokio::spawn(async move {
        // A client that went away is none of the floor's business.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
}
