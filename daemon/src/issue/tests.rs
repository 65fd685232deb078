//! The STS client against a small server that answers what a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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

/// An authority that signs nothing; its key was thrown away.
const AUTHORITY: &str = include_str!("testdata/authority.pem");

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
        duration: Duration::from_secs(3600),
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

#[tokio::test]
async fn a_good_answer_is_a_session_and_the_request_said_everything() {
    let (result, requests) = ask(vec![Reply::good()]).await;
    let session = result.unwrap();
    assert_eq!(session.access_key_id, "ASIAEXAMPLE123456789");
    assert_eq!(session.secret_access_key.expose(), "new-secret");
    assert_eq!(session.session_token.expose(), "new-token");
    assert_eq!(session.expires, Timestamp::from_secs(NOW + 3600));
    assert_eq!(session.origin.arn, ARN);
    assert_eq!(session.origin.request_id.as_deref(), Some("req-1"));
    assert_eq!(session.origin.parent_access_key_id, "AKIAUSER");

    let requests = requests.lock().unwrap();
    let (head, body) = &requests[0];
    for part in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fteam%2Fdev",
        "RoleSessionName=alice%40laptop.abcdefgh2345",
        "DurationSeconds=3600",
        "ExternalId=ext-4711",
        "Policy=%7B%7D",
        "PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess",
        "Tags.member.1.Key=Project&Tags.member.1.Value=billing",
        "TransitiveTagKeys.member.1=Project",
        "SourceIdentity=alice",
    ] {
        assert!(
            body.split('&').count() > 3 && body.contains(part),
            "{part} in {body}"
        );
    }
    let signature = head["authorization"].to_str().unwrap();
    assert!(signature.contains("Credential=AKIAUSER/20260101/eu-west-1/sts/aws4_request"));
    assert!(!head.contains_key("x-amz-security-token"));
}

#[tokio::test]
async fn one_client_serves_many_attempts_with_different_signers() {
    let (url, requests) = server(vec![Reply::good()]).await;
    let sts = sts(Network::default());
    sts.issue(attempt(&url, None)).await.ok().unwrap();
    let mut other = attempt(&url, Some("parent-token"));
    other.signer.access_key_id = "ASIAPARENT".into();
    sts.issue(other).await.ok().unwrap();
    let requests = requests.lock().unwrap();
    assert_eq!(requests[1].0["x-amz-security-token"], "parent-token");
    let signature = requests[1].0["authorization"].to_str().unwrap();
    assert!(signature.contains("Credential=ASIAPARENT/"), "{signature}");
}

#[tokio::test]
async fn refusals_have_their_class_and_are_not_repeated() {
    let denied = refusal(Reply::error(
        403,
        "AccessDenied",
        "User: arn:aws:iam::1:user/a is not authorized with ext-4711",
    ))
    .await;
    assert_eq!((denied.class, denied.sent), (Class::Denied, false));
    assert_eq!(denied.code, "AccessDenied");
    assert_eq!(denied.request_id.as_deref(), Some("req-1"));
    assert!(denied.message.contains("is not authorized") && !denied.message.contains("4711"));
    assert!(denied.hint.unwrap().contains("trust policy"));

    let broken = refusal(Reply::error(500, "InternalFailure", "oops")).await;
    assert_eq!((broken.class, broken.sent), (Class::TryAgain, false));
    let gateway = refusal(Reply::new(502, "<html>")).await;
    assert_eq!((gateway.class, gateway.sent), (Class::TryAgain, true));
    let throttled =
        refusal(Reply::error(400, "Throttling", "Rate exceeded").header("retry-after", "7")).await;
    assert_eq!(throttled.class, Class::Throttled);
    assert_eq!(throttled.retry_after, Some(Duration::from_secs(7)));
    let wrong = refusal(Reply::error(
        400,
        "ValidationError",
        "DurationSeconds exceeds",
    ))
    .await;
    assert_eq!(wrong.class, Class::Never);
}

