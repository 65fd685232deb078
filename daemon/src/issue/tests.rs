//! The STS client against a small server that answers what a test says.

mod answers;
mod skew;
mod way;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::network::Network;
use super::sts::{Limits, Sts};
use super::{Attempt, Class, IssueError, Issuer as _, Signer};
use crate::clock::{ManualClock, Now, Timestamp};
use crate::recipe::{AssumeRole, Call, RoleArn, SessionName, StsEndpoint};
use crate::secrets::Secret;
use crate::session::Session;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const NAME: &str = "alice@laptop.abcdefgh2345";
const ARN: &str = "arn:aws:sts::123456789012:assumed-role/dev/alice@laptop.abcdefgh2345";

/// What the server answers.
#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Duration,
}

impl Reply {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("x-amzn-requestid", "req-1".into())],
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(
            status,
            format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
            ),
        )
    }

    fn session(key: &str, arn: &str, expiration: &str) -> Self {
        Self::new(
            200,
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                 <AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:me</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
                 <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>new-secret</SecretAccessKey>\
                 <SessionToken>new-token</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
                 </AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    }

    fn good() -> Self {
        Self::session("ASIAEXAMPLE123456789", ARN, "2026-01-01T01:00:00Z").dated(NOW)
    }

    fn dated(self, at: i64) -> Self {
        let date = aws_smithy_types::DateTime::from_secs(at)
            .fmt(aws_smithy_types::date_time::Format::HttpDate)
            .unwrap();
        self.header("date", &date)
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Requests as they came: head and body.
type Requests = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A server on loopback that gives `replies` in turn, the last one for ever.
async fn server(replies: Vec<Reply>) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, replies) = (seen.clone(), replies.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (seen, replies) = (seen.clone(), replies.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push((head.headers, String::from_utf8(body.to_vec()).unwrap()));
                        seen.len()
                    };
                    let reply = replies[(number - 1).min(replies.len() - 1)].clone();
                    tokio::time::sleep(reply.delay).await;
                    let mut response = Response::builder().status(reply.status);
                    for (name, value) in &reply.headers {
                        response = response.header(*name, value);
                    }
                    let body = Full::new(Bytes::from(reply.body));
                    Ok::<_, hyper::Error>(response.body(body).unwrap())
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .auto_date_header(false)
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, requests)
}

fn clock() -> ManualClock {
    ManualClock::new(Now {
        wall: Timestamp::from_secs(NOW),
        boot: Duration::from_secs(500),
    })
}

fn sts(network: Network) -> Sts {
    let limits = Limits {
        connect: Duration::from_secs(3),
        attempt: Duration::from_millis(500),
    };
    Sts::new(Arc::new(clock()), network, limits)
}

fn call(url: &str) -> AssumeRole {
    AssumeRole {
        role_arn: RoleArn::parse("arn:aws:iam::123456789012:role/team/dev").unwrap(),
        duration: Duration::from_hours(1),
        external_id: Some("ext-4711".into()),
        session_name: SessionName::Verbatim(NAME.into()),
        policy: Some("{}".into()),
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
        session_tags: vec![("Project".into(), "billing".into())],
        transitive_session_tags: vec!["Project".into()],
        source_identity: Some("alice".into()),
        sts: StsEndpoint {
            region: "eu-west-1".into(),
            url: Some(url.to_owned()),
        },
    }
}

fn attempt(url: &str, token: Option<&str>) -> Attempt {
    Attempt {
        call: Call::AssumeRole(call(url)),
        signer: Signer {
            access_key_id: "AKIAUSER".into(),
            secret_access_key: Secret::new("user-secret"),
            session_token: token.map(Secret::new),
        },
        session_name: NAME.into(),
    }
}

async fn ask(replies: Vec<Reply>) -> (Result<Session, IssueError>, Requests) {
    let (url, requests) = server(replies).await;
    let result = sts(Network::default()).issue(attempt(&url, None)).await;
    (result, requests)
}

async fn refusal(reply: Reply) -> IssueError {
    let (result, requests) = ask(vec![reply]).await;
    assert_eq!(requests.lock().unwrap().len(), 1, "no retries of its own");
    result.err().unwrap()
}
