//! The questions that are open, and those just answered with no. A state machine; time is passed in.

use std::time::Duration;

use super::asker::Asker;
use super::consent::{Frequency, Question};
use super::{OPEN, Wish};
use crate::clock::Now;

/// How many questions may be open: nobody reads more, and a program must not fill the memory with them.
pub(super) const MOST: usize = 64;

/// How long a no is remembered, so that who asks in a loop does not ask the person in a loop.
pub(super) const DENIED: Duration = Duration::from_mins(1);

/// An open question.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) question: Question,
    pub(super) frequency: Frequency,
    /// Who asked first.
    pub(super) asker: Asker,
    pub(super) asked: Now,
    pub(super) closes: Now,
    /// How many wait for the answer.
    pub(super) waiting: u32,
}

/// How a question stands.
pub(super) enum Stands<'a> {
    /// It is open; true if it was not before.
    Open(&'a Entry, bool),
    Denied,
    Full,
}

/// All questions.
#[derive(Debug, Default)]
pub(super) struct Queue {
    open: Vec<Entry>,
    denied: Vec<Denied>,
}

/// A no.
#[derive(Debug)]
struct Denied {
    question: Question,
    asker: Asker,
    end: Now,
}

impl Denied {
    /// Whether it is the answer to `wish`, too: to the same question, or to one from the same program in the same
    /// session. A loop asks with a new process each time, and where that has no terminal each is a question of its own.
    fn answers(&self, wish: &Wish) -> bool {
        let (question, other) = (&self.question, &wish.question);
        let (process, next) = (&self.asker.process, &wish.asker.process);
        let same_role =
            (question.uid, &question.role, &question.step) == (other.uid, &other.role, &other.step);
        let alike = process.sid != 0
            && process.sid == next.sid
            && (&process.exe, &process.script) == (&next.exe, &next.script);
        question == other || (same_role && alike)
    }
}

impl Queue {
    /// Puts a question, unless it is open already or was just denied.
    pub(super) fn ask(&mut self, wish: &Wish, id: impl Fn() -> String, now: Now) -> Stands<'_> {
        self.expire(now);
        if self.denied.iter().any(|denied| denied.answers(wish)) {
            return Stands::Denied;
        }
        if let Some(at) = self.position(&wish.question) {
            return Stands::Open(&self.open[at], false);
        }
        if self.open.len() >= MOST {
            return Stands::Full;
        }
        let id = loop {
            let id = id();
            if self.open.iter().all(|entry| entry.id != id) {
                break id;
            }
        };
        self.open.push(Entry {
            id,
            question: wish.question.clone(),
            frequency: wish.frequency,
            asker: wish.asker.clone(),
            asked: now,
            closes: now.plus(OPEN),
            waiting: 0,
        });
        Stands::Open(&self.open[self.open.len() - 1], true)
    }

    /// Counts one who waits, or has stopped waiting.
    pub(super) fn waits(&mut self, question: &Question, begins: bool) {
        if let Some(at) = self.position(question) {
            let waiting = &mut self.open[at].waiting;
            *waiting = if begins {
                waiting.saturating_add(1)
            } else {
                waiting.saturating_sub(1)
            };
        }
    }

    /// What is open, oldest first.
    pub(super) fn open(&mut self, now: Now) -> impl Iterator<Item = &Entry> {
        self.expire(now);
        self.open.iter()
    }

    /// The open question of that id.
    pub(super) fn find(&mut self, id: &str, now: Now) -> Option<&Entry> {
        self.open(now).find(|entry| entry.id == id)
    }

    /// Takes an answered question out; a no is remembered for a while.
    pub(super) fn close(&mut self, id: &str, denied: bool, now: Now) -> Option<Entry> {
        self.expire(now);
        let at = self.open.iter().position(|entry| entry.id == id)?;
        let entry = self.open.remove(at);
        if denied {
            // No more than could be open: the oldest no is the first to be asked again anyway.
            if self.denied.len() >= MOST {
                self.denied.remove(0);
            }
            self.denied.push(Denied {
                question: entry.question.clone(),
                asker: entry.asker.clone(),
                end: now.plus(DENIED),
            });
        }
        Some(entry)
    }

    /// Drops what is open. A no stays: who was told one does not get to ask again by locking and unlocking.
    pub(super) fn drop_open(&mut self) {
        self.open.clear();
    }

    fn position(&self, question: &Question) -> Option<usize> {
        self.open
            .iter()
            .position(|entry| entry.question == *question)
    }

    fn expire(&mut self, now: Now) {
        self.open.retain(|entry| !now.reached(entry.closes));
        self.denied.retain(|denied| !now.reached(denied.end));
    }
}
