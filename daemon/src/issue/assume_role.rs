//! STS AssumeRole: the request, and what an answer must look like before it is believed.

use std::time::Duration;

use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};

use super::classify::clean;
use super::exchange::Seen;
use super::{Attempt, Class, IssueError, failure};
use crate::clock::{Now, Timestamp};
use crate::recipe::AssumeRole;
use crate::secrets::Secret;
use crate::session::{Origin, Session, lifecycle};

/// How much longer than asked a session may live: rounding, and the time between issue and answer.
const TOLERANCE: Duration = Duration::from_secs(5);

/// The same without a `Date` in the answer, when the two clocks may differ by what skew ignores.
const TOLERANCE_WITHOUT_DATE: Duration = Duration::from_secs(35);

/// A session that would be served for less is of no use, and would be asked for again at once.
const SHORTEST: Duration = Duration::from_secs(1);

/// Everything the step says, as the SDK's request.
pub(super) fn request(
    client: &Client,
    call: &AssumeRole,
    session_name: &str,
) -> AssumeRoleFluentBuilder {
    let mut request = client
        .assume_role()
        .role_arn(call.role_arn.as_str())
        .role_session_name(session_name)
        .duration_seconds(i32::try_from(call.duration.as_secs()).unwrap_or(i32::MAX))
        .set_external_id(call.external_id.clone())
        .set_policy(call.policy.clone())
        .set_source_identity(call.source_identity.clone());
    for arn in &call.policy_arns {
        request = request.policy_arns(PolicyDescriptorType::builder().arn(arn).build());
    }
    for (key, value) in &call.session_tags {
        let tag = Tag::builder().key(key).value(value).build();
        request = request.tags(tag.expect("key and value are set"));
    }
    for key in &call.transitive_session_tags {
        request = request.transitive_tag_keys(key);
    }
    request
}

/// The session in an answer, if the answer is one to this question: temporary
/// credentials of the role asked for, under the session name asked for, ending in the future and not
/// later than asked.
pub(super) fn check(
    output: &AssumeRoleOutput,
    attempt: &Attempt,
    call: &AssumeRole,
    seen: &Seen,
    skew_millis: i64,
    now: Now,
) -> Result<Session, IssueError> {
    let reject = |what: String| IssueError {
        class: Class::TryAgain,
        code: "BadAnswer".to_owned(),
        // Of what an unbelievable answer says, no more than of an error.
        message: format!(
            "STS answered with a session that is not used: {}",
            clean(&what, &secrets_of(attempt, call))
        ),
        hint: Some("check that the endpoint is STS's, and what proxy stands between".to_owned()),
        request_id: seen.request_id.clone(),
        retry_after: None,
        sent: true,
    };
    let (Some(credentials), Some(user)) = (output.credentials(), output.assumed_role_user()) else {
        return Err(reject(
            "credentials or AssumedRoleUser are missing".to_owned(),
        ));
    };
    let access_key_id = credentials.access_key_id();
    if !is_temporary_key_id(access_key_id) {
        return Err(reject(
            "its access key id is not a temporary one".to_owned(),
        ));
    }
    if credentials.session_token().is_empty() || credentials.secret_access_key().is_empty() {
        return Err(reject("its secret or its token is empty".to_owned()));
    }
    if !call.role_arn.issued(user.arn(), &attempt.session_name) {
        return Err(reject(format!(
            "it is {:?}, asked for was {} as {:?}",
            user.arn(),
            call.role_arn,
            attempt.session_name
        )));
    }
    let expiration = credentials.expiration();
    let stated = Timestamp::from_secs(expiration.secs());
    let received = seen.received.unwrap_or(now);
    let (aws_now, tolerance) = match seen.date {
        Some(date) => (date, TOLERANCE),
        None => (shift(received.wall, skew_millis), TOLERANCE_WITHOUT_DATE),
    };
    if stated.since(aws_now) > call.duration + tolerance {
        return Err(reject(format!(
            "it ends at {stated}, later than {} s from now, which was asked for",
            call.duration.as_secs()
        )));
    }
    // On our clock: AWS's reading with the skew taken out, and in no case longer from now than AWS's own
    // two times are apart, which also takes out what is too small to count as skew.
    let mut expires = shift(stated, -skew_millis);
    if seen.date.is_some() {
        expires = expires.min(received.wall.plus(stated.since(aws_now)));
    }
    if received
        .plus(SHORTEST)
        .reached(lifecycle::end(received, expires))
    {
        return Err(reject(format!(
            "it ends at {stated}, which is past or at once"
        )));
    }
    Ok(Session {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: Secret::new(credentials.secret_access_key()),
        session_token: Secret::new(credentials.session_token()),
        issued: received,
        expires,
        origin: Origin {
            account: call.role_arn.account().to_owned(),
            arn: user.arn().to_owned(),
            assumed_role_id: user.assumed_role_id().to_owned(),
            role_arn: call.role_arn.as_str().to_owned(),
            session_name: attempt.session_name.clone(),
            source_identity: output.source_identity().map(str::to_owned),
            request_id: seen.request_id.clone(),
            region: call.sts.region.clone(),
            parent_access_key_id: attempt.signer.access_key_id.clone(),
        },
    })
}

/// What must not show up in a message about this attempt.
pub(super) fn secrets_of<'a>(attempt: &'a Attempt, call: &'a AssumeRole) -> Vec<&'a str> {
    let mut secrets = failure::secrets_of(&attempt.signer);
    secrets.extend(call.external_id.as_deref());
    secrets
}

/// `ASIA` and more upper-case letters and digits (IAM User Guide, "IAM identifiers").
fn is_temporary_key_id(id: &str) -> bool {
    (16..=128).contains(&id.len())
        && id.starts_with("ASIA")
        && id
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn shift(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(millis))
}
