//! What fuzzing answers in STS's place: through our transport's cap, the SDK's parser, our classes of
//! failures and the check of sessions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sts::Client;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;

use super::network::Network;
use super::sts::{Limits, Sts};
use super::{Attempt, IssueError, Issuer as _, Signer, transport};
use crate::clock::{ManualClock, Now, Timestamp};
use crate::recipe::{AssumeRole, Call, RoleArn, SessionName, StsEndpoint};
use crate::secrets::Secret;
use crate::session::Session;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const NAME: &str = "alice@laptop.abcdefgh2345";
const ARN: &str = "arn:aws:sts::123456789012:assumed-role/dev/alice@laptop.abcdefgh2345";
const DURATION: Duration = Duration::from_hours(1);

/// What went out with the call and must not come back in what is said of its failure.
const SECRETS: [&str; 3] = ["fuzz-secret-key", "fuzz-parent-token", "fuzz-ext-4711"];

const STATUSES: [u16; 8] = [200, 400, 403, 429, 500, 503, 301, 204];

/// The first byte says the status (in seeds, a digit), the second which headers come along; the rest is
/// the body.
///
/// # Panics
///
/// When a session is taken that was not asked for, or a failure tells a secret of the call.
pub fn answer(data: &[u8]) {
    let [status, headers, body @ ..] = data else {
        return;
    };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let reply = Reply {
        status,
        headers: *headers,
        body: body.to_vec(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    match runtime.block_on(ask(reply)) {
        Ok(session) => {
            assert_eq!(status, 200);
            is_what_was_asked_for(&session);
        }
        Err(error) => tells_nothing(&error),
    }
}

thread_local! {
    /// Building one takes longer than all the rest; and what it answers next.
    static CLIENT: (Client, Arc<Mutex<Reply>>) = {
        let next = Arc::<Mutex<Reply>>::default();
        let http = transport::shared(Canned(Arc::clone(&next)));
        let clock = Arc::new(ManualClock::default());
        let sts = Sts::new(clock, Network::default(), Limits::default());
        (sts.over(http, &call().sts), next)
    };
}

async fn ask(reply: Reply) -> Result<Session, IssueError> {
    let call = call();
    let clock = ManualClock::new(Now {
        wall: Timestamp::from_secs(NOW),
        boot: Duration::from_secs(500),
    });
    let sts = Sts::new(Arc::new(clock), Network::default(), Limits::default());
    CLIENT.with(|(client, next)| {
        *next.lock().expect("no panic") = reply;
        sts.call_by(&call.sts, client.clone());
    });
    let attempt = Attempt {
        call: Call::AssumeRole(call),
        signer: Signer {
            access_key_id: "ASIAPARENT".to_owned(),
            secret_access_key: Secret::new(SECRETS[0]),
            session_token: Some(Secret::new(SECRETS[1])),
        },
        session_name: NAME.to_owned(),
    };
    sts.issue(attempt).await
}

fn call() -> AssumeRole {
    AssumeRole {
        role_arn: RoleArn::parse("arn:aws:iam::123456789012:role/team/dev").expect("an ARN"),
        duration: DURATION,
        external_id: Some(SECRETS[2].to_owned()),
        session_name: SessionName::Verbatim(NAME.to_owned()),
        policy: None,
        policy_arns: Vec::new(),
        session_tags: Vec::new(),
        transitive_session_tags: Vec::new(),
        source_identity: None,
        sts: StsEndpoint {
            region: "eu-west-1".to_owned(),
            url: None,
        },
    }
}

fn is_what_was_asked_for(session: &Session) {
    assert!(session.access_key_id.starts_with("ASIA"));
    assert!(!session.secret_access_key.expose().is_empty());
    assert!(!session.session_token.expose().is_empty());
    assert_eq!(session.origin.arn, ARN);
    assert!(session.expires > Timestamp::from_secs(NOW));
    // What skew ignores may lie between the two clocks.
    let latest = Timestamp::from_secs(NOW).plus(DURATION + Duration::from_mins(1));
    assert!(session.expires <= latest, "{}", session.expires);
}

fn tells_nothing(error: &IssueError) {
    let said = [
        Some(&error.code),
        Some(&error.message),
        error.hint.as_ref(),
        error.request_id.as_ref(),
    ];
    for text in said.into_iter().flatten() {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.len() < 4096, "{} bytes", text.len());
    }
}

/// What comes back, whatever is asked.
#[derive(Clone, Debug, Default)]
struct Reply {
    status: u16,
    headers: u8,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Canned(Arc<Mutex<Reply>>);

impl HttpConnector for Canned {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let reply = self.0.lock().expect("no panic").clone();
        let body = SdkBody::from(reply.body);
        let status = reply.status.try_into().expect("a status of HTTP's");
        let mut response = HttpResponse::new(status, body);
        let headers = response.headers_mut();
        // The first bits: AWS's clock, and how far it is from ours.
        let apart = [None, Some(0), Some(20), Some(-4000)][usize::from(reply.headers & 3)];
        if let Some(seconds) = apart {
            let date = aws_smithy_types::DateTime::from_secs(NOW + seconds);
            headers.insert("date", date.fmt(Format::HttpDate).expect("within years"));
        }
        if reply.headers & 4 != 0 {
            headers.insert("x-amzn-requestid", "req-1 fuzz-parent-token");
        }
        if reply.headers & 8 != 0 {
            headers.insert("retry-after", "18446744073709551615");
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use crate::fuzz_seeds::replay;

    #[test]
    fn the_seeds_still_pass() {
        replay("sts_xml", super::answer);
    }
}
