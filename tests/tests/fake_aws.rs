//! The fake AWS as AWS's own SDK sees it: what it accepts, what it refuses, and how it fails.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, SystemTime};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use jiff::SignedDuration;
use rolecall_tests::fake_aws::{Config, Effect, FakeAws, Fault, Outcome, Role};

const USER: &str = "arn:aws:iam::111122223333:user/alice";
const HUB: &str = "arn:aws:iam::111122223333:role/hub";
const SPOKE: &str = "arn:aws:iam::123456789012:role/team/spoke";
const LEAF: &str = "arn:aws:iam::999999999999:role/leaf";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn start() -> FakeAws {
    let mut config = Config::default()
        .user(USER, KEY, SECRET)
        .role(Role::new(HUB).lasting(43_200))
        .role(Role::new(SPOKE).trusting(HUB))
        .role(Role::new(LEAF).trusting(SPOKE));
    config.session_token_bytes = 4096;
    FakeAws::start(&config).unwrap()
}

fn client(aws: &FakeAws, credentials: Credentials) -> Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(aws.url())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_millis(500))
                .build(),
        )
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new(id, secret, token.map(Into::into), None, "test")
}

fn alice(aws: &FakeAws) -> Client {
    client(aws, keys(KEY, SECRET, None))
}

async fn assume(client: &Client, role: &str) -> Result<AssumeRoleOutput, String> {
    client
        .assume_role()
        .role_arn(role)
        .role_session_name("me@host.abc")
        .send()
        .await
        .map_err(code)
}

fn session(aws: &FakeAws, output: &AssumeRoleOutput) -> Client {
    let it = output.credentials().unwrap();
    let token = Some(it.session_token());
    client(aws, keys(it.access_key_id(), it.secret_access_key(), token))
}

async fn who(client: &Client) -> Result<String, String> {
    let output = client.get_caller_identity().send().await.map_err(code)?;
    Ok(output.arn().unwrap().into())
}

/// AWS's error code, or what kind of failure it was before there was one.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn code<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> String {
    let kind = match &error {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "dispatch",
        SdkError::ResponseError(_) => "response",
        _ => "none",
    };
    error.code().unwrap_or(kind).into()
}

#[tokio::test]
async fn a_chain_of_three_ends_in_the_last_role() {
    let aws = start();
    let hub = session(&aws, &assume(&alice(&aws), HUB).await.unwrap());
    let spoke = session(&aws, &assume(&hub, SPOKE).await.unwrap());
    let output = assume(&spoke, LEAF).await.unwrap();
    let credentials = output.credentials().unwrap();
    assert_eq!(credentials.session_token().len(), 4096);
    assert!(credentials.access_key_id().starts_with("ASIA"));
    assert_eq!(
        who(&session(&aws, &output)).await.unwrap(),
        "arn:aws:sts::999999999999:assumed-role/leaf/me@host.abc"
    );

    let calls = aws.calls();
    assert_eq!(aws.count("AssumeRole"), 3);
    assert_eq!(calls[0].access_key_id.as_deref(), Some(KEY));
    assert_eq!(calls[1].access_key_id, calls[0].issued);
    assert_eq!(calls[2].role.as_deref(), Some(LEAF));
    assert_eq!(calls[2].region.as_deref(), Some("eu-central-1"));
    assert_eq!(output.request_id(), Some(calls[2].request_id.as_str()));
    assert!(calls.iter().all(|it| it.outcome == Outcome::Answered));
}

#[tokio::test]
async fn a_wrong_parent_key_secret_or_token_is_refused() {
    let aws = start();
    let output = assume(&alice(&aws), HUB).await.unwrap();
    let it = output.credentials().unwrap();
    let (id, secret, token) = (
        it.access_key_id(),
        it.secret_access_key(),
        it.session_token(),
    );
    let table = [
        (keys("AKIAUNKNOWN", SECRET, None), "InvalidClientTokenId"),
        (keys(KEY, "wrong", None), "SignatureDoesNotMatch"),
        (keys(KEY, SECRET, Some(token)), "InvalidClientTokenId"),
        (keys(id, secret, None), "InvalidClientTokenId"),
        (keys(id, secret, Some("wrong")), "InvalidClientTokenId"),
        (keys(id, SECRET, Some(token)), "SignatureDoesNotMatch"),
    ];
    for (credentials, expected) in table {
        let result = who(&client(&aws, credentials)).await;
        assert_eq!(result, Err(expected.into()));
    }
    let wrong_parent = assume(&alice(&aws), SPOKE).await;
    assert_eq!(wrong_parent.unwrap_err(), "AccessDenied");
}

#[tokio::test]
async fn a_session_ends_and_a_clock_may_be_wrong() {
    let aws = start();
    let hub = session(&aws, &assume(&alice(&aws), HUB).await.unwrap());
    // An hour from now the key is dead, but so is the signature's time; hence the short lifetime.
    aws.fail(Fault::new(Effect::Lifetime { seconds: 1 }).once());
    let short = session(&aws, &assume(&alice(&aws), HUB).await.unwrap());
    aws.set_clock_offset(SignedDuration::from_secs(2));
    assert_eq!(who(&short).await, Err("ExpiredToken".into()));
    assert!(who(&hub).await.is_ok());

    aws.set_clock_offset(SignedDuration::from_mins(16));
    let error = alice(&aws).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("SignatureDoesNotMatch"));
    assert!(error.message().unwrap().starts_with("Signature expired: "));
    let date = error.raw_response().unwrap().headers().get("date").unwrap();
    let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    let ahead = date.duration_since(jiff::Timestamp::now());
    assert!(ahead > SignedDuration::from_mins(15), "{ahead}");
    aws.reset();
    assert!(who(&hub).await.is_ok());
}

