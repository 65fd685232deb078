//! Writing to stdout: styled for a terminal, plain for everything else.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use serde::Serialize;

use super::escape;
use super::failure::Failure;

/// Prints `text`, whose colours are dropped where stdout is no terminal or NO_COLOR is set.
///
/// A reader that has gone (`rolecall status | head -1`) ends the command without an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout();
    done(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    done(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Prints a secret: straight to the descriptor, since std's own buffer for stdout is never wiped.
pub(crate) fn print_secret(bytes: &[u8]) -> Result<(), Failure> {
    done(write_through(rustix::stdio::stdout(), bytes))
}

/// Writes all of `bytes`, past every buffer of ours.
pub(crate) fn write_through(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&to, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Prints `value` as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::caused("cannot write JSON", &error))?;
    text.push('\n');
    print_bytes(escape::json(&text).as_bytes())
}

fn done(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(0)),
        Err(error) => Err(Failure::caused("cannot write to stdout", &error)),
        Ok(()) => Ok(()),
    }
}

/// How many columns a table may take; None if stdout is no terminal, where lines are not cut.
pub(crate) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let real = || {
        rustix::termios::tcgetwinsize(rustix::stdio::stdout())
            .ok()
            .map(|size| usize::from(size.ws_col))
    };
    asked
        .or_else(real)
        .filter(|columns| *columns > 0)
        .or(Some(80))
}
