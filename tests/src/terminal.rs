//! Commands on a terminal of their own, so that they ask and look as they do for a person.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use crate::harness::Deadline;

/// Longer than any command that asks a person.
const LIMIT: Duration = Duration::from_mins(1);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Columns, where we have no terminal ourselves.
const WIDTH: u16 = 100;

/// What a question ends with.
const QUESTION: &[u8] = b"[y/N] ";

/// What became of a command.
#[derive(Debug)]
pub struct Shown {
    /// How it ended.
    pub status: ExitStatus,
    /// What the terminal shows at the end.
    pub text: String,
}

/// Runs `command` to its end; types `answer` when it asks something. `go_on` is asked again and again,
/// and its error ends the command.
///
/// # Errors
/// When there is no terminal or the command cannot be started, when it does not end within a minute,
/// and when `go_on` says so.
pub fn run(
    mut command: Command,
    answer: &str,
    mut go_on: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Shown> {
    let (master, slave) = pair().context("no pseudo-terminal to be had")?;
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut child = Ended(child);
    // It holds our ends of the terminal; as long as one is open the reader sees no end.
    drop(command);
    let mut terminal = Terminal {
        master: File::from(master),
        seen: Vec::new(),
        answer: answer.as_bytes(),
    };
    let deadline = Deadline::after(LIMIT);
    let status = loop {
        go_on()?;
        let ended = child.0.try_wait()?;
        // After the question whether it has ended: so nothing of its last words is lost.
        terminal.look()?;
        if let Some(status) = ended {
            break status;
        }
        if deadline.left().is_none() {
            bail!("does not end; so far it says: {}", terminal.text());
        }
        std::thread::sleep(LOOK);
    };
    Ok(Shown {
        status,
        text: terminal.text(),
    })
}

/// A child that does not outlive this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Where it has ended, both say so, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if self.seen.ends_with(QUESTION) {
            self.master.write_all(std::mem::take(&mut self.answer))?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace("\r\n", "\n")
    }
}

/// A pseudo-terminal: our side, which never blocks, and the command's.
fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(OsStr::from_bytes(name.to_bytes()), flags, Mode::empty())?;
    let ours = tcgetwinsize(rustix::stdio::stdout()).ok();
    let size = ours.filter(|size| size.ws_col > 0).unwrap_or(Winsize {
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

    fn sh(line: &str, answer: &str) -> anyhow::Result<Shown> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line);
        run(command, answer, || Ok(()))
    }

    #[test]
    fn a_question_is_answered_and_all_output_read() {
        let shown = sh(
            "test -t 0 && test -t 1 && printf 'sure? [y/N] ' && read x && echo \"got $x\" >&2; exit 3",
            "y\n",
        )
        .unwrap();
        assert_eq!(shown.status.code(), Some(3));
        assert_eq!(shown.text, "sure? [y/N] y\ngot y\n");
        let many = "i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done";
        assert_eq!(sh(many, "").unwrap().text.len(), 22_000);
    }

    #[test]
    fn a_command_ends_when_its_starter_gives_up() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let mut looks = 0;
        let error = run(command, "", || {
            looks += 1;
            if looks > 2 {
                bail!("enough")
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().to_string(), "enough");
    }
}
