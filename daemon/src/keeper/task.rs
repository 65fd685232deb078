//! The task that owns a step: tells the lifecycle what happened, does what it says, and puts the result
//! where readers find it. It decides nothing itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Tools;
use super::attempt::{self, InFlight, Outcome, Worker};
use super::handle::{Failed, Handle, Standing};
use super::names::Ids;
use super::registry::Shared;
use crate::clock::BoxFuture;
use crate::session::lifecycle::{Event, Plan, Step};

/// How long an attempt in flight may still take when the daemon stops.
const GRACE: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    handle: Arc<Handle>,
    tools: Arc<Tools>,
    ids: Arc<Ids>,
    shared: Arc<Shared>,
    step: Step,
    in_flight: InFlight,
}

impl Keeper {
    pub(super) fn new(
        handle: Arc<Handle>,
        tools: Arc<Tools>,
        ids: Arc<Ids>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            handle,
            tools,
            ids,
            shared,
            step: Step::default(),
            in_flight: InFlight::default(),
        }
    }

    /// Until the step is no longer in force.
    pub(super) async fn run(mut self) {
        let mut attempt: Option<BoxFuture<'static, Outcome>> = None;
        loop {
            if self.handle.standing() != Standing::Live {
                break;
            }
            let plan = self.plan();
            if plan.attempt {
                attempt = Some(Box::pin(self.worker().run()));
            }
            let clock = self.tools.clock.clone();
            tokio::select! {
                outcome = in_flight(&mut attempt) => {
                    attempt = None;
                    self.take(outcome);
                }
                () = self.handle.wake.notified() => {}
                () = async { clock.sleep_until(plan.wake.unwrap_or_default()).await },
                    if plan.wake.is_some() => {}
            }
        }
        if let Some(attempt) = attempt {
            self.finish(attempt).await;
        }
    }

    fn plan(&mut self) -> Plan {
        let now = self.tools.clock.now();
        if self.handle.reset.swap(false, Ordering::SeqCst) {
            self.step.on(now, Event::Reset);
        }
        if self.handle.doubted.swap(false, Ordering::SeqCst) {
            self.step.on(now, Event::Doubted);
        }
        if self.handle.is_asked() {
            self.step.on(now, Event::Asked);
        }
        self.handle.watch_reads();
        let plan = self
            .step
            .plan(now, &self.handle.readers(self.shared.idle_after()));
        if !plan.dormant {
            self.handle.ignore_reads();
        }
        if plan.lapse {
            self.handle.served.store(None);
        }
        if plan.attempt {
            self.step.on(now, Event::Began);
            self.handle.answer_asked();
        }
        self.publish(&plan, |_| {});
        plan
    }

    fn worker(&self) -> Worker {
        Worker {
            handle: self.handle.clone(),
            tools: self.tools.clone(),
            ids: self.ids.clone(),
            in_flight: self.in_flight.clone(),
        }
    }

    fn take(&mut self, outcome: Outcome) {
        let (now, fraction) = (self.tools.clock.now(), self.tools.random.fraction());
        let failed = match outcome {
            Outcome::Issued(served) => {
                tracing::info!(
                    roles = self.handle.orders().roles,
                    access_key_id = served.session.access_key_id,
                    until = %served.reported,
                    "new session"
                );
                let (issued, expires) = (served.session.issued, served.session.expires);
                let event = Event::Issued {
                    issued,
                    expires,
                    fraction,
                };
                self.step.on(now, event);
                self.handle.served.store(Some(served));
                None
            }
            Outcome::Failed { answer, failure } => {
                self.step.on(now, Event::Failed { failure, fraction });
                tracing::warn!(
                    roles = self.handle.orders().roles,
                    held = self.step.held().is_some(),
                    "no new session: {}",
                    answer.problem().message
                );
                let until = self.step.trouble().and_then(|trouble| trouble.retry);
                Some(Failed {
                    at: now,
                    answer,
                    until,
                    retry: None,
                })
            }
            Outcome::Abandoned => {
                self.step.on(now, Event::Abandoned);
                None
            }
        };
        // Before the board changes: who sees the new board and asks again is not an old asker.
        self.handle.answer_asked();
        self.publish(&Plan::default(), |board| {
            board.finished += 1;
            board.failed = failed;
        });
    }

    fn publish(&self, plan: &Plan, change: impl FnOnce(&mut super::handle::Board)) {
        let (step, wake) = (&self.step, plan.wake);
        self.handle.board.send_if_modified(|board| {
            let before = board.clone();
            change(board);
            board.attempting = step.attempting();
            board.renewal = step
                .held()
                .map(|held| held.renewal)
                .filter(|_| !plan.dormant);
            match (step.trouble(), &mut board.failed) {
                (Some(trouble), Some(failed)) => {
                    failed.until = trouble.retry;
                    failed.retry = trouble.retry.filter(|retry| Some(*retry) == wake);
                }
                // Forgiven: a reload, or an attempt that AWS was not asked in.
                (None, failed) => *failed = None,
                (Some(_), None) => {}
            }
            *board != before
        });
    }

    /// A step that is retired lets its attempt come to an end, so that the ledger has it; when the daemon
    /// stops it gets a moment.
    async fn finish(&self, attempt: BoxFuture<'static, Outcome>) {
        tokio::select! {
            _ = attempt => return,
            () = self.shared.stopped_for(GRACE, &self.tools.clock) => {}
        }
        if let Some(record) = attempt::cut_off(&self.in_flight) {
            // With `ledger_on_error = "refuse"` and a full disk there is nobody left to tell.
            let _ = self.tools.ledger.commit(record).await;
        }
    }
}

/// The attempt's outcome; never, if there is none.
async fn in_flight(attempt: &mut Option<BoxFuture<'static, Outcome>>) -> Outcome {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}
