//! `rolecall process ROLE`: what `credential_process` runs.
//!
//! Starts no runtime, reads no configuration and never stdin; says nothing on success but the JSON
//! object, and exactly one line on stderr otherwise (client contract 88–100).

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rolecall::connection::{self, Deadline, Request, Target};
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::arguments::Process;
use super::failure::{self, Failure};
use super::output::write_through;
use super::person;

/// How long the daemon may take beyond `wait` before it is held for dead.
const GRACE: Duration = Duration::from_secs(2);

/// The most that Ruby, Java and Kotlin's SDKs read: Ruby waits for ever on a longer answer (client
/// contract 91).
const MAX_OUTPUT: usize = 64_000;

/// Runs it.
pub(crate) fn run(socket: Option<PathBuf>, arguments: &Process) -> ExitCode {
    match credentials(socket, arguments) {
        Ok(output) => match write_through(rustix::stdio::stdout(), &output) {
            Ok(()) => ExitCode::SUCCESS,
            // The reader has gone and knows it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::from(failure::FAILED)
            }
            Err(error) => fail(&Failure::caused("cannot write the credentials", &error)),
        },
        Err(failure) => fail(&failure),
    }
}

fn credentials(
    socket: Option<PathBuf>,
    arguments: &Process,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let uid = rustix::process::getuid().as_raw();
    let socket = rolecall::path::find(socket, uid, |name| std::env::var_os(name), Path::is_dir);
    let ask = |wait: Duration, can_prompt| {
        // Up to the next second: a wait that was given is not cut.
        let seconds = wait.as_millis().div_ceil(1000);
        let target = Target::new("/v1/credentials")
            .segment(&arguments.role)
            .query("wait", &seconds.to_string())
            .query("can_prompt", if can_prompt { "true" } else { "false" });
        connection::send(&socket, &Request::get(target), wait + GRACE)
    };
    let limit = Duration::from_secs(arguments.wait);
    let deadline = Deadline::after(limit);
    let mut response = ask(limit, true)?;
    // Nothing that a person is asked so far is for this terminal to answer: the person is told where to.
    if response.status() == 202
        && let Some(left) = deadline.remaining()
    {
        person::tell(&response);
        response = ask(left, false)?;
    }
    match response.status() {
        200 => output(response.body()),
        202 => Err(failure::of_challenge(&response)),
        _ => Err(failure::of_answer(&response)),
    }
}

/// The body, if it is one JSON object, and one newline.
fn output(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let object = body.trim_ascii();
    // No detail of a parser's error: it may quote the input.
    if !object.starts_with(b"{") || serde_json::from_slice::<IgnoredAny>(object).is_err() {
        return Err(Failure::new("the answer of rolecalld is not a JSON object")
            .hint("look at rolecalld's log"));
    }
    if object.len() >= MAX_OUTPUT {
        return Err(Failure::new(format!(
            "the session's credentials take {} bytes, more than AWS SDKs read from a process",
            object.len()
        ))
        .hint("use fewer or shorter session tags or policies for this role"));
    }
    let mut output = Zeroizing::new(Vec::with_capacity(object.len() + 1));
    output.extend_from_slice(object);
    output.push(b'\n');
    Ok(output)
}

fn fail(failure: &Failure) -> ExitCode {
    // Nobody is left to tell if this fails.
    let _ = write_through(rustix::stdio::stderr(), failure.one_line().as_bytes());
    ExitCode::from(failure.exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_one_newline() {
        assert_eq!(*output(b"{\"Version\":1}").unwrap(), b"{\"Version\":1}\n");
        assert_eq!(*output(b"{}\n").unwrap(), b"{}\n");
    }

    #[test]
    fn anything_else_is_not_printed() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"{",
            b"{}{}",
            b"\xef\xbb\xbf{}",
            b"<html>",
        ] {
            let failure = output(body).err().unwrap();
            assert_eq!(failure.exit, 1);
        }
        let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_OUTPUT));
        assert!(output(huge.as_bytes()).is_err());
    }
}