#[tokio::test]
async fn durations_are_checked_where_they_are_asked() {
    let aws = start();
    let asking = async |client: &Client, role: &str, seconds: i32| {
        let call = client.assume_role().role_arn(role).role_session_name("me");
        let result = call.duration_seconds(seconds).send().await;
        result.map_err(|error| error.message().unwrap_or_default().to_owned())
    };
    let alice = alice(&aws);
    let output = asking(&alice, HUB, 43_200).await.unwrap();
    let ends = *output.credentials().unwrap().expiration();
    let left = SystemTime::try_from(ends).unwrap().elapsed().unwrap_err();
    assert!(left.duration() > Duration::from_secs(43_190));
    let message = asking(&alice, HUB, 899).await.unwrap_err();
    assert!(
        message.contains("greater than or equal to 900"),
        "{message}"
    );
    let hub = session(&aws, &output);
    let message = asking(&hub, SPOKE, 3601).await.unwrap_err();
    assert!(message.ends_with("role chaining"), "{message}");
}

#[tokio::test]
async fn every_fault_is_seen_by_the_sdk() {
    let aws = start();
    let alice = alice(&aws);
    let table = [
        (Fault::new(Effect::Hang), "timeout"),
        (Fault::delay(Duration::from_secs(5)), "timeout"),
        (Fault::new(Effect::Drip { milliseconds: 100 }), "timeout"),
        (Fault::error(500, "InternalFailure"), "InternalFailure"),
        (
            Fault::new(Effect::Throttle {
                retry_after: Some(7),
            }),
            "Throttling",
        ),
        (Fault::new(Effect::CloseMidBody), "response"),
        (Fault::new(Effect::CloseBeforeAnswer), "dispatch"),
    ];
    for (fault, expected) in table {
        aws.fail(fault.clone().once());
        let result = assume(&alice, HUB).await.map(|_| ());
        assert_eq!(result.unwrap_err(), expected, "{fault:?}");
    }
    let outcomes: Vec<Outcome> = aws.calls().into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Pending);
    assert_eq!(outcomes[3], Outcome::Refused("InternalFailure".into()));
    assert_eq!(outcomes[6], Outcome::Closed);
    assert!(assume(&alice, HUB).await.is_ok());
}

/// The SDK (1.124) does not mind a document that ends early: it fills what is missing with defaults.
/// Whoever takes its answers must look at every field; `rolecalld` must.
#[tokio::test]
async fn broken_xml_is_an_error_or_an_answer_without_an_end() {
    let aws = start();
    aws.fail(Fault::new(Effect::BrokenXml).once());
    if let Ok(output) = assume(&alice(&aws), HUB).await {
        let expiration = *output.credentials().unwrap().expiration();
        assert_eq!(expiration, aws_sdk_sts::primitives::DateTime::from_secs(0));
    }
}

#[tokio::test]
async fn answers_can_lie() {
    let aws = start();
    let alice = alice(&aws);
    let arn = "arn:aws:sts::111122223333:assumed-role/admin/me";
    aws.fail(
        Fault::new(Effect::WrongArn { arn: arn.into() })
            .and(Effect::LongTermKey)
            .and(Effect::Lifetime { seconds: -60 })
            .and(Effect::HugeXml { bytes: 100_000 })
            .for_role("hub")
            .once(),
    );
    let output = assume(&alice, HUB).await.unwrap();
    assert_eq!(output.assumed_role_user().unwrap().arn(), arn);
    let credentials = output.credentials().unwrap();
    assert!(credentials.access_key_id().starts_with("AKIA"));
    assert!(
        SystemTime::try_from(*credentials.expiration())
            .unwrap()
            .elapsed()
            .is_ok()
    );
}

#[tokio::test]
async fn connections_are_refused_while_it_is_down() {
    let aws = start();
    let alice = alice(&aws);
    assert!(who(&alice).await.is_ok());
    aws.go_down();
    assert_eq!(who(&alice).await, Err("dispatch".into()));
    let refused = std::net::TcpStream::connect(aws.address()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    aws.come_back();
    assert_eq!(who(&alice).await.as_deref(), Ok(USER));
    assert_eq!(aws.count("GetCallerIdentity"), 2);
}

#[tokio::test]
async fn waiting_sees_a_call_that_is_not_answered_yet() {
    let aws = start();
    aws.fail(Fault::new(Effect::Hang));
    let alice = alice(&aws);
    let asking = tokio::spawn(async move { assume(&alice, HUB).await.map(|_| ()) });
    let aws = tokio::task::spawn_blocking(move || {
        let calls = aws.wait_until(Duration::from_secs(10), |calls| !calls.is_empty());
        assert_eq!(calls[0].outcome, Outcome::Pending);
        aws
    })
    .await
    .unwrap();
    assert_eq!(asking.await.unwrap(), Err("timeout".into()));
    drop(aws);
}

/// Neither makes the SDK's reader grow or recurse; a longer document is for the caller to cap.
#[tokio::test]
async fn entities_and_depth_are_read_over() {
    let aws = start();
    let alice = alice(&aws);
    for effect in [Effect::EntityXml, Effect::DeepXml { depth: 20_000 }] {
        aws.fail(Fault::new(effect).once());
        let output = assume(&alice, HUB).await.unwrap();
        assert!(who(&session(&aws, &output)).await.is_ok());
    }
}
