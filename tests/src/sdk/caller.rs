//! An SDK's program that asks when it is told to, and what the programs print.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Finished, Running, run_within, until};

/// More than any SDK takes to give up, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// What STS said, or the SDK's own error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// STS knows who asked.
    Identity {
        /// Whom STS takes it for.
        arn: String,
        /// The key that the call was signed with; the AWS CLI does not say.
        key: Option<String>,
        /// The region that the client is in; the AWS CLI does not say.
        region: Option<String>,
    },
    /// It did not get that far, or STS refused.
    Error(String),
}

impl Reply {
    /// Runs a program in the mode `once`.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        Self::read(&run_within(command, PATIENCE))
    }

    /// What a program said in the mode `once`.
    pub fn read(finished: &Finished) -> Self {
        let last = finished.stdout.lines().last().unwrap_or_default();
        let parsed = if last.starts_with('{') {
            Self::parse(last)
        } else {
            // The AWS CLI prints over several lines.
            Self::parse(&finished.stdout)
        };
        match parsed {
            Self::Identity { .. } if !finished.status.success() => {
                Self::Error(format!("an answer, and {finished:?}"))
            }
            Self::Error(error) => Self::Error(format!("{error} {}", finished.stderr)),
            identity @ Self::Identity { .. } => identity,
        }
    }

    fn parse(text: &str) -> Self {
        let Ok(line) = serde_json::from_str::<Value>(text) else {
            return Self::Error(text.to_owned());
        };
        let member = |name: &str| line[name].as_str().map(ToOwned::to_owned);
        match member("arn").or_else(|| member("Arn")) {
            Some(arn) => Self::Identity {
                arn,
                key: member("access_key_id"),
                region: member("region"),
            },
            None => Self::Error(member("error").unwrap_or_else(|| text.to_owned())),
        }
    }

    /// That it is a session of the IAM role with this ARN.
    ///
    /// # Errors
    /// What it is instead.
    pub fn is(&self, role: &str) -> Result<(), String> {
        let (head, path) = role.split_once(":role/").unwrap_or((role, ""));
        let account = head.rsplit(':').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let wanted = format!("arn:aws:sts::{account}:assumed-role/{name}/");
        match self {
            Self::Identity { arn, .. } if arn.starts_with(&wanted) => Ok(()),
            other => Err(format!("not {wanted}…: {other:?}")),
        }
    }

    /// The key that the call was signed with.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Identity { key, .. } => key.as_deref(),
            Self::Error(_) => None,
        }
    }
}

/// An SDK's program in the mode `each`: one process, one client.
#[derive(Debug)]
pub struct Caller {
    running: Running,
    asked: usize,
}

impl Caller {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self {
            running: Running::start(command),
            asked: 0,
        }
    }

    /// Has it ask, and waits for the answer.
    pub fn ask(&mut self) -> Reply {
        self.asked += 1;
        if let Err(error) = self.running.try_tell("ask") {
            return Reply::Error(format!(
                "it does not read: {error}; {:?}",
                self.running.lines()
            ));
        }
        let line = until(PATIENCE, || {
            self.running.lines().get(self.asked - 1).cloned()
        });
        line.map_or_else(
            || Reply::Error(format!("no answer within {PATIENCE:?}")),
            |line| Reply::parse(&line),
        )
    }

    /// Has a program that was held ([`super::Way::held`]) start in the mode `once`, and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn once(mut self) -> Reply {
        // Should it have ended already, what it said before tells why.
        let _ = self.running.try_tell("go");
        Reply::read(&self.running.finish_within(PATIENCE))
    }

    /// Ends its standard input, and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.running.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/dev";

    #[test]
    fn lines_of_every_program_are_understood() {
        let ours = r#"{"arn": "arn:aws:sts::123456789012:assumed-role/dev/me", "access_key_id": "ASIA1", "region": "eu-west-1"}"#;
        let reply = Reply::parse(ours);
        assert_eq!((reply.is(ROLE), reply.key()), (Ok(()), Some("ASIA1")));
        let aws = "{\n \"Arn\": \"arn:aws:sts::123456789012:assumed-role/dev/me\"\n}";
        assert_eq!(
            (Reply::parse(aws).is(ROLE), Reply::parse(aws).key()),
            (Ok(()), None)
        );
        for not in [
            r#"{"error": "no credentials"}"#,
            "",
            r#"{"arn": "arn:aws:sts::123456789012:assumed-role/develop/me"}"#,
            r#"{"arn": "arn:aws:sts::210987654321:assumed-role/dev/me"}"#,
        ] {
            assert!(Reply::parse(not).is(ROLE).is_err(), "{not}");
        }
    }

    #[test]
    fn a_caller_answers_each_line() {
        let script =
            "n=0; while read -r line; do n=$((n + 1)); echo \"{\\\"error\\\": \\\"$n\\\"}\"; done";
        let mut caller = Caller::start(Command::new("sh").args(["-c", script]));
        assert_eq!(caller.ask(), Reply::Error("1".into()));
        assert_eq!(caller.ask(), Reply::Error("2".into()));
        assert_eq!(caller.finish().code(), Some(0));
    }
}
