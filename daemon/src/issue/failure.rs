//! What a failed call was: the SDK's errors in our words.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::classify::{Refusal, clean};
use super::exchange::Exchange;
use super::{Class, IssueError, Signer};
use crate::recipe::StsEndpoint;

/// What must not show up in a message.
pub(super) fn secrets_of(signer: &Signer) -> Vec<&str> {
    let token = signer.session_token.as_ref();
    std::iter::once(signer.secret_access_key.expose())
        .chain(token.map(crate::secrets::Secret::expose))
        .collect()
}

/// What a failed call was.
pub(super) fn describe<E>(
    error: &SdkError<E, HttpResponse>,
    exchange: &Exchange,
    signer: &Signer,
    sts: &StsEndpoint,
    secrets: &[&str],
) -> IssueError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let seen = exchange.seen();
    match error {
        // A 2xx that does not parse comes as a service error too.
        SdkError::ServiceError(service) if !service.raw().status().is_success() => {
            let refusal = Refusal {
                status: service.raw().status().as_u16(),
                code: service.err().code(),
                message: service.err().message(),
                request_id: seen.request_id.as_deref(),
                retry_after: seen.retry_after,
                signed_by_session: signer.session_token.is_some(),
            };
            refusal.into_error(refusal.class(), secrets)
        }
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => nonsense(
            &format!(
                "the answer makes no sense: {}",
                clean(&root(error), secrets)
            ),
            exchange,
        ),
        SdkError::ConstructionFailure(_) => IssueError {
            class: Class::Never,
            code: "Construction".to_owned(),
            message: format!(
                "the request cannot be built: {}",
                clean(&root(error), secrets)
            ),
            hint: Some("check the role's keys".to_owned()),
            request_id: None,
            retry_after: None,
            sent: false,
        },
        SdkError::TimeoutError(_) => IssueError {
            code: "Timeout".to_owned(),
            message: format!("{} did not answer in time", place(sts)),
            sent: true,
            ..unreachable_sts()
        },
        // Dispatch failures, and what the SDK may add.
        _ => IssueError {
            message: format!(
                "cannot reach {}: {}",
                place(sts),
                clean(&root(error), secrets)
            ),
            sent: !never_connected(error),
            ..unreachable_sts()
        },
    }
}

/// An answer that cannot be used: AWS may have issued a session that nobody holds.
pub(super) fn nonsense(message: &str, exchange: &Exchange) -> IssueError {
    IssueError {
        class: Class::TryAgain,
        code: "BadAnswer".to_owned(),
        message: message.to_owned(),
        hint: Some("check that the endpoint is STS's, and what proxy stands between".to_owned()),
        request_id: exchange.seen().request_id,
        retry_after: None,
        sent: true,
    }
}

fn unreachable_sts() -> IssueError {
    IssueError {
        class: Class::TryAgain,
        code: "Unreachable".to_owned(),
        message: String::new(),
        hint: Some("check the network, the proxy (HTTPS_PROXY) and the endpoint".to_owned()),
        request_id: None,
        retry_after: None,
        sent: false,
    }
}

fn place(sts: &StsEndpoint) -> String {
    match &sts.url {
        Some(url) => url.clone(),
        None => format!("STS in {}", sts.region),
    }
}

fn root(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}
