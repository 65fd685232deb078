//! A look at the consumer's process, on a thread where it may take a while: searching the owner of a TCP
//! connection takes milliseconds.

use std::sync::Arc;

use rolecall::api::Door;

use super::super::needs::WhoIs;
use super::super::visitor::Visitor;
use super::Asked;
use crate::challenge::Wish;
use crate::challenge::asker::{Asker, AskersLease};
use crate::challenge::consent::{Frequency, Place, Question};
use crate::lease::Lease;
use crate::peer::rules::{Facts, Refused, judge};
use crate::peer::{Consumer, Executable};
use crate::recipe::rules::Confirm;

/// The verdict of the role's `allow`, `uid` and `unit`.
pub(super) async fn judged(whois: &Arc<dyn WhoIs>, asked: Asked<'_>) -> Result<(), Refused> {
    let (whois, visitor) = (Arc::clone(whois), Arc::clone(asked.visitor));
    let role = Arc::clone(asked.role);
    off_the_runtime(move || {
        let consumer = consumer(&*whois, &visitor);
        let rules = &role.role().rules;
        judge(rules, &Facts::gather(&consumer, rules), Executable::at)
    })
    .await
}

/// What a person is to be asked; None if nobody knows who asks.
pub(super) async fn wish(
    whois: &Arc<dyn WhoIs>,
    asked: Asked<'_>,
    lease: Option<AskersLease>,
) -> Option<Wish> {
    let (whois, visitor) = (Arc::clone(whois), Arc::clone(asked.visitor));
    let role = Arc::clone(asked.role);
    off_the_runtime(move || {
        let consumer = consumer(&*whois, &visitor);
        let role = role.role();
        let asker = Asker::new(&consumer, visitor.door, lease)?;
        let frequency = match role.rules.confirm {
            Confirm::Always => Frequency::Always {
                connection: visitor.number(),
                read_of: (visitor.door == Door::Imds)
                    .then_some((asker.process.pid, asker.process.start_time)),
            },
            Confirm::FirstUse | Confirm::Never => Frequency::FirstUse,
        };
        Some(Wish {
            question: asker.question(role),
            frequency,
            asker,
        })
    })
    .await
}

/// A lease, as far as consent has to do with it.
pub(super) fn askers_lease(lease: &Arc<Lease>) -> AskersLease {
    AskersLease {
        id: lease.id().to_owned(),
        reason: lease.reason().map(str::to_owned),
        leader: (lease.scope().leader()).map(|leader| (leader.pid, leader.start_time)),
    }
}

/// The same question for all that hold a lease, whoever they are: its own socket may be another uid's.
pub(super) fn of_lease(question: &Question, lease: &str) -> Question {
    Question {
        uid: u32::MAX,
        program: None,
        place: Place::Lease(lease.to_owned()),
        ..question.clone()
    }
}

/// Who the credentials are for. The process of a TCP connection is searched once for each connection.
fn consumer(whois: &dyn WhoIs, visitor: &Visitor) -> Consumer {
    if let Some(consumer) = visitor.complete() {
        return consumer.clone();
    }
    let consumer = Consumer {
        uid: visitor.uid(),
        process: visitor.owner.and_then(|owner| whois.process_of(owner)),
    };
    visitor.identify(consumer).clone()
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("looking at a process does not panic, and panics abort")
}
