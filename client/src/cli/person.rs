//! Telling a person that they are asked something.

use std::fs::File;
use std::io::{IsTerminal, Write};

use rolecall::connection::Response;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use super::failure;

/// Says on the terminal what an answer of 202 asks, if there is a terminal. Not on stderr where that is none:
/// an SDK would take it for a failure's words.
pub(crate) fn tell(response: &Response) {
    let line = failure::of_challenge(response).one_line();
    // Nobody is there to be told if this fails.
    if std::io::stderr().is_terminal() {
        let _ = std::io::stderr().write_all(line.as_bytes());
    } else if let Some(mut terminal) = terminal() {
        let _ = terminal.write_all(line.as_bytes());
    }
}

/// The controlling terminal, if it is ours to write to now: in the background a write may stop the process.
fn terminal() -> Option<File> {
    let terminal = File::options().write(true).open("/dev/tty").ok()?;
    let foreground = tcgetpgrp(&terminal).ok()? == getpgrp();
    foreground.then_some(terminal)
}
