//! Why a command failed, as a person and a script see it.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use rolecall::api::{Code, Problem};
use rolecall::connection;

use super::escape;

/// DESIGN, "What scripts may rely on": failed, of no more particular kind.
pub(crate) const FAILED: u8 = 1;
/// Wrong use, as clap says it.
pub(crate) const WRONG_USE: u8 = 2;
/// Not found: role, key, record, question.
pub(crate) const NOT_FOUND: u8 = 3;
/// A person must act and could not be asked.
pub(crate) const PERSON_NEEDED: u8 = 4;
/// The daemon cannot be reached.
pub(crate) const UNREACHABLE: u8 = 6;

/// A failed command: message, hint and exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Lower case, no full stop, causes after colons.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Exit code; the message is not printed if it is empty.
    pub(crate) exit: u8,
}

impl Failure {
    /// Failed, of no more particular kind.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit: FAILED,
        }
    }

    /// `what`, caused by `error` and its causes.
    pub(crate) fn caused(what: impl Into<String>, error: &dyn Error) -> Self {
        let mut message = what.into();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let _ = write!(message, ": {error}");
            cause = error.source();
        }
        Self::new(message)
    }

    /// Says nothing: what there is to say has been printed.
    pub(crate) fn silent(exit: u8) -> Self {
        Self {
            exit,
            ..Self::new("")
        }
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With an exit code of its own.
    #[must_use]
    pub(crate) fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// Prints message and hint on stderr. The exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
            let mut text = format!("{red}rolecall:{red:#} {}\n", escape::line(&self.message));
            if let Some(hint) = &self.hint {
                let _ = writeln!(text, "{cyan}hint:{cyan:#} {}", escape::line(hint));
            }
            // Nobody is left to tell if this fails.
            let _ = anstream::stderr().write_all(text.as_bytes());
        }
        ExitCode::from(self.exit)
    }

    /// The one line that `credential_process` callers show or quote (client contract 90).
    pub(crate) fn one_line(&self) -> String {
        let message = escape::line(&self.message);
        match &self.hint {
            Some(hint) => format!("rolecall: {message} (hint: {})\n", escape::line(hint)),
            None => format!("rolecall: {message}\n"),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            message: problem.message,
            hint: problem.hint,
            exit: problem.code.exit(),
        }
    }
}

impl From<connection::Error> for Failure {
    fn from(error: connection::Error) -> Self {
        let (exit, hint) = match &error {
            connection::Error::Unreachable { path, .. } => (UNREACHABLE, Some(start_hint(path))),
            connection::Error::Foreign { .. } => (
                UNREACHABLE,
                Some(format!(
                    "stop whatever holds the socket, then start rolecalld as yourself; in a container, {} names \
                     the uid that rolecalld has there",
                    rolecall::path::SERVER_UID_VARIABLE
                )),
            ),
            connection::Error::Timeout(_) | connection::Error::Closed => (
                UNREACHABLE,
                Some("look at rolecalld's log; if it hangs, restart it".to_owned()),
            ),
            _ => (FAILED, Some("look at rolecalld's log".to_owned())),
        };
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let _ = write!(message, ": {error}");
            cause = error.source();
        }
        Self {
            message,
            hint,
            exit,
        }
    }
}

fn start_hint(socket: &Path) -> String {
    let default = rolecall::path::socket(None, rustix::process::getuid().as_raw(), |name| {
        std::env::var_os(name).filter(|_| name != rolecall::path::SOCKET_VARIABLE)
    });
    if socket == Path::new(rolecall::path::SYSTEM_SOCKET) {
        "start it with `systemctl start rolecalld-system`".to_owned()
    } else if socket != default {
        format!(
            "start it with `rolecalld --socket {}`, or name the right socket with --socket or {}",
            socket.display(),
            rolecall::path::SOCKET_VARIABLE
        )
    } else if cfg!(target_os = "linux") {
        "start it with `systemctl --user start rolecalld`, or run `rolecalld`".to_owned()
    } else {
        "start it with `rolecalld`".to_owned()
    }
}

/// The failure that a not successful answer reports.
pub(crate) fn of_answer(response: &connection::Response) -> Failure {
    if let Ok(problem) = serde_json::from_slice::<Problem>(response.body()) {
        return problem.into();
    }
    let failure = Failure::new(format!(
        "rolecalld answered with status {} and nothing rolecall understands",
        response.status()
    ));
    match response.version() {
        Some(version) if version != env!("CARGO_PKG_VERSION") => failure.hint(format!(
            "rolecalld is version {version}, rolecall {}: bring them to the same version",
            env!("CARGO_PKG_VERSION")
        )),
        _ => failure.hint("look at rolecalld's log"),
    }
}

/// What a challenge (an answer of 202) asks of a person, as a failure.
pub(crate) fn of_challenge(response: &connection::Response) -> Failure {
    #[derive(serde::Deserialize)]
    struct Challenge {
        message: String,
        hint: Option<String>,
    }
    let challenge = serde_json::from_slice(response.body()).unwrap_or_else(|_| Challenge {
        message: "a person must answer a challenge first".to_owned(),
        hint: None,
    });
    let hint = challenge
        .hint
        .unwrap_or_else(|| "run `rolecall status` in a terminal to see what is asked".to_owned());
    Failure::new(challenge.message)
        .hint(hint)
        .exit(Code::PersonNeeded.exit())
}
