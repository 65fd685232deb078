//! One task a step: issues its session, renews it, answers for it.
//!
//! A reader goes `Keepers::role` → [`Entry::read`]: two pointer loads and a few atomic marks, no lock, no
//! task. Only who finds nothing valid waits ([`Entry::wait`]), and all who wait share one attempt.
//! `handle` is what readers and the task share, `task` drives `session::lifecycle`, `attempt` is one call
//! with the ledger's records around it, `registry` knows what is in force.

mod attempt;
mod changes;
mod handle;
mod names;
mod narrowed;
mod pin;
mod registry;
mod status;
mod task;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Duration;

use rolecall::api::{Code, Problem};

pub use narrowed::Narrowed;
pub use pin::Pin;

use self::handle::{Handle, Waited};
use self::pin::Of;
use self::registry::Registry;
use crate::clock::{BoxFuture, Now, SharedClock};
use crate::issue::{IssueError, Issuer};
use crate::ledger::{Ledger, Record, Unwritable};
use crate::recipe::{Narrowing, Role};
use crate::secrets::SharedRandom;
use crate::session::Served;

/// What keepers work with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Tools {
    /// Time.
    pub clock: SharedClock,
    /// Jitter and ids.
    pub random: SharedRandom,
    /// The caller of AWS.
    pub issuer: Arc<dyn Issuer>,
    /// The ledger.
    pub ledger: Arc<dyn Journal>,
    /// Where session-name ids are kept.
    pub state_directory: std::path::PathBuf,
    /// `{user}` of session names.
    pub user: String,
    /// `{host}` of session names.
    pub host: String,
    /// Called before an attempt: reloads the configuration if a file has changed (DESIGN rule 12).
    pub freshen: Arc<dyn Freshen>,
    /// Whether `keep_fresh` is heeded: a daemon for one question issues nothing unasked.
    pub keep_fresh: bool,
}

/// Where attempts and sessions are recorded. A trait, so that keepers can be tested without a disk.
pub trait Journal: Send + Sync {
    /// Writes a record and waits until it is on disk. An error only under `ledger_on_error = "refuse"`.
    fn commit(&self, record: Record) -> BoxFuture<'_, Result<(), Unwritable>>;
}

impl Journal for Ledger {
    fn commit(&self, record: Record) -> BoxFuture<'_, Result<(), Unwritable>> {
        Box::pin(Self::commit(self, record))
    }
}

/// Looks whether configuration files changed, and reloads if so.
pub trait Freshen: Send + Sync {
    /// Returns when the files as they are now are in force, or were found wanting.
    fn freshen(&self) -> BoxFuture<'_, ()>;
}

/// Every role and every step's keeper. Cheap to clone.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Keepers(Arc<Registry>);

impl Keepers {
    /// No roles yet.
    pub fn new(tools: Tools) -> Self {
        Self(Arc::new(Registry::new(tools)))
    }

    /// Puts `roles` in force: unchanged steps keep their sessions, removed ones end, remembered failures
    /// are forgotten. Returns what changed, one line each.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: new steps get their tasks here.
    pub fn apply(&self, roles: Vec<Role>, idle_after: Duration) -> Vec<String> {
        self.0.apply(roles, idle_after)
    }

    /// A role by name: a pointer load and a hash look-up.
    pub fn role(&self, name: &str) -> Option<Arc<Entry>> {
        self.0.table.load().by_name.get(name).cloned()
    }

    /// A role by its slug (HTTP doors).
    pub fn role_by_slug(&self, slug: &str) -> Option<Arc<Entry>> {
        self.0.table.load().by_slug.get(slug).cloned()
    }

    /// All roles, by name.
    pub fn roles(&self) -> Vec<Arc<Entry>> {
        self.0.table.load().ordered.clone()
    }

    /// A standing reader of a role, known yet or not; issues at once.
    pub fn pin(&self, role: &str) -> Pin {
        Pin(Some(self.0.pin(Of::Role(role.to_owned()))))
    }

    /// Narrows a role, known yet or not, for the lease `id`: a step and a session of their own, kept fresh until
    /// the value is dropped.
    pub fn narrow(&self, id: &str, role: &str, narrowing: Narrowing) -> Narrowed {
        Narrowed::new(&self.0, id, role, narrowing)
    }

    /// What was narrowed for the lease `id`. None if there is no role of that name any more, too.
    pub fn narrowed(&self, id: &str) -> Option<Arc<Entry>> {
        self.0.table.load().narrowed.get(id).cloned()
    }

    /// Ends all waiting (`not_ready`, "the daemon is stopping") and tells all tasks to end; attempts in
    /// flight get two seconds.
    pub fn shut_down(&self) {
        self.0.shut_down();
    }

