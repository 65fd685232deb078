//! What one request and its answer said outside the body: times, `Date`, request id, `Retry-After`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sts::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::clock::{Now, SharedClock, Timestamp};

/// What was seen of one exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// When the request went out, on our clocks.
    pub(super) sent: Option<Now>,
    /// When the head of the answer came.
    pub(super) received: Option<Now>,
    /// AWS's clock.
    pub(super) date: Option<Timestamp>,
    /// `x-amzn-requestid`.
    pub(super) request_id: Option<String>,
    /// `Retry-After` in seconds.
    pub(super) retry_after: Option<Duration>,
}

/// Shared between a call and its [`Recorder`].
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange(Arc<Mutex<Seen>>);

impl Exchange {
    pub(super) fn seen(&self) -> Seen {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Fills an [`Exchange`] in.
pub(super) struct Recorder {
    clock: SharedClock,
    exchange: Exchange,
}

impl Recorder {
    pub(super) fn new(clock: SharedClock, exchange: &Exchange) -> Self {
        Self {
            clock,
            exchange: exchange.clone(),
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "rolecall::Recorder"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let now = self.clock.now();
        self.exchange.note(|seen| seen.sent = Some(now));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (now, headers) = (self.clock.now(), context.response().headers());
        self.exchange.note(|seen| {
            seen.received = Some(now);
            seen.date = headers.get("date").and_then(parse_date);
            seen.request_id = headers.get("x-amzn-requestid").and_then(parse_request_id);
            seen.retry_after = headers
                .get("retry-after")
                .and_then(|seconds| seconds.trim().parse().ok())
                .map(Duration::from_secs);
        });
        Ok(())
    }
}

/// It goes into the ledger: only what looks like one, whoever answered. AWS's are UUIDs.
fn parse_request_id(text: &str) -> Option<String> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (plain && (1..=64).contains(&text.len())).then(|| text.to_owned())
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    Some(Timestamp::from_secs(date.secs()))
}
