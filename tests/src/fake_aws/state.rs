//! What the server and the ones who steer it share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::actions::Service;
use super::calls::{Call, Outcome};
use super::config::Config;
use super::faults::{self, Effect, Fault};
use super::keys::request_id;
use super::request::Request;
use super::signature::Authorization;

/// Everything behind one lock: calls are few and short.
pub(super) struct State {
    inner: Mutex<Inner>,
    /// Told whenever a call arrives or is completed.
    changed: Condvar,
}

pub(super) struct Inner {
    pub(super) service: Service,
    pub(super) calls: Vec<Call>,
    pub(super) faults: Vec<Fault>,
    /// How far the fake's clock is ahead of the machine's.
    pub(super) offset: SignedDuration,
    /// Counts resets, so that a call that began before one is not completed after it.
    generation: u64,
}

/// A call that has arrived: where its record stands, and what shall happen to it.
pub(super) struct Arrived {
    pub(super) call: Call,
    pub(super) effects: Vec<Effect>,
    generation: u64,
    index: usize,
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            inner: Mutex::new(Inner {
                service: Service::new(config),
                calls: Vec::new(),
                faults: Vec::new(),
                offset: SignedDuration::ZERO,
                generation: 0,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and takes what shall happen to it.
    pub(super) fn arrive(&self, request: &Request) -> Arrived {
        let parameters = request.parameters();
        let owned = |name: &str| parameters.get(name).map(str::to_owned);
        let authorization = Authorization::of(request).ok();
        let mut inner = self.lock();
        let call = Call {
            time: inner.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            action: owned("Action").unwrap_or_default(),
            access_key_id: authorization.as_ref().map(|it| it.access_key_id.clone()),
            region: authorization.map(|it| it.region),
            caller: None,
            role: owned("RoleArn"),
            session_name: owned("RoleSessionName"),
            duration_seconds: parameters
                .get("DurationSeconds")
                .and_then(|text| text.parse().ok()),
            user_agent: request.header("user-agent").map(str::to_owned),
            request_id: request_id(),
            issued: None,
            outcome: Outcome::Pending,
            parameters: parameters.0,
        };
        let effects = faults::take(&mut inner.faults, &call.action, call.role.as_deref());
        inner.calls.push(call.clone());
        let arrived = Arrived {
            call,
            effects,
            generation: inner.generation,
            index: inner.calls.len() - 1,
        };
        drop(inner);
        self.changed.notify_all();
        arrived
    }

    /// Completes the record of a call.
    pub(super) fn complete(&self, arrived: Arrived, outcome: Outcome) {
        let mut inner = self.lock();
        if inner.generation == arrived.generation
            && let Some(call) = inner.calls.get_mut(arrived.index)
        {
            *call = Call {
                outcome,
                ..arrived.call
            };
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// Waits until `enough` says so of the calls, and gives them; None when `timeout` is over.
    pub(super) fn wait_until(
        &self,
        timeout: Duration,
        mut enough: impl FnMut(&[Call]) -> bool,
    ) -> Option<Vec<Call>> {
        let (inner, waited) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |inner| !enough(&inner.calls))
            .unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then(|| inner.calls.clone())
    }
}

impl Inner {
    /// The fake's own time.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now() + self.offset
    }

    /// Forgets calls and faults and sets the clock right. Issued keys stay good.
    pub(super) fn reset(&mut self) {
        self.calls.clear();
        self.faults.clear();
        self.offset = SignedDuration::ZERO;
        self.generation += 1;
    }
}
