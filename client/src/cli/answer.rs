//! `rolecall approve` and `rolecall deny`: a person's answer to what a program asks for.

use std::fmt::Write as _;

use rolecall::api::{ChallengeAnswer, ChallengeKind, ChallengeStatus};
use rolecall::connection::Target;

use super::arguments::Answer;
use super::daemon::{Daemon, QUICK};
use super::failure::{Failure, NOT_FOUND, WRONG_USE};
use super::{escape, output};

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Answer, approve: bool) -> Result<(), Failure> {
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => the_only_one(daemon)?,
    };
    let target = Target::new("/v1/challenges").segment(&id);
    let answer = ChallengeAnswer::Consent { approve };
    let closed: ChallengeStatus = daemon.post(target, &answer, QUICK)?;
    let word = if approve { "approved" } else { "denied" };
    output::print(&format!("{word}: {}\n", line(&closed)))
}

/// The question that must be meant, if only one is open.
fn the_only_one(daemon: &Daemon) -> Result<String, Failure> {
    let mut open: Vec<ChallengeStatus> = daemon.get(Target::new("/v1/challenges"), QUICK)?;
    open.retain(|challenge| challenge.kind == ChallengeKind::Consent);
    match open.as_slice() {
        [] => Err(Failure::new("nobody asks for anything").exit(NOT_FOUND)),
        [only] => Ok(only.id.clone()),
        several => {
            let mut list = String::new();
            for challenge in several {
                // Writing to a String does not fail.
                let _ = writeln!(list, "{}  {}", escape::line(&challenge.id), line(challenge));
            }
            output::print(&list)?;
            Err(Failure::new("several questions are open")
                .hint("say which one, by its id")
                .exit(WRONG_USE))
        }
    }
}

/// `role prod for job.py (4711), /usr/bin/python3.12, on pts/3, in /srv: nightly run`
pub(crate) fn line(challenge: &ChallengeStatus) -> String {
    let asker = &challenge.asker;
    let mut text = format!("role {} for {}", challenge.role, asker.name);
    // Writing to a String does not fail.
    if let Some(pid) = asker.pid {
        let _ = write!(text, " ({pid})");
    }
    if let Some(exe) = &asker.exe {
        let _ = write!(text, ", {exe}");
    }
    if let Some(script) = &asker.script {
        let _ = write!(text, " {script}");
    }
    match &asker.terminal {
        Some(terminal) => {
            let _ = write!(text, ", on {terminal}");
        }
        None => text.push_str(", without a terminal"),
    }
    if let Some(cwd) = &asker.cwd {
        let _ = write!(text, ", in {cwd}");
    }
    if let Some(reason) = &challenge.reason {
        let _ = write!(text, ": {reason}");
    }
    escape::line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    #[test]
    fn the_asker_is_told_whole_and_harmless() {
        let mut challenge = fixture::challenge();
        assert_eq!(
            line(&challenge),
            "role prod for job.py (4711), /usr/bin/python3.12 job.py, on pts/3, in /srv\\u{1b}[2J: nightly\\nrun"
        );
        challenge.asker = rolecall::api::ChallengeAsker {
            name: "uid 7".to_owned(),
            ..Default::default()
        };
        challenge.reason = None;
        assert_eq!(line(&challenge), "role prod for uid 7, without a terminal");
    }
}
