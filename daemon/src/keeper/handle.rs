//! A step as its keeper and everybody else share it. Readers touch atomics and one pointer; the keeper
//! alone decides.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rolecall::api::{Code, Problem};
use tokio::sync::{Notify, watch};

use super::NoSession;
use crate::clock::{Now, SharedClock};
use crate::recipe::{Call, Fingerprint, StaticKeys};
use crate::session::Served;
use crate::session::lifecycle::Readers;

/// Who signs a step's call.
#[derive(Clone)]
pub(super) enum Parent {
    /// The recipe's source.
    Keys(StaticKeys),
    /// The step before.
    Step(Arc<Handle>),
}

/// What the next attempt uses. All of it may change at a reload without changing the fingerprint.
#[derive(Clone)]
pub(super) struct Orders {
    pub(super) call: Call,
    pub(super) label: String,
    pub(super) parent: Parent,
    /// Names of the roles that use this step, joined by `,`.
    pub(super) roles: String,
    /// Ids of the leases that it was narrowed for, joined by `,`.
    pub(super) leases: Option<String>,
}

/// Whether a step is still in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Live,
    /// The configuration no longer has it.
    Retired,
    /// The daemon is stopping.
    Stopping,
}

/// The last attempt, which failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failed {
    pub(super) at: Now,
    pub(super) answer: NoSession,
    /// Until then readers without a session get `answer` at once.
    pub(super) until: Option<Now>,
    /// When the keeper itself tries again.
    pub(super) retry: Option<Now>,
}

/// What the keeper lets everybody know.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Board {
    pub(super) standing: Standing,
    pub(super) attempting: bool,
    /// Attempts that came to an end.
    pub(super) finished: u64,
    pub(super) failed: Option<Failed>,
    /// When the session held is renewed, if somebody wants it.
    pub(super) renewal: Option<Now>,
}

/// Why [`Handle::wait`] gave no session.
#[derive(Debug, PartialEq)]
pub(super) enum Waited {
    /// An answer for the caller.
    Answer(NoSession),
    /// The step is no longer in force: look the role up anew.
    Retired,
}

pub(super) struct Handle {
    pub(super) fingerprint: Fingerprint,
    pub(super) served: ArcSwapOption<Served>,
    /// Boot time of the last read in milliseconds; 0 is never.
    last_read: AtomicU64,
    pins: AtomicUsize,
    pinned_at: AtomicU64,
    /// Somebody waits for a first session.
    asked: AtomicBool,
    /// The keeper sleeps over a due renewal that nobody wanted: the next read must wake it.
    dormant: AtomicBool,
    pub(super) doubted: AtomicBool,
    pub(super) reset: AtomicBool,
    pub(super) wake: Notify,
    pub(super) board: watch::Sender<Board>,
    orders: Mutex<Orders>,
}

impl Handle {
    pub(super) fn new(fingerprint: Fingerprint, orders: Orders) -> Self {
        Self {
            fingerprint,
            served: ArcSwapOption::empty(),
            last_read: AtomicU64::new(0),
            pins: AtomicUsize::new(0),
            pinned_at: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            dormant: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            wake: Notify::new(),
            board: watch::Sender::default(),
            orders: Mutex::new(orders),
        }
    }

    pub(super) fn orders(&self) -> Orders {
        self.orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_orders(&self, orders: Orders) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = orders;
    }

    /// The session, if it is valid. Does not count as a read.
    pub(super) fn valid(&self, now: Now) -> Option<Arc<Served>> {
        self.served
            .load_full()
            .filter(|served| served.is_valid(now))
    }

