//! What the doors tell the ledger and `status`: first serves and refusals (DESIGN rule 11).
//!
//! A first serve on the socket is recorded with the answer or, if the consumer waits for our own client, right
//! after it. On the TCP doors the process is found by
//! searching `/proc`, which takes milliseconds; so it happens after the answer, on a thread of its own,
//! one search at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::metrics::Metrics;
use super::needs::{RoleInForce, WhoIs, Witness};
use super::readers::Readers;
use super::refusals::Refusals;
use super::visitor::Visitor;
use crate::clock::{Now, Timestamp};
use crate::ledger::{Event, Record, SessionRecord};
use crate::peer::Consumer;
use crate::recipe::{Call, Role};
use crate::session::Served;

/// How many first serves may wait for their process to be found; one listener's worth of connections.
const LOOKUPS: usize = 1024;

/// Writes first serves and refusals.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Records {
    witness: Arc<dyn Witness>,
    metrics: Arc<Metrics>,
    readers: Readers,
    refusals: Mutex<Refusals>,
    lookups: mpsc::Sender<FirstServe>,
}

/// A session that somebody got for the first time, as far as their connection knows.
struct FirstServe {
    visitor: Arc<Visitor>,
    record: Record,
    access_key_id: String,
    end: Timestamp,
    at: Timestamp,
}

impl Records {
    /// Writes to `witness` and counts in `metrics`; the second value is the task that finds processes.
    pub fn new(
        witness: Arc<dyn Witness>,
        whois: Arc<dyn WhoIs>,
        metrics: Arc<Metrics>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let (lookups, mut queue) = mpsc::channel::<FirstServe>(LOOKUPS);
        let records = Arc::new(Self {
            witness,
            metrics,
            readers: Readers::default(),
            refusals: Mutex::default(),
            lookups,
        });
        let writer = Arc::downgrade(&records);
        let task = async move {
            while let Some(first) = queue.recv().await {
                find(&whois, &first.visitor).await;
                let Some(records) = writer.upgrade() else {
                    return;
                };
                records.write(first);
            }
        };
        (records, task)
    }

    /// `served` went to `visitor`.
    pub fn served(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        role: &dyn RoleInForce,
        served: &Arc<Served>,
        lease: Option<&str>,
        now: Now,
    ) {
        let (another, worth_noting) = visitor.given(served, now);
        if !worth_noting {
            return;
        }
        let role = role.role();
        if let Some(consumer) = visitor.consumer() {
            self.readers
                .read(role.name.as_str(), consumer, visitor.door, now.wall);
        }
        if !another {
            return;
        }
        let (access_key_id, end) = (&served.session.access_key_id, served.reported);
        let waits = visitor.waiting_key();
        if let Some(key) = &waits
            && !self.witness.first_serve(access_key_id, key, end)
        {
            let (records, visitor) = (Arc::clone(self), Arc::clone(visitor));
            let role = role.name.to_string();
            // Runs once the task that writes the answer pauses; for `status` alone.
            tokio::spawn(async move {
                records.seen(&visitor, Some(&role), now.wall);
            });
            return;
        }
        let first = FirstServe {
            visitor: Arc::clone(visitor),
            record: serve_record(visitor, role, served, lease),
            access_key_id: access_key_id.clone(),
            end,
            at: now.wall,
        };
        if waits.is_some() {
            // A consumer's first serve is recorded whole, and so read before the answer: a script whose last
            // word is our client is gone right after it.
            let consumer = self.seen(visitor, first.record.role.as_deref(), first.at);
            self.note(first, consumer);
        } else if visitor.consumer().is_some() {
            self.write(first);
        } else if let Err(full) = self.lookups.try_send(first) {
            self.write(full.into_inner());
        }
    }