    /// After [`Self::shut_down`]: returns when every task has ended and its last record is with the ledger.
    pub async fn stopped(&self) {
        self.0.stopped().await;
    }
}

/// A role in force.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Entry {
    /// The role.
    pub role: Role,
    /// Its name on HTTP doors.
    pub slug: String,
    /// The lease that it was narrowed for; None of a role as it is configured.
    pub lease: Option<String>,
    steps: Vec<Arc<Handle>>,
    registry: Weak<Registry>,
    clock: SharedClock,
}

impl Entry {
    /// The session, if a valid one is held: no lock, no wait. Counts as a read of the step and its
    /// parents, and wakes the keeper if a renewal is due.
    pub fn read(&self, now: Now) -> Option<Arc<Served>> {
        let (last, parents) = self.steps.split_last()?;
        let served = last.valid(now)?;
        last.mark_read(now);
        for parent in parents {
            parent.mark_read(now);
        }
        Some(served)
    }

    /// The session, waiting at most `limit` for AWS (which this call itself may ask). The attempt goes on when
    /// the caller goes away. When a reload retires this entry meanwhile the answer is `NotReady` at once: the
    /// doors look the role up anew.
    pub async fn wait(&self, limit: Duration) -> Result<Arc<Served>, NoSession> {
        let deadline = self.clock.now().plus(limit);
        self.wait_until(deadline).await.map_err(answer)
    }

    async fn wait_until(&self, deadline: Now) -> Result<Arc<Served>, Waited> {
        if let Some(served) = self.read(self.clock.now()) {
            return Ok(served);
        }
        if let Some(registry) = self.registry.upgrade().filter(|_| self.is_stuck()) {
            // No attempt will look at the files before this answer; the mistake may be mended.
            tokio::select! {
                () = registry.tools.freshen.freshen() => {}
                () = self.clock.sleep_until(deadline) => {}
            }
        }
        let last = match &self.role.recipe {
            Ok(_) => self.steps.last().expect("a recipe has at least one step"),
            Err(unusable) => {
                return Err(Waited::Answer(NoSession::Unusable(Problem {
                    code: Code::Unusable,
                    message: unusable.reason.clone(),
                    hint: unusable.hint.clone(),
                })));
            }
        };
        let served = last.wait(&self.clock, deadline).await?;
        self.read(self.clock.now());
        Ok(served)
    }

    /// Whether the answer is known without an attempt: unusable, or refused a moment ago.
    fn is_stuck(&self) -> bool {
        let now = self.clock.now();
        self.steps.last().is_none_or(|last| last.is_refusing(now))
    }

    /// Counts as a reader until dropped (or `idle_after` without a real read), and issues at once.
    pub fn pin(&self) -> Pin {
        let registry = self.registry.upgrade();
        Pin(registry.map(|registry| registry.pin(self.of())))
    }

    fn of(&self) -> Of {
        match &self.lease {
            Some(id) => Of::Lease(id.clone()),
            None => Of::Role(self.role.name.to_string()),
        }
    }

    /// What GetCallerIdentity answers with `served`: account, ARN, user id.
    pub async fn identity(&self, served: &Served) -> Result<(String, String, String), NoSession> {
        let (Some(registry), Ok(recipe)) = (self.registry.upgrade(), &self.role.recipe) else {
            return Err(answer(Waited::Retired));
        };
        let step = recipe.last();
        let signer = attempt::signer_of_session(&served.session);
        let result = registry
            .tools
            .issuer
            .identity(signer, step.call.clone())
            .await;
        result.map_err(|error: IssueError| attempt::answer(&error, &step.label))
    }
}

fn answer(waited: Waited) -> NoSession {
    match waited {
        Waited::Answer(answer) => answer,
        Waited::Retired => NoSession::NotReady(Problem {
            code: Code::NotReady,
            message: "the configuration has just changed".to_owned(),
            hint: Some("ask again".to_owned()),
        }),
    }
}

/// Why there is no session to give (DESIGN, table of answers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// AWS is still being asked, or the daemon is stopping.
    NotReady(Problem),
    /// Known, but cannot work as configured.
    Unusable(Problem),
    /// AWS cannot be reached; nothing valid is held.
    AwsUnavailable(Problem),
    /// AWS refuses; nothing valid is held.
    AwsDenied(Problem),
    /// The ledger cannot be written and the configuration says to refuse.
    LedgerUnavailable(Problem),
}

impl NoSession {
    /// What the socket and container doors say.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::NotReady(problem)
            | Self::Unusable(problem)
            | Self::AwsUnavailable(problem)
            | Self::AwsDenied(problem)
            | Self::LedgerUnavailable(problem) => problem,
        }
    }
}