    /// Marks the step as read and wakes the keeper if it slept over a renewal.
    pub(super) fn mark_read(&self, now: Now) {
        let at = boot_millis(now);
        // Readers of the same millisecond share one write.
        if self.last_read.load(Ordering::Relaxed) != at {
            self.last_read.store(at, Ordering::SeqCst);
        }
        if self.dormant.load(Ordering::SeqCst) && self.dormant.swap(false, Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    pub(super) fn pin(&self, now: Now) {
        self.pinned_at.store(boot_millis(now), Ordering::SeqCst);
        self.pins.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
    }

    pub(super) fn unpin(&self) {
        self.pins.fetch_sub(1, Ordering::SeqCst);
    }

    /// For the keeper, before it plans: from here on a read wakes it.
    pub(super) fn watch_reads(&self) {
        self.dormant.store(true, Ordering::SeqCst);
    }

    /// For the keeper, after it planned something that no read changes.
    pub(super) fn ignore_reads(&self) {
        self.dormant.store(false, Ordering::SeqCst);
    }

    pub(super) fn readers(&self, idle_after: Duration) -> Readers {
        let moment = |millis: &AtomicU64| match millis.load(Ordering::SeqCst) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        };
        let pinned = self.pins.load(Ordering::SeqCst) > 0;
        Readers {
            last_read: moment(&self.last_read),
            pinned: moment(&self.pinned_at).filter(|_| pinned),
            idle_after,
        }
    }

    /// Asks the keeper for a first session.
    pub(super) fn ask(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether who asks now would get the last failure.
    pub(super) fn is_refusing(&self, now: Now) -> bool {
        recent_failure(&self.board.borrow(), now).is_some()
    }

    pub(super) fn answer_asked(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    pub(super) fn standing(&self) -> Standing {
        self.board.borrow().standing
    }

    /// Takes the step out of force; whoever waits learns it at once.
    pub(super) fn end(&self, standing: Standing) {
        self.board.send_modify(|board| board.standing = standing);
        self.wake.notify_one();
    }

    /// The session, waiting until `deadline` for an attempt, which this may start.
    pub(super) async fn wait(
        &self,
        clock: &SharedClock,
        deadline: Now,
    ) -> Result<Arc<Served>, Waited> {
        self.wait_other(None, clock, deadline).await
    }

    /// The session that follows the one with access key id `dead`, which AWS no longer takes.
    pub(super) async fn wait_newer(
        &self,
        dead: &str,
        clock: &SharedClock,
        deadline: Now,
    ) -> Result<Arc<Served>, Waited> {
        self.wait_other(Some(dead), clock, deadline).await
    }

    async fn wait_other(
        &self,
        dead: Option<&str>,
        clock: &SharedClock,
        deadline: Now,
    ) -> Result<Arc<Served>, Waited> {
        // Subscribed before the first look, so that nothing is missed in between.
        let mut board = self.board.subscribe();
        let usable = |now| {
            self.valid(now)
                .filter(|served| Some(served.session.access_key_id.as_str()) != dead)
        };
        let mut finished = board.borrow_and_update().finished;
        let now = clock.now();
        self.mark_read(now);
        if let Some(served) = usable(now) {
            return Ok(served);
        }
        let known = {
            let board = board.borrow();
            // A failure that a reload has forgiven is none, though the keeper has not yet run.
            let forgiven = self.reset.load(Ordering::SeqCst);
            gone(&board).or_else(|| recent_failure(&board, now).filter(|_| !forgiven))
        };
        if dead.is_some() {
            self.doubted.store(true, Ordering::SeqCst);
            self.wake.notify_one();
        }
        self.ask();
        if let Some(known) = known {
            return Err(known);
        }
        let mut timeout = clock.sleep_until(deadline);
        loop {
            tokio::select! {
                biased;
                changed = board.changed() => {
                    if changed.is_err() {
                        return Err(Waited::Retired);
                    }
                }
                () = &mut timeout => {
                    return Err(Waited::Answer(NoSession::NotReady(Problem {
                        code: Code::NotReady,
                        message: "AWS is still being asked".to_owned(),
                        hint: Some("ask again: the call goes on".to_owned()),
                    })));
                }
            }
            let now = clock.now();
            let (ended, last, answer) = {
                let board = board.borrow_and_update();
                let answer = board.failed.as_ref().map(|failed| failed.answer.clone());
                (gone(&board), board.finished, answer)
            };
            if let Some(served) = usable(now) {
                self.mark_read(now);
                return Ok(served);
            }
            if let Some(ended) = ended {
                return Err(ended);
            }
            if last != finished {
                if let Some(answer) = answer {
                    return Err(Waited::Answer(answer));
                }
                // An attempt was given up, or its session is over already.
                finished = last;
                self.ask();
            }
        }
    }
}

fn gone(board: &Board) -> Option<Waited> {
    match board.standing {
        Standing::Live => None,
        Standing::Retired => Some(Waited::Retired),
        Standing::Stopping => Some(Waited::Answer(NoSession::NotReady(Problem {
            code: Code::NotReady,
            message: "the daemon is stopping".to_owned(),
            hint: None,
        }))),
    }
}

/// The last failure, while it is too early to ask again.
fn recent_failure(board: &Board, now: Now) -> Option<Waited> {
    let failed = board.failed.as_ref().filter(|_| !board.attempting)?;
    let until = failed.until?;
    (!now.reached(until)).then(|| Waited::Answer(failed.answer.clone()))
}

/// Rounded up, so that a read right after an issue is not taken for one before it; never 0, which stands
/// for "never".
fn boot_millis(now: Now) -> u64 {
    let millis = now.boot.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX).max(1)
}
