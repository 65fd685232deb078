//! A server that answers as told, one connection after the other, and remembers what it was asked.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

/// What happens to one connection.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A JSON answer.
    Json(u16, String),
    /// These bytes, then the end.
    Raw(Vec<u8>),
    /// These bytes, and then silence for longer than anybody waits.
    Hang(Vec<u8>),
    /// The answer after a while.
    Late(Duration, Box<Self>),
    /// The end, without a byte.
    Close,
}

impl Reply {
    /// A problem of this code.
    pub(crate) fn problem(status: u16, code: &str) -> Self {
        let body = format!(
            r#"{{"code":"{code}","message":"the message of {code}","hint":"the hint of {code}"}}"#
        );
        Self::Json(status, body)
    }
}

/// The server; its thread ends with the test's process.
pub(crate) struct Server {
    directory: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers the first connection with the first reply, and so on; the last one is repeated.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let server = Self::absent();
        let listener = UnixListener::bind(server.socket()).unwrap();
        server.serve(listener, replies);
        server
    }

    /// A directory for a socket, and nobody there.
    pub(crate) fn absent() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            requests: Arc::default(),
        }
    }

    /// Begins to listen.
    pub(crate) fn serve(&self, listener: UnixListener, replies: impl IntoIterator<Item = Reply>) {
        let replies: Vec<_> = replies.into_iter().collect();
        self.answer(listener, move |index, _| {
            replies[index.min(replies.len() - 1)].clone()
        });
    }

    /// Answers by how the request begins; with the end where nothing is said.
    pub(crate) fn serve_by_path<const N: usize>(
        &self,
        listener: UnixListener,
        replies: [(&'static str, Reply); N],
    ) {
        self.answer(listener, move |_, request| {
            let found = replies.iter().find(|(start, _)| request.starts_with(start));
            found.map_or(Reply::Close, |(_, reply)| reply.clone())
        });
    }

    fn answer(
        &self,
        listener: UnixListener,
        reply: impl Fn(usize, &str) -> Reply + Clone + Send + 'static,
    ) {
        let requests = Arc::clone(&self.requests);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let requests = Arc::clone(&requests);
                let reply = reply.clone();
                std::thread::spawn(move || {
                    let request = read_request(&mut stream);
                    let reply = reply(index, &request);
                    requests.lock().unwrap().push(request);
                    answer(&mut stream, &reply);
                });
            }
        });
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("rolecall.sock")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What was asked, request line first.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// `rolecall` with the socket named, in an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("ROLECALL_SOCKET", self.socket())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn read_request(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text.into_owned();
            }
        }
        match stream.read(&mut buffer).unwrap() {
            0 => return String::from_utf8_lossy(&bytes).into_owned(),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn answer(stream: &mut UnixStream, reply: &Reply) {
    // The client may have gone: that is what some tests are about.
    match reply {
        Reply::Json(status, body) => {
            let _ = stream.write_all(json(*status, body).as_bytes());
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(bytes);
        }
        Reply::Hang(bytes) => {
            let _ = stream.write_all(bytes);
            std::thread::sleep(Duration::from_mins(1));
        }
        Reply::Late(after, reply) => {
            std::thread::sleep(*after);
            answer(stream, reply);
        }
        Reply::Close => {}
    }
}

/// An answer on the wire.
pub(crate) fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Some Reason\r\nContent-Type: application/json\r\nrolecall-version: 0.1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// stdout as text.
pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// stderr as text.
pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Makes a file.
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::File::create(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap();
}
