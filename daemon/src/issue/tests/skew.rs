//! Clocks that differ.

use super::*;

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
