//! One attempt at a step, from the look at the configuration's files to the ledger's last word.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall::api::{Code, Problem};

use super::handle::{Handle, Orders, Parent, Standing, Waited};
use super::names::{self, Ids};
use super::{NoSession, Tools};
use crate::issue::{Attempt, Class, IssueError, Signer};
use crate::ledger::{Event, Record, SessionRecord, Unwritable};
use crate::recipe::{Call, SessionName, StaticKeys};
use crate::session::lifecycle::Failure;
use crate::session::{Served, Session};

/// How long a child waits for its parent: longer than any attempt with its one repetition.
const PARENT: Duration = Duration::from_mins(3);

/// How an attempt ended.
pub(super) enum Outcome {
    /// With a session, recorded.
    Issued(Arc<Served>),
    /// With none.
    Failed { answer: NoSession, failure: Failure },
    /// The step is no longer in force; AWS was not asked.
    Abandoned,
}

/// The record of a call in flight: while there is one, AWS may issue a session that is not in the ledger
/// yet.
pub(super) type InFlight = Arc<Mutex<Option<Record>>>;

/// What an attempt works with.
pub(super) struct Worker {
    pub(super) handle: Arc<Handle>,
    pub(super) tools: Arc<Tools>,
    pub(super) ids: Arc<Ids>,
    pub(super) in_flight: InFlight,
}

impl Worker {
    /// Makes the attempt. A budget of calls a second belongs before [`Self::call`].
    pub(super) async fn run(self) -> Outcome {
        self.tools.freshen.freshen().await;
        if self.handle.standing() != Standing::Live {
            return Outcome::Abandoned;
        }
        let orders = self.handle.orders();
        let (signer, parent) = match &orders.parent {
            Parent::Keys(keys) => (signer_of_keys(keys), None),
            Parent::Step(parent) => {
                let deadline = self.tools.clock.now().plus(PARENT);
                match parent.wait(&self.tools.clock, deadline).await {
                    Ok(served) => (signer_of_session(&served.session), Some(parent)),
                    Err(waited) => return no_parent(waited),
                }
            }
        };
        let dead = signer.access_key_id.clone();
        match (self.call(&orders, signer).await, parent) {
            (Err(Problems::Aws(error)), Some(parent)) if error.class == Class::ParentDead => {
                let deadline = self.tools.clock.now().plus(PARENT);
                match parent.wait_newer(&dead, &self.tools.clock, deadline).await {
                    Ok(served) => {
                        let signer = signer_of_session(&served.session);
                        outcome(self.call(&orders, signer).await, &orders)
                    }
                    Err(waited) => no_parent(waited),
                }
            }
            (result, _) => outcome(result, &orders),
        }
    }

    /// One call, with the ledger's records around it (DESIGN rule 11).
    async fn call(&self, orders: &Orders, signer: Signer) -> Result<Arc<Served>, Problems> {
        let Call::AssumeRole(call) = &orders.call;
        let session_name = match &call.session_name {
            SessionName::Verbatim(name) => name.clone(),
            SessionName::Template(template) => names::render(
                template,
                &self.tools.user,
                &self.tools.host,
                &self.ids.get(&self.handle.fingerprint),
            ),
        };
        let record = Record {
            role: Some(orders.roles.clone()),
            lease: orders.leases.clone(),
            role_arn: Some(call.role_arn.as_str().to_owned()),
            step: Some(format!("{:?}", self.handle.fingerprint)),
            session: Some(SessionRecord {
                session_name: session_name.clone(),
                source_identity: call.source_identity.clone(),
                sts_region: call.sts.region.clone(),
                parent_akid: signer.access_key_id.clone(),
                ..SessionRecord::default()
            }),
            ..Record::default()
        };
        self.commit(Event::Attempt, record.clone()).await?;
        self.set_in_flight(Some(record.clone()));
        tracing::debug!(
            roles = orders.roles,
            role_arn = call.role_arn.as_str(),
            session_name,
            signed_with = signer.access_key_id,
            "asking AWS"
        );
        let result = self
            .tools
            .issuer
            .issue(Attempt {
                call: orders.call.clone(),
                signer,
                session_name,
            })
            .await;
        let recorded = match &result {
            Ok(session) => {
                let session = SessionRecord::new(
                    &session.access_key_id,
                    &session.origin,
                    session.issued.wall,
                    session.expires,
                );
                let record = Record {
                    session: Some(session),
                    ..record
                };
                self.commit(Event::Issued, record).await
            }
            Err(error) => {
                let event = if error.sent {
                    Event::Unknown
                } else {
                    Event::Failed
                };
                let mut record = record;
                if let Some(session) = &mut record.session {
                    session.sts_request_id.clone_from(&error.request_id);
                }
                record.code = Some(error.code.clone());
                record.message = Some(error.message.clone());
                self.commit(event, record).await
            }
        };
        self.set_in_flight(None);
        let session = result.map_err(Problems::Aws)?;
        recorded?;
        Ok(Arc::new(Served::new(session)))
    }

