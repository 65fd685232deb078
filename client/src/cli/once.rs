//! A daemon for one question, where none runs: `rolecalld --once` on a private socket.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rolecall::connection::{self, Deadline};
use tempfile::TempDir;

use super::daemon::Daemon;
use super::failure::Failure;

/// How long it may take to listen; it is meant to take 50 ms at most.
const START: Duration = Duration::from_secs(10);

/// How long it may take to end before it is killed.
const STOP: Duration = Duration::from_secs(2);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// The daemon to ask: the running one, or one started for the purpose, which is ended on drop.
pub(crate) struct Once {
    daemon: Daemon,
    started: Option<Started>,
}

struct Started {
    child: Child,
    directory: TempDir,
}

impl Once {
    /// The running daemon; if there is none, or if it is asked about another file than its own
    /// (`config`), a new one.
    pub(crate) fn unless_running(daemon: &Daemon, config: Option<&Path>) -> Result<Self, Failure> {
        if config.is_none() && is_running(daemon)? {
            return Ok(Self {
                daemon: daemon.clone(),
                started: None,
            });
        }
        let program = program()?;
        let started = Started::new(&program, config)?;
        Ok(Self {
            daemon: Daemon::of_this_user(Some(started.socket())),
            started: Some(started),
        })
    }

    /// Whom to ask.
    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Whether it is a daemon that goes on running.
    pub(crate) fn is_lasting(&self) -> bool {
        self.started.is_none()
    }
}

/// Whether somebody listens. A socket held by another user is an error, not an absence.
pub(crate) fn is_running(daemon: &Daemon) -> Result<bool, Failure> {
    match connection::probe(daemon.socket(), STOP) {
        Ok(()) => Ok(true),
        Err(connection::Error::Unreachable { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `rolecalld` beside this program, else in PATH.
fn program() -> Result<PathBuf, Failure> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join("rolecalld")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("rolecalld"));
    beside
        .into_iter()
        .chain(in_path)
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            Failure::new("no daemon runs, and rolecalld is neither beside rolecall nor in PATH")
                .hint("install rolecalld, or start it")
                .exit(super::failure::UNREACHABLE)
        })
}

impl Started {
    fn new(program: &Path, config: Option<&Path>) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::caused(format!("cannot start {}", program.display()), &error)
        };
        // Unlike a temporary file, a temporary directory is as open as the umask lets it be.
        let directory = tempfile::Builder::new()
            .prefix("rolecall-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed)?;
        let log = File::create(directory.path().join("log")).map_err(failed)?;
        let mut command = Command::new(program);
        command
            .arg("--once")
            .arg("--socket")
            .arg(directory.path().join("rolecall.sock"))
            .arg("--state-dir")
            .arg(directory.path().join("state"))
            .env_remove(rolecall::path::SOCKET_VARIABLE)
            .env_remove("ROLECALL_STATE_DIR")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let child = command.spawn().map_err(failed)?;
        let mut started = Self { child, directory };
        started.wait_until_it_listens(program)?;
        Ok(started)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("rolecall.sock")
    }

    fn wait_until_it_listens(&mut self, program: &Path) -> Result<(), Failure> {
        let deadline = Deadline::after(START);
        loop {
            match connection::probe(&self.socket(), START) {
                Ok(()) => return Ok(()),
                Err(connection::Error::Unreachable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || deadline.remaining().is_none() {
                let what = match ended {
                    Some(status) => format!("{} ended at once ({status})", program.display()),
                    None => format!("{} does not begin to listen", program.display()),
                };
                return Err(Failure::new(match self.last_words() {
                    Some(words) => format!("{what}: {words}"),
                    None => what,
                }));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The last line of its log.
    fn last_words(&self) -> Option<String> {
        let log = std::fs::read(self.directory.path().join("log")).ok()?;
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(last.trim().to_owned())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let deadline = Deadline::after(STOP);
        while let Ok(None) = self.child.try_wait() {
            if deadline.remaining().is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}
