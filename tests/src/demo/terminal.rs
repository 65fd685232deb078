//! Commands on a terminal of their own, so that they ask and look as they do for a person.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use super::interrupt::Interrupt;
use super::running::Running;
use super::wait;

/// No command of the tour comes near this.
const LIMIT: Duration = Duration::from_mins(1);

/// Where the visitor has no terminal.
const WIDTH: u16 = 100;

/// What a question ends with.
const QUESTION: &[u8] = b"[y/N] ";

/// What a command did.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) status: ExitStatus,
    /// What the terminal shows at the end.
    pub(super) text: String,
}

/// Runs `command`; types `answer` when it asks something.
pub(super) fn run(
    mut command: Command,
    answer: &str,
    interrupt: &Interrupt,
) -> anyhow::Result<Done> {
    let (master, slave) = pair().context("no pseudo-terminal to be had")?;
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    let mut running = Running::start("sh", &mut command)?;
    // It holds our ends of the terminal; as long as one is open the reader sees no end.
    drop(command);
    let mut terminal = Terminal {
        master: File::from(master),
        seen: Vec::new(),
        answer: answer.as_bytes(),
    };
    let status = wait::until(interrupt, LIMIT, "the command's end", || {
        terminal.look()?;
        running.ended()
    })?;
    terminal.look()?;
    let text = String::from_utf8_lossy(&terminal.seen).replace("\r\n", "\n");
    Ok(Done { status, text })
}

struct Terminal<'a> {
    master: File,
    seen: Vec<u8>,
    /// Empty once it was given.
    answer: &'a [u8],
}

impl Terminal<'_> {
    /// Reads what is there, and answers a question.
    fn look(&mut self) -> anyhow::Result<()> {
        match self.master.read_to_end(&mut self.seen) {
            Ok(_) => {}
            // Linux's word for the end: nobody has the other side open any more.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if self.seen.ends_with(QUESTION) {
            self.master.write_all(std::mem::take(&mut self.answer))?;
        }
        Ok(())
    }
}

/// A pseudo-terminal: our side, not blocking, and the command's.
fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(
        std::ffi::OsStr::from_bytes(name.to_bytes()),
        flags,
        Mode::empty(),
    )?;
    let size = tcgetwinsize(rustix::stdio::stdout()).ok();
    let size = size.filter(|size| size.ws_col > 0).unwrap_or(Winsize {
        ws_row: 50,
        ws_col: WIDTH,
        ws_xpixel: 0,
        ws_ypixel: 0,
    });
    tcsetwinsize(&slave, size)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(line: &str, answer: &str) -> Done {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line);
        run(command, answer, &Interrupt::listen().unwrap()).unwrap()
    }

    #[test]
    fn a_question_is_answered_and_all_output_read() {
        let done = sh(
            "test -t 0 && test -t 1 && printf 'sure? [y/N] ' && read x && echo \"got $x\" >&2; exit 3",
            "y\n",
        );
        assert_eq!(done.status.code(), Some(3));
        assert_eq!(done.text, "sure? [y/N] y\ngot y\n");
        let long = sh(
            "i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done",
            "",
        );
        assert_eq!(long.text.len(), 22_000);
    }
}
