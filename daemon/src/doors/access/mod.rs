//! May this consumer have this role through this door, now? Asked before every session that a door hands
//! out, by all doors alike.
//!
//! In this order: the fences of leases and who a lease's token is good for, the lock, the role's `doors`, its `allow` with `uid` and `unit`, and a person's consent. Most
//! roles have no rules, and most of the time nothing is locked: [`Access::at_once`] says so from what is at
//! hand, without a lock. What takes more (a process to be looked up, a person to be asked) is left to
//! [`Access::decide`].

mod denial;
mod fence;
mod lock;
mod look;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall::api::{Door, Problem};

use super::needs::{RoleInForce, Roles, WhoIs, in_force};
use super::records::Records;
use super::visitor::Visitor;
use crate::challenge::asker::AskersLease;
use crate::challenge::consent::Question;
use crate::challenge::{Challenges, Standing, Wish};
use crate::clock::{Now, SharedClock, Timestamp};
use crate::lease::Lease;
use crate::recipe::Role;
use crate::recipe::rules::Confirm;
use fence::Gate;

pub use self::denial::Denial;
pub use self::fence::{Confined, Fence};
pub(super) use self::fence::{nothing_else, subject};
pub use self::lock::Lock;

/// How long `status` shows a role's last refusal.
const SHOWN: Duration = Duration::from_hours(1);

/// What is asked.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Asked<'a> {
    /// By whom, through which door.
    pub visitor: &'a Arc<Visitor>,
    /// For which role.
    pub role: &'a Arc<dyn RoleInForce>,
    /// With which lease's token, on the container door.
    pub lease: Option<&'a Arc<Lease>>,
}

impl<'a> Asked<'a> {
    /// The same about the role that is served in the place of the one asked for.
    fn of<'b>(self, role: &'b Arc<dyn RoleInForce>) -> Asked<'b>
    where
        'a: 'b,
    {
        Asked { role, ..self }
    }
}

/// The answer.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub enum Verdict {
    /// Yes: with the session of this role, which a lease may have put in the place of the one asked for.
    Yes(Arc<dyn RoleInForce>),
    /// No.
    No(Denial),
}

/// What decisions are made with.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Parts {
    /// Looks processes up.
    pub whois: Arc<dyn WhoIs>,
    /// Where refusals go.
    pub records: Arc<Records>,
    /// What people are asked.
    pub challenges: Challenges,
    /// The lock on the doors.
    pub lock: Lock,
    /// Time.
    pub clock: SharedClock,
}

/// Decides.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Access {
    parts: Parts,
    fence: Option<Fence>,
    /// The last refusal of each role, for `status`.
    last: Mutex<BTreeMap<String, (Timestamp, String)>>,
}

