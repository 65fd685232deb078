//! What only a person can answer: the queue of questions, who may answer them, and what an answer is good for.
//!
//! A question is asked once however many callers wait for it (DESIGN rule 8). Callers wait for the queue to
//! change and look again; nothing here runs by itself, so an idle queue wakes nobody. [`queue`], [`consent`]
//! and [`answerer`] decide, and have no clock of their own.

pub mod answerer;
pub mod asker;
pub mod consent;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rolecall::api::{ChallengeAnswer, ChallengeKind, ChallengeStatus};
use tokio::sync::watch;

use self::answerer::{Answerer, NotYou};
use self::asker::Asker;
use self::consent::{Consents, Frequency, Question};
use self::queue::{Entry, Queue, Stands};
use crate::clock::SharedClock;
use crate::ledger::{Event, Record};
use crate::peer::Peer;
use crate::secrets::SharedRandom;

/// How long a question stays open.
pub const OPEN: Duration = Duration::from_mins(2);

/// What challenges work with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Tools {
    /// Time.
    pub clock: SharedClock,
    /// Ids.
    pub random: SharedRandom,
    /// Writes to the ledger.
    pub note: Arc<dyn Fn(Record) + Send + Sync>,
}

/// A consent that is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What is asked; equal questions are one.
    pub question: Question,
    /// How often.
    pub frequency: Frequency,
    /// By whom.
    pub asker: Asker,
}

/// How a wish stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A person has said yes.
    Granted,
    /// A person has said no, less than a minute ago.
    Denied,
    /// A person is asked.
    Open(Box<ChallengeStatus>),
    /// So many questions are open that no other is put.
    Full,
    /// The question was dropped by [`Challenges::forget`] while this caller waited.
    Dropped,
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nothing of that id is open.
    #[error("no such question is open")]
    NotFound,
    /// It is not for this answerer.
    #[error(transparent)]
    NotYou(#[from] NotYou),
    /// An answer to something else.
    #[error("that is no answer to this question")]
    WrongKind,
}

/// All challenges. Cheap to clone.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Challenges(Arc<Inner>);

struct Inner {
    tools: Tools,
    state: Mutex<State>,
    /// Changes with every answer; its value means nothing.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    consents: Consents,
    /// How often everything was forgotten.
    forgotten: u64,
}

