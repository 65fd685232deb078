//! What is asked, and which answers are believed.

use super::*;

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