impl Access {
    /// Decides with these.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            fence: None,
            last: Mutex::default(),
        }
    }

    /// With the bounds and fences of leases.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Whether the process behind a Unix connection is inside a fence, whatever it asks for.
    pub fn confined(&self, visitor: &Visitor) -> Confined {
        let fence = self.fence.as_ref();
        fence.map_or(Confined::No, |fence| fence.confined(visitor))
    }

    /// Writes down that a fence refused something that is no role.
    pub fn refused_by_fence(&self, visitor: &Visitor, problem: &Problem) {
        let now = self.parts.clock.now();
        (self.parts.records).refused(visitor, fence::FENCE, &problem.message, now);
    }

    /// What people are asked.
    pub fn challenges(&self) -> &Challenges {
        &self.parts.challenges
    }

    /// The lock on the doors.
    pub fn lock(&self) -> &Lock {
        &self.parts.lock
    }

    /// The verdict, if it is yes and takes nothing that is not at hand.
    pub fn at_once(&self, asked: Asked<'_>) -> Option<Verdict> {
        let Gate::Open(role) = fence::at_once(self.fence.as_ref(), asked) else {
            return None;
        };
        let quick = self.quick(asked.of(&role));
        matches!(quick, Some(Ok(()))).then_some(Verdict::Yes(role))
    }

    /// Whether the visitor may know of the role, as far as that is at hand: yes, or None.
    pub fn admits_at_once(&self, asked: Asked<'_>) -> Option<()> {
        let Gate::Open(role) = fence::at_once(self.fence.as_ref(), asked) else {
            return None;
        };
        let rules = &role.role().rules;
        (rules.let_through(asked.visitor.door) && !rules.ask_who()).then_some(())
    }

    /// Whether the visitor may know of the role, whose rules and fences alone decide: for what tells of the role and is
    /// no session. What is locked, or not yet consented to, is no secret.
    pub async fn admits(&self, asked: Asked<'_>) -> Result<(), Denial> {
        let judged = match self.gate(asked).await {
            Ok(role) => self.judged(asked.of(&role)).await,
            Err(denial) => Err(denial),
        };
        judged.map_err(|denial| self.told(asked, denial))
    }

    async fn judged(&self, asked: Asked<'_>) -> Result<(), Denial> {
        let role = asked.role.role();
        if let Some(denial) = denial::of_door(role, asked.visitor.door) {
            return Err(denial);
        }
        look::judged(&self.parts.whois, asked)
            .await
            .map_err(|refused| denial::of_rule(role, asked.visitor, &refused))
    }

    /// The verdict, waiting at most `limit` for a person.
    pub async fn decide(&self, asked: Asked<'_>, limit: Duration) -> Verdict {
        let role = match self.gate(asked).await {
            Ok(role) => role,
            Err(denial) => return Verdict::No(self.told(asked, denial)),
        };
        let asked = asked.of(&role);
        let decided = match self.quick(asked) {
            Some(decided) => decided,
            // The look at a process or a person took its time.
            None => match self.slow(asked, limit).await {
                Ok(()) => self.locked(asked).map_or(Ok(()), Err),
                no => no,
            },
        };
        match decided {
            Ok(()) => Verdict::Yes(role),
            Err(denial) => Verdict::No(self.told(asked, denial)),
        }
    }

    /// The same about a yes, on the rules of `decided`, that was followed by a wait for AWS: meanwhile the doors may have
    /// been locked, or the role may have got other rules. Those in force now decide.
    pub async fn after_waiting(
        &self,
        roles: &dyn Roles,
        asked: Asked<'_>,
        decided: &Role,
    ) -> Result<(), Denial> {
        let now = in_force(roles, &**asked.role);
        if let Some(now) = now.filter(|now| now.role().rules != decided.rules)
            && let Verdict::No(denial) = self.decide(asked.of(&now), Duration::ZERO).await
        {
            return Err(denial);
        }
        self.not_locked(asked)
    }

    /// The same about the lock alone.
    pub fn not_locked(&self, asked: Asked<'_>) -> Result<(), Denial> {
        match self.locked(asked) {
            Some(denial) => Err(self.told(asked, denial)),
            None => Ok(()),
        }
    }

    /// Whether a lease of `role` may be made for `door`. That must be open to the role; who may have it is
    /// decided anew with each read, as the lease is for a command that is yet to be started. A consent is
    /// asked for now, while somebody looks: the second value is what it was given for, to be handed on to
    /// the lease ([`Self::leased`]).
    pub async fn decide_lease(
        &self,
        asked: Asked<'_>,
        door: Door,
        reason: Option<String>,
        limit: Duration,
    ) -> Result<Option<Question>, Denial> {
        let role = match self.gate(asked).await {
            Ok(role) => role,
            Err(denial) => return Err(self.told(asked, denial)),
        };
        let asked = asked.of(&role);
        let role = role.role();
        if let Some(denial) = self.locked(asked).or_else(|| denial::of_door(role, door)) {
            return Err(self.told(asked, denial));
        }
        if role.rules.confirm != Confirm::FirstUse {
            return Ok(None);
        }
        let lease = AskersLease {
            reason,
            ..AskersLease::default()
        };
        let wish = look::wish(&self.parts.whois, asked, Some(lease)).await;
        let question = wish.as_ref().map(|wish| wish.question.clone());
        match self.consent(role, wish, limit).await {
            Ok(()) => Ok(question),
            Err(denial) => Err(self.told(asked, denial)),
        }
    }

    /// A lease was made after the consent to `question`: it takes that over.
    pub fn leased(&self, question: &Question, lease: &Lease) {
        self.parts
            .challenges
            .hand_on(question, look::of_lease(question, lease.id()));
    }

    /// The last refusal of a role, for `status`.
    pub fn note(&self, role: &str, now: Now) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, text) = last.get(role)?;
        (now.wall.since(*at) < SHOWN).then(|| text.clone())
    }

    /// What the fences let through: the role to be served, which need not be the one asked for.
    async fn gate(&self, asked: Asked<'_>) -> Result<Arc<dyn RoleInForce>, Denial> {
        let fence = self.fence.as_ref();
        fence::identify(fence, &self.parts.whois, asked).await;
        match fence::at_once(fence, asked) {
            Gate::Open(role) => Ok(role),
            Gate::Closed(denial) => Err(denial),
            Gate::Unknown => Err(fence::of_unknown()),
        }
    }

    /// The verdict, if it takes nothing that is not at hand.
    fn quick(&self, asked: Asked<'_>) -> Option<Result<(), Denial>> {
        if let Some(denial) = self.locked(asked) {
            return Some(Err(denial));
        }
        let role = asked.role.role();
        if role.rules.is_empty() {
            return Some(Ok(()));
        }
        if let Some(denial) = denial::of_door(role, asked.visitor.door) {
            return Some(Err(denial));
        }
        let asks = role.rules.ask_who() || role.rules.confirm != Confirm::Never;
        (!asks).then_some(Ok(()))
    }

    fn locked(&self, asked: Asked<'_>) -> Option<Denial> {
        let since = self.parts.lock.since()?;
        let exempt = asked.lease.is_some_and(|lease| lease.through_lock());
        (!exempt).then(|| denial::of_lock(since))
    }

    /// The verdict that takes a look at the consumer's process, and perhaps a person.
    async fn slow(&self, asked: Asked<'_>, limit: Duration) -> Result<(), Denial> {
        let role = asked.role.role();
        look::judged(&self.parts.whois, asked)
            .await
            .map_err(|refused| denial::of_rule(role, asked.visitor, &refused))?;
        if role.rules.confirm == Confirm::Never {
            return Ok(());
        }
        let lease = asked.lease.map(look::askers_lease);
        let wish = look::wish(&self.parts.whois, asked, lease).await;
        // Consent to a lease is consent to whoever holds it.
        let leased = asked.lease.zip(wish.as_ref()).is_some_and(|(lease, wish)| {
            let question = look::of_lease(&wish.question, lease.id());
            self.parts.challenges.is_granted(&question, wish.frequency)
        });
        if leased {
            return Ok(());
        }
        self.consent(role, wish, limit).await
    }

    async fn consent(
        &self,
        role: &Role,
        wish: Option<Wish>,
        limit: Duration,
    ) -> Result<(), Denial> {
        let Some(wish) = wish else {
            return Err(denial::of_unknown(role));
        };
        match self.parts.challenges.consent(&wish, limit).await {
            Standing::Granted => Ok(()),
            Standing::Denied => Err(denial::of_no(role)),
            Standing::Open(open) => Err(denial::of_open(open)),
            Standing::Full => Err(denial::of_full()),
            Standing::Dropped => Err(self
                .parts
                .lock
                .since()
                .map_or_else(denial::of_dropped, denial::of_lock)),
        }
    }

    /// Writes a refusal down.
    fn told(&self, asked: Asked<'_>, denial: Denial) -> Denial {
        let (rule, problem) = match &denial {
            Denial::Locked(problem) => ("lock", problem),
            Denial::Refused(rule, problem) => (*rule, problem),
            Denial::PersonNeeded(..) => return denial,
        };
        let (now, role) = (self.parts.clock.now(), asked.role.role().name.as_str());
        self.parts
            .records
            .refused_role(asked.visitor, role, rule, &problem.message, now);
        if rule != "lock" {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let text = format!("{}: {rule}: {}", now.wall, problem.message);
            last.insert(role.to_owned(), (now.wall, text));
        }
        denial
    }
}
