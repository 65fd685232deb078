//! Who makes a person be asked, and what a consent given to them is remembered for.

use std::path::Path;

use rolecall::api::{ChallengeAsker, Door};

use super::consent::{Place, Question};
use crate::peer::{self, Consumer, Executable, Process};
use crate::recipe::Role;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The consumer.
    pub consumer: Consumer,
    /// Its process.
    pub process: Process,
    /// Through which door.
    pub door: Door,
    /// The lease it uses, or is about to be given.
    pub lease: Option<AskersLease>,
}

/// A lease, as far as a consent has to do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskersLease {
    /// Its id; empty before it is made.
    pub id: String,
    /// Why it was made.
    pub reason: Option<String>,
    /// The process that it ends with, by pid and start time.
    pub leader: Option<(u32, u64)>,
}

impl Asker {
    /// None if the consumer's process is unknown: a person can say nothing about nobody.
    pub fn new(consumer: &Consumer, door: Door, lease: Option<AskersLease>) -> Option<Self> {
        Some(Self {
            process: consumer.process.clone()?,
            consumer: consumer.clone(),
            door,
            lease,
        })
    }

    /// For people.
    pub(super) fn shown(&self) -> ChallengeAsker {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let process = &self.process;
        ChallengeAsker {
            uid: self.consumer.uid,
            name: self.consumer.name(),
            pid: Some(process.pid),
            exe: process.exe.as_deref().map(path),
            script: process.script.clone(),
            terminal: process.tty.clone(),
            cwd: process.cwd.as_deref().map(path),
        }
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.lease.as_ref()?.reason.clone()
    }

    /// What is asked for, and so what an answer is remembered for. Reads `/proc`, so off the reading path.
    pub fn question(&self, role: &Role) -> Question {
        let leader = Some(self.process.sid)
            .filter(|sid| *sid > 0)
            .and_then(peer::process);
        self.question_with(role, Executable::of(&self.process), leader)
    }

    /// The same, from what was read: what the process runs, and who leads its session.
    fn question_with(
        &self,
        role: &Role,
        exe: Option<Executable>,
        leader: Option<Process>,
    ) -> Question {
        let process = &self.process;
        let program = exe.and_then(|exe| program(process, &exe));
        let lease = self.lease.as_ref().filter(|lease| !lease.id.is_empty());
        let place = match (lease, leader, &program) {
            (Some(lease), _, _) => Place::Lease(lease.id.clone()),
            (None, Some(leader), Some(_)) if process.tty.is_some() => Place::Session {
                leader: leader.pid,
                started: leader.start_time,
            },
            _ => Place::Process {
                pid: process.pid,
                started: process.start_time,
            },
        };
        Question {
            uid: self.consumer.uid,
            role: role.name.to_string(),
            step: role
                .recipe
                .as_ref()
                .ok()
                .map(|recipe| recipe.last().fingerprint),
            program,
            place,
        }
    }
}

/// The name under which a program is remembered: the file it runs (path and number: a replaced one is
/// another), and the script behind an interpreter. None where there is no such name: an interpreter that runs
/// what it was told on its command line, or what somebody types, might run anything.
fn program(process: &Process, exe: &Executable) -> Option<String> {
    let file = format!("{}:{}:{}", exe.device, exe.inode, exe.path.display());
    if !peer::is_interpreter(&exe.path) {
        return Some(file);
    }
    let script = process.script.as_deref()?;
    // A module's name means something else in another directory, too.
    let place = process.cwd.as_deref()?;
    Some(format!("{file} {}", place.join(script).display()))
}

#[cfg(test)]
#[path = "asker_tests.rs"]
mod tests;
