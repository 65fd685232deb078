//! The daemon under test, as a process.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::process;
use super::wait::{PATIENCE, until};

/// A running `rolecalld`. It is killed when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it with its log going to `log`.
    pub(super) fn spawn(command: &mut Command, log: File) -> std::io::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self { child })
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until `ready` says so; tells how the daemon ended if it does so before.
    pub(super) fn wait_until_ready(&mut self, ready: impl Fn() -> bool) -> Result<(), String> {
        let outcome = until(PATIENCE, || {
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Some(Err(format!("ended: {status}"))),
                Err(error) => return Some(Err(error.to_string())),
            }
            ready().then_some(Ok(()))
        });
        outcome.unwrap_or_else(|| Err(format!("not ready within {PATIENCE:?}")))
    }

    /// Sends a signal. It is not an error that the daemon has ended meanwhile.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    /// How it ended, if it has or does soon.
    pub(super) fn wait(&mut self) -> Option<ExitStatus> {
        process::wait(&mut self.child, PATIENCE)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}
