//! Bodies of requests: small, and never waited for long.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::guard::Refusal;

/// The largest body that is read; a connection with a larger one is closed.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads a body to its end, so that what follows it is a request.
pub async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(PATIENCE, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(TOO_LARGE),
        Ok(Err(_)) => Err(BROKEN),
        Err(_) => Err(TOO_SLOW),
    }
}

const TOO_LARGE: Refusal = Refusal {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    reason: "the body is larger than 64 KiB",
    close: true,
};

const BROKEN: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "the body ended early",
    close: true,
};

const TOO_SLOW: Refusal = Refusal {
    status: StatusCode::REQUEST_TIMEOUT,
    reason: "the body took longer than 5 s",
    close: true,
};
