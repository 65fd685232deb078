//! Who may answer: a person at a terminal that the asker has nothing to do with. Pure.
//!
//! A program must not consent for itself. It could start `rolecall approve` as its child, in its own terminal,
//! or in a terminal that it makes for the purpose; so an answer is refused from the asker and what descends
//! from it, from its terminal session, from whatever was started within that session, and from inside the
//! lease that it uses. An asker without a terminal has a session, too, and so all of this holds for it: where
//! the whole desktop is one session, its questions are answered on another console or over ssh.
//!
//! A process of the same user that is determined can leave its session and hide where it comes from
//! (two forks and a pseudo-terminal). This is a fence and a witness, not a wall: the ledger has who answered.

use crate::peer::{self, Peer, Process};

use super::asker::Asker;

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answerer {
    /// Its uid, as the kernel says.
    pub uid: u32,
    /// Whom the daemon belongs to: they also answer for who asks through a lease of theirs as another uid, from
    /// inside a container.
    pub owner: u32,
    /// The process at the other end of the connection.
    pub process: Option<Process>,
    /// What it descends from, nearest first.
    pub ancestors: Vec<Process>,
}

impl Answerer {
    /// What is known of a peer. Reads `/proc`, so off the reading path.
    pub fn of(peer: &Peer, owner: u32) -> Self {
        let process = peer.process.clone();
        Self {
            uid: peer.uid,
            owner,
            ancestors: process.as_ref().map(peer::ancestors).unwrap_or_default(),
            process,
        }
    }
}

/// Why somebody may not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotYou {
    /// Its process cannot be told.
    #[error("the answering process cannot be told")]
    Unknown,
    /// It is another user's.
    #[error("another user asked")]
    OtherUser,
    /// It has no terminal.
    #[error("an answer needs a terminal, so that a person can have given it")]
    NoTerminal,
    /// It is the asker, or descends from it.
    #[error("the answer comes from the asking program itself")]
    Descends,
    /// It is in the asker's terminal session.
    #[error("the answer comes from the terminal of the asking program")]
    SameSession,
    /// It was started from within that session.
    #[error("the answer comes from a terminal that was opened within the asking program's session")]
    FromSession,
    /// It is inside the lease that the asker uses.
    #[error("the answer comes from inside the lease that asks")]
    InLease,
}

/// Whether `answerer` may answer what `asker` makes a person be asked.
pub fn may_answer(asker: &Asker, answerer: &Answerer) -> Result<(), NotYou> {
    let process = answerer.process.as_ref().ok_or(NotYou::Unknown)?;
    if answerer.uid != asker.consumer.uid && answerer.uid != answerer.owner {
        return Err(NotYou::OtherUser);
    }
    let line = || std::iter::once(process).chain(&answerer.ancestors);
    let descends_from =
        |pid, started| line().any(|one| (one.pid, one.start_time) == (pid, started));
    let own = &asker.process;
    if descends_from(own.pid, own.start_time) {
        return Err(NotYou::Descends);
    }
    if let Some((pid, started)) = asker.lease.as_ref().and_then(|lease| lease.leader)
        && (descends_from(pid, started) || process.sid == pid)
    {
        return Err(NotYou::InLease);
    }
    let Some(terminal) = &process.tty else {
        return Err(NotYou::NoTerminal);
    };
    let same_terminal = own.tty.as_ref() == Some(terminal);
    // 0 is a session whose leader cannot be seen from here; terminals tell such sessions apart.
    let same_session = own.sid == process.sid && (own.sid != 0 || own.tty.is_none());
    if same_terminal || same_session {
        return Err(NotYou::SameSession);
    }
    let from_session = answerer
        .ancestors
        .iter()
        .any(|ancestor| own.sid != 0 && ancestor.sid == own.sid);
    if from_session {
        return Err(NotYou::FromSession);
    }
    Ok(())
}

#[cfg(test)]
#[path = "answerer_tests.rs"]
mod tests;