#[tokio::test]
async fn a_session_that_signs_may_be_dead() {
    let (url, _) = server(vec![Reply::error(
        403,
        "ExpiredToken",
        "the token parent-token is expired",
    )])
    .await;
    let result = sts(Network::default())
        .issue(attempt(&url, Some("parent-token")))
        .await;
    let error = result.err().unwrap();
    assert_eq!(error.class, Class::ParentDead);
    assert!(!error.message.contains("parent-token"), "{error}");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_not_believed() {
    let key = "ASIAEXAMPLE123456789";
    let other = "arn:aws:sts::123456789012:assumed-role/other/alice@laptop.abcdefgh2345";
    let stranger = "arn:aws:sts::123456789012:assumed-role/dev/mallory";
    for (reply, expected) in [
        (Reply::new(200, "not xml at all"), "makes no sense"),
        (Reply::new(200, ""), "makes no sense"),
        (Reply::new(200, "<AssumeRoleResponse/>"), ""),
        (
            Reply::session(key, other, "2026-01-01T01:00:00Z"),
            "asked for was",
        ),
        (
            Reply::session(key, stranger, "2026-01-01T01:00:00Z"),
            "asked for was",
        ),
        (
            Reply::session("AKIAEXAMPLE123456789", ARN, "2026-01-01T01:00:00Z"),
            "not a temporary one",
        ),
        (
            Reply::session(key, ARN, "2025-12-31T23:59:59Z"),
            "past or at once",
        ),
        (
            Reply::session(key, ARN, "2026-01-01T01:00:06Z"),
            "later than 3600 s",
        ),
        (
            Reply::session(key, ARN, "2027-01-01T00:00:00Z"),
            "later than 3600 s",
        ),
        (
            Reply::new(200, "x".repeat(2 * 1024 * 1024)),
            "makes no sense",
        ),
        (
            Reply::new(302, "").header("location", "http://127.0.0.1:1/"),
            "HTTP 302",
        ),
    ] {
        let error = refusal(reply.dated(NOW)).await;
        assert_eq!(
            (error.class, error.sent),
            (Class::TryAgain, true),
            "{error}"
        );
        assert!(error.message.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_shorter_session_than_asked_for_is_taken() {
    let reply = Reply::session("ASIAEXAMPLE123456789", ARN, "2026-01-01T00:15:00Z").dated(NOW);
    let (result, _) = ask(vec![reply]).await;
    assert_eq!(
        result.ok().unwrap().expires,
        Timestamp::from_secs(NOW + 900)
    );
}

#[tokio::test]
async fn silence_ends_with_the_attempt() {
    let mut reply = Reply::good();
    reply.delay = Duration::from_secs(30);
    let error = refusal(reply).await;
    assert_eq!((error.code.as_str(), error.sent), ("Timeout", true));
    assert_eq!(error.class, Class::TryAgain);
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let result = sts(Network::default()).issue(attempt(&url, None)).await;
    let error = result.err().unwrap();
    assert_eq!((error.class, error.sent), (Class::TryAgain, false));
    assert!(
        error.message.contains("cannot reach http://127.0.0.1"),
        "{error}"
    );
    assert!(error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_it_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<AssumeRole";
            stream.write_all(head).await.unwrap();
        }
    });
    let error = sts(Network::default())
        .issue(attempt(&url, None))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.class, error.sent),
        (Class::TryAgain, true),
        "{error}"
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_and_expiries_are_local() {
    // AWS is two hours ahead.
    let late = Reply::error(
        403,
        "SignatureDoesNotMatch",
        "Signature expired: 20260101T000000Z is now earlier than 20260101T015500Z",
    )
    .dated(NOW + 7200);
    let good =
        Reply::session("ASIAEXAMPLE123456789", ARN, "2026-01-01T03:00:00Z").dated(NOW + 7200);
    let (result, requests) = ask(vec![late, good]).await;
    let session = result.ok().unwrap();
    assert_eq!(session.expires, Timestamp::from_secs(NOW + 3600));
    let requests = requests.lock().unwrap();
    let dates: Vec<_> = requests
        .iter()
        .map(|(head, _)| head["x-amz-date"].to_str().unwrap())
        .collect();
    assert_eq!(dates, ["20260101T000000Z", "20260101T020000Z"]);
}

#[tokio::test]
async fn skew_is_repeated_once_and_only_if_something_was_learnt() {
    let expired = Reply::error(403, "SignatureDoesNotMatch", "Signature expired: x");
    for (reply, calls) in [
        (expired.clone().dated(NOW + 7200), 2),
        (expired.dated(NOW), 1),
    ] {
        let (result, requests) = ask(vec![reply]).await;
        assert_eq!(result.err().unwrap().class, Class::TryAgain);
        assert_eq!(requests.lock().unwrap().len(), calls);
    }
}

#[tokio::test]
async fn a_small_difference_never_lengthens_a_session() {
    // Our clock is twenty seconds behind: not skew, but twenty seconds.
    let reply = Reply::session("ASIAEXAMPLE123456789", ARN, "2026-01-01T01:00:20Z").dated(NOW + 20);
    let (result, _) = ask(vec![reply]).await;
    assert_eq!(
        result.ok().unwrap().expires,
        Timestamp::from_secs(NOW + 3600)
    );
}

#[tokio::test]
async fn identity_is_what_sts_says() {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Arn>arn:x</Arn><UserId>id</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let (url, _) = server(vec![Reply::new(200, body)]).await;
    let Attempt { call, signer, .. } = attempt(&url, Some("token"));
    let identity = sts(Network::default()).identity(signer, call).await;
    assert_eq!(
        identity.unwrap(),
        ("123456789012".into(), "arn:x".into(), "id".into())
    );
}

fn environment(variables: &[(&str, &str)]) -> Network {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Network::from_environment(&pairs.collect())
}

#[tokio::test]
async fn https_goes_through_the_proxy_given_and_loopback_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("ca.pem");
    std::io::Write::write_all(
        &mut std::fs::File::create(&bundle).unwrap(),
        AUTHORITY.as_bytes(),
    )
    .unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let sts = sts(environment(&[
        ("HTTPS_PROXY", &format!("http://{address}")),
        ("AWS_CA_BUNDLE", bundle.to_str().unwrap()),
    ]));
    // Nobody listens there; a proxy that was asked would answer 502.
    let direct = sts
        .issue(attempt("https://127.0.0.1:9", None))
        .await
        .err()
        .unwrap();
    assert!(direct.message.contains("refused"), "{direct}");
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.class, error.sent),
        (Class::TryAgain, false),
        "{error}"
    );
    assert!(
        asked
            .await
            .unwrap()
            .starts_with("CONNECT sts.test.invalid:443 ")
    );
}

#[tokio::test]
async fn a_way_that_cannot_be_gone_is_named_and_can_be_mended() {
    let sts = sts(environment(&[("AWS_CA_BUNDLE", "/nonexistent/ca.pem")]));
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!((error.class, error.sent), (Class::Never, false));
    assert!(
        error
            .message
            .contains("AWS_CA_BUNDLE /nonexistent/ca.pem cannot be read"),
        "{error}"
    );
    let plain = sts
        .issue(attempt("http://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert!(plain.message.contains("plain http"), "{plain}");

    sts.set_network(environment(&[("HTTPS_PROXY", "http://127.0.0.1:9")]));
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!(error.class, Class::TryAgain, "{error}");
}
