//! Asking before files are written.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::failure::{Failure, PERSON_NEEDED};

/// Asks the person at the terminal; nobody there is no yes.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            Failure::new("nothing written: there is no terminal to ask on")
                .hint("look at the change above, then run it again with --yes")
                .exit(PERSON_NEEDED),
        );
    }
    let mut stderr = anstream::stderr();
    let mut answer = String::new();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut answer))
        .map_err(|error| Failure::caused("cannot ask", &error))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing written")),
    }
}