    fn set_in_flight(&self, record: Option<Record>) {
        *self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = record;
    }

    async fn commit(&self, event: Event, record: Record) -> Result<(), Problems> {
        let record = Record { event, ..record };
        self.tools
            .ledger
            .commit(record)
            .await
            .map_err(Problems::Ledger)
    }
}

/// What the ledger says of a call that was cut off by the daemon's end; None if none was in flight.
pub(super) fn cut_off(in_flight: &InFlight) -> Option<Record> {
    let record = in_flight
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()?;
    Some(Record {
        event: Event::Unknown,
        code: Some("Stopping".to_owned()),
        message: Some("the daemon stopped while AWS was being asked".to_owned()),
        ..record
    })
}

enum Problems {
    Aws(IssueError),
    Ledger(Unwritable),
}

fn outcome(result: Result<Arc<Served>, Problems>, orders: &Orders) -> Outcome {
    match result {
        Ok(served) => Outcome::Issued(served),
        Err(Problems::Aws(error)) => Outcome::Failed {
            failure: failure(&error),
            answer: answer(&error, &orders.label),
        },
        Err(Problems::Ledger(error)) => Outcome::Failed {
            failure: Failure::Passing(None),
            answer: NoSession::LedgerUnavailable(Problem {
                code: Code::LedgerUnavailable,
                message: error.to_string(),
                hint: Some(
                    "free the disk, or set ledger_on_error = \"serve\" in config.toml".to_owned(),
                ),
            }),
        },
    }
}

fn failure(error: &IssueError) -> Failure {
    match error.class {
        // A dead parent was renewed once already, or there is none to renew.
        Class::Denied | Class::ParentDead => Failure::Denied,
        Class::Never => Failure::Never,
        Class::Skew | Class::Throttled | Class::TryAgain => Failure::Passing(error.retry_after),
    }
}

pub(super) fn answer(error: &IssueError, label: &str) -> NoSession {
    let problem = |code| Problem {
        code,
        message: format!("{label}: {}", error.message),
        hint: error.hint.clone(),
    };
    match error.class {
        // Refused by this computer, not by AWS.
        Class::Never if !error.sent && error.code == "Configuration" => {
            NoSession::Unusable(problem(Code::Unusable))
        }
        Class::Denied | Class::ParentDead | Class::Never => {
            NoSession::AwsDenied(problem(Code::AwsDenied))
        }
        Class::Skew | Class::Throttled | Class::TryAgain => {
            NoSession::AwsUnavailable(problem(Code::AwsUnavailable))
        }
    }
}

/// A step without its parent fails the way the parent did.
fn no_parent(waited: Waited) -> Outcome {
    let Waited::Answer(answer) = waited else {
        return Outcome::Abandoned;
    };
    let failure = match &answer {
        NoSession::AwsDenied(_) => Failure::Denied,
        NoSession::Unusable(_) => Failure::Never,
        NoSession::NotReady(_) | NoSession::AwsUnavailable(_) | NoSession::LedgerUnavailable(_) => {
            Failure::Passing(None)
        }
    };
    Outcome::Failed { answer, failure }
}

fn signer_of_keys(keys: &StaticKeys) -> Signer {
    Signer {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: keys.session_token.clone(),
    }
}

pub(super) fn signer_of_session(session: &Session) -> Signer {
    Signer {
        access_key_id: session.access_key_id.clone(),
        secret_access_key: session.secret_access_key.clone(),
        session_token: Some(session.session_token.clone()),
    }
}
