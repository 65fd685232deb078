//! Reads `rolecall process ROLE …` without the grammar in [`super`].
//!
//! Takes only what is plainly meant; everything else, mistakes included, is left to the grammar. A test
//! keeps both in agreement.

use std::ffi::OsString;
use std::path::PathBuf;

use rolecall::api::MAX_WAIT_SECONDS;

use super::{DEFAULT_WAIT_SECONDS, Process};

/// The arguments of `process` (with the program's name first), and the socket; None if the grammar must
/// decide.
pub(crate) fn process(arguments: &[OsString]) -> Option<(Option<PathBuf>, Process)> {
    let mut rest = arguments.iter().skip(1).map(|argument| argument.to_str());
    if rest.next()?? != "process" {
        return None;
    }
    let (mut role, mut wait, mut socket) = (None, None, None);
    while let Some(argument) = rest.next() {
        let argument = argument?;
        let (name, value) = match argument.split_once('=') {
            Some((name @ ("--wait" | "--socket"), value)) => (name, value),
            _ if matches!(argument, "--wait" | "--socket") => (argument, rest.next()??),
            _ if argument.starts_with('-') || argument.is_empty() => return None,
            _ => ("", argument),
        };
        // The grammar takes a value that looks like an option for one.
        if value.is_empty() || value.starts_with('-') {
            return None;
        }
        let slot = match name {
            "--wait" => &mut wait,
            "--socket" => &mut socket,
            _ => &mut role,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let wait = match wait {
        None => DEFAULT_WAIT_SECONDS,
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text
            .parse()
            .ok()
            .filter(|seconds| *seconds <= MAX_WAIT_SECONDS)?,
        Some(_) => return None,
    };
    let role = role?.to_owned();
    Some((socket.map(PathBuf::from), Process { role, wait }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Arguments, Command};
    use super::*;

    fn line(words: &[&str]) -> Vec<OsString> {
        std::iter::once("rolecall")
            .chain(words.iter().copied())
            .map(OsString::from)
            .collect()
    }

    #[test]
    fn the_line_that_setup_writes_is_quick() {
        let found = process(&line(&["process", "dev"]));
        let expected = Process {
            role: "dev".to_owned(),
            wait: DEFAULT_WAIT_SECONDS,
        };
        assert_eq!(found, Some((None, expected)));
        let all = process(&line(&["process", "--wait=3", "a/b", "--socket", "/s"]));
        let expected = Process {
            role: "a/b".to_owned(),
            wait: 3,
        };
        assert_eq!(all, Some((Some("/s".into()), expected)));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_grammar() {
        for words in [
            &["status"][..],
            &["process"],
            &["process", "--help"],
            &["process", "a", "b"],
            &["process", ""],
            &["process", "a", "--wait"],
            &["process", "a", "--wait=56"],
            &["process", "a", "--wait", "1", "--wait", "2"],
            &["--socket", "/s", "process", "a"],
        ] {
            assert_eq!(process(&line(words)), None, "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn the_grammar_agrees(words in prop::collection::vec(prop::sample::select(vec![
            "process", "dev", "a=b", "--wait", "--wait=7", "--wait=+7", "--wait=56", "7", "0", "", "-",
            "--", "--socket", "--socket=/s", "--socket=", "/s", "-h", "--wait=", "--socket=-x", "é",
        ]), 0..6)) {
            let mut words = words;
            words.insert(0, "process");
            let arguments = line(&words);
            if let Some((socket, quick)) = process(&arguments) {
                let parsed = Arguments::try_read(&arguments).unwrap();
                prop_assert_eq!(parsed.socket, socket);
                prop_assert!(matches!(parsed.command, Command::Process(process) if process == quick));
            }
        }
    }
}