impl Challenges {
    /// Nothing asked, nothing remembered.
    pub fn new(tools: Tools) -> Self {
        Self(Arc::new(Inner {
            tools,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// Asks for a consent and waits at most `limit` for the answer. The question stays open for
    /// [`OPEN`], whoever has stopped waiting.
    pub async fn consent(&self, wish: &Wish, limit: Duration) -> Standing {
        let clock = &self.0.tools.clock;
        let end = clock.now().plus(limit);
        let mut changes = self.0.changed.subscribe();
        let forgotten = self.state().forgotten;
        loop {
            changes.borrow_and_update();
            if self.state().forgotten != forgotten {
                return Standing::Dropped;
            }
            let (standing, closes) = self.look(wish);
            let (Standing::Open(_), Some(closes)) = (&standing, closes) else {
                return standing;
            };
            let now = clock.now();
            if now.reached(end) {
                return standing;
            }
            let waiting = Waiting::begin(self, &wish.question);
            let first = if now.until(end) < now.until(closes) {
                end
            } else {
                closes
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = clock.sleep_until(first) => {}
            }
            drop(waiting);
        }
    }

    /// How a wish stands now; puts the question if it has to be asked. With the moment it closes.
    fn look(&self, wish: &Wish) -> (Standing, Option<crate::clock::Now>) {
        let now = self.0.tools.clock.now();
        let mut state = self.state();
        if state.consents.take(&wish.question, wish.frequency, now) {
            return (Standing::Granted, None);
        }
        let id = || {
            let mut bytes = [0; 4];
            self.0.tools.random.fill(&mut bytes);
            format!("{:08x}", u32::from_le_bytes(bytes))
        };
        match state.queue.ask(wish, id, now) {
            Stands::Open(entry, fresh) => {
                let (open, closes) = (status(entry), entry.closes);
                drop(state);
                if fresh {
                    self.note(Event::Asked, &open, &wish.asker, None);
                }
                (Standing::Open(Box::new(open)), Some(closes))
            }
            Stands::Denied => (Standing::Denied, None),
            Stands::Full => (Standing::Full, None),
        }
    }

    /// Whether a question is consented to already; asks nobody.
    pub fn is_granted(&self, question: &Question, frequency: Frequency) -> bool {
        let now = self.0.tools.clock.now();
        self.state().consents.take(question, frequency, now)
    }

    /// Remembers for `to` what was consented to for `from`: a lease takes over the consent that it was made
    /// with.
    pub fn hand_on(&self, from: &Question, to: Question) {
        let now = self.0.tools.clock.now();
        self.state().consents.hand_on(from, to, now);
    }

    /// What is open, oldest first.
    pub fn list(&self) -> Vec<ChallengeStatus> {
        let now = self.0.tools.clock.now();
        self.state().queue.open(now).map(status).collect()
    }

    /// Takes an answer to the question of that id.
    pub fn answer(
        &self,
        id: &str,
        answer: ChallengeAnswer,
        answerer: &Answerer,
        peer: Option<Peer>,
    ) -> Result<ChallengeStatus, NotTaken> {
        let now = self.0.tools.clock.now();
        let mut state = self.state();
        let entry = state.queue.find(id, now).ok_or(NotTaken::NotFound)?;
        answerer::may_answer(&entry.asker, answerer)?;
        let ChallengeAnswer::Consent { approve } = answer else {
            return Err(NotTaken::WrongKind);
        };
        let entry = state
            .queue
            .close(id, !approve, now)
            .ok_or(NotTaken::NotFound)?;
        if approve {
            state
                .consents
                .give(entry.question.clone(), entry.frequency, entry.waiting, now);
        }
        drop(state);
        let closed = status(&entry);
        let event = if approve {
            Event::Approved
        } else {
            Event::Denied
        };
        self.note(event, &closed, &entry.asker, peer);
        self.0.changed.send_replace(());
        Ok(closed)
    }

    /// Forgets every consent and drops every question: those who wait are told so.
    pub fn forget(&self) {
        let mut state = self.state();
        state.queue.drop_open();
        state.consents = Consents::default();
        state.forgotten += 1;
        drop(state);
        self.0.changed.send_replace(());
    }

    fn note(&self, event: Event, open: &ChallengeStatus, asker: &Asker, peer: Option<Peer>) {
        (self.0.tools.note)(Record {
            event,
            role: Some(open.role.clone()),
            door: Some(asker.door),
            peer,
            consumer: Some(asker.consumer.clone()),
            lease: asker.lease.as_ref().map(|lease| lease.id.clone()),
            challenge: Some(open.id.clone()),
            message: open.reason.clone(),
            ..Record::default()
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Someone who waits for an answer; counted until dropped.
struct Waiting<'a> {
    challenges: &'a Challenges,
    question: &'a Question,
}

impl<'a> Waiting<'a> {
    fn begin(challenges: &'a Challenges, question: &'a Question) -> Self {
        challenges.state().queue.waits(question, true);
        Self {
            challenges,
            question,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.challenges.state().queue.waits(self.question, false);
    }
}

/// As the API shows it.
fn status(entry: &Entry) -> ChallengeStatus {
    let asker = &entry.asker;
    let shown = asker.shown();
    let who = match shown.pid {
        Some(pid) => format!("{} ({pid})", shown.name),
        None => shown.name.clone(),
    };
    let role = entry.question.role.clone();
    ChallengeStatus {
        id: entry.id.clone(),
        kind: ChallengeKind::Consent,
        message: format!("{who} asks for role {role}, and a person must approve that"),
        hint: Some(format!(
            "in another terminal: rolecall approve {id}, or rolecall deny {id}",
            id = entry.id
        )),
        role,
        reason: asker.reason(),
        asker: shown,
        waiting: entry.waiting,
        asked: entry.asked.wall.to_string(),
        deadline: entry.closes.wall.to_string(),
    }
}

#[cfg(test)]
mod tests;