    fn write(&self, first: FirstServe) {
        let consumer = self.seen(&first.visitor, first.record.role.as_deref(), first.at);
        // Nobody known is nobody in particular: a process that was gone before it could be looked for is not
        // taken for the one before it, so every connection of such counts as a consumer of its own.
        let is_first = consumer.process.is_none()
            || self
                .witness
                .first_serve(&first.access_key_id, &consumer.key(), first.end);
        if is_first {
            self.note(first, consumer);
        }
    }

    fn note(&self, first: FirstServe, consumer: Consumer) {
        self.witness.note(Record {
            consumer: Some(consumer),
            ..first.record
        });
    }

    /// Remembers the consumer, as far as it is known by now, for `status`.
    fn seen(&self, visitor: &Visitor, role: Option<&str>, at: Timestamp) -> Consumer {
        let unknown = Consumer {
            uid: visitor.uid(),
            process: None,
        };
        let consumer = visitor.complete().cloned().unwrap_or(unknown);
        if let Some(role) = role {
            self.readers.read(role, &consumer, visitor.door, at);
        }
        consumer
    }

    /// `visitor` was refused by `rule`.
    pub fn refused(&self, visitor: &Visitor, rule: &'static str, reason: &str, now: Now) {
        self.refuse(visitor, None, rule, reason, now);
    }

    /// `visitor` was refused `role` by `rule`.
    pub fn refused_role(
        &self,
        visitor: &Visitor,
        role: &str,
        rule: &'static str,
        reason: &str,
        now: Now,
    ) {
        self.refuse(visitor, Some(role.to_owned()), rule, reason, now);
    }

    fn refuse(
        &self,
        visitor: &Visitor,
        role: Option<String>,
        rule: &'static str,
        reason: &str,
        now: Now,
    ) {
        self.metrics.refused(visitor.door, rule);
        let uid = visitor.peer().map(|peer| peer.uid);
        let before = self
            .refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .offer((uid, visitor.door, rule, role.clone()), now.boot);
        let Some(before) = before else { return };
        let message = match before {
            0 => reason.to_owned(),
            n => format!("{reason}; {n} more since the last record of this kind"),
        };
        self.witness.note(Record {
            event: Event::Refused,
            role,
            door: Some(visitor.door),
            peer: visitor.peer().cloned(),
            consumer: visitor.complete().cloned(),
            rule: Some(rule.to_owned()),
            code: Some("refused".to_owned()),
            message: Some(message),
            ..Record::default()
        });
    }

    /// Who read what lately.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The ledger behind.
    pub fn witness(&self) -> &Arc<dyn Witness> {
        &self.witness
    }
}

/// Finds the process of a TCP connection, once for each connection.
pub(super) async fn find(whois: &Arc<dyn WhoIs>, visitor: &Visitor) {
    let (None, Some(owner)) = (visitor.consumer(), visitor.owner) else {
        return;
    };
    let whois = Arc::clone(whois);
    // A search that panicked found nobody.
    let process = tokio::task::spawn_blocking(move || whois.process_of(owner))
        .await
        .ok()
        .flatten();
    visitor.identify(Consumer {
        uid: owner.uid,
        process,
    });
}

fn serve_record(visitor: &Visitor, role: &Role, served: &Served, lease: Option<&str>) -> Record {
    let session = &served.session;
    Record {
        event: Event::Serve,
        role: Some(role.name.to_string()),
        role_arn: role_arn(role).map(str::to_owned),
        session: Some(SessionRecord::new(
            &session.access_key_id,
            &session.origin,
            session.issued.wall,
            session.expires,
        )),
        door: Some(visitor.door),
        peer: visitor.peer().cloned(),
        lease: lease.map(str::to_owned),
        ..Record::default()
    }
}

/// ARN of the IAM role at the recipe's end.
pub fn role_arn(role: &Role) -> Option<&str> {
    let recipe = role.recipe.as_ref().ok()?;
    match &recipe.last().call {
        Call::AssumeRole(call) => Some(call.role_arn.as_str()),
    }
}
