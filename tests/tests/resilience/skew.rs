//! Clocks that differ.

use jiff::{SignedDuration, Timestamp};
use rolecall_tests::harness::World;

use super::{expiration, key};

#[track_caller]
fn issue_with_aws_ahead_by(offset: SignedDuration) {
    let mut world = World::new();
    world.aws.set_clock_offset(offset);
    world.start();
    let answer = world.get("/v1/credentials/dev?wait=20");
    key(&answer);
    // AWS's refusal told the time; one repetition, with the signature as AWS wants it.
    assert_eq!(world.aws.count("AssumeRole"), 2, "{:#?}", world.aws.calls());
    // An hour by the local clock, less a minute.
    let left = expiration(&answer).duration_since(Timestamp::now());
    let off = left - SignedDuration::from_mins(59);
    assert!(off.abs() < SignedDuration::from_secs(20), "{left:#}");
    // Learnt once, for all.
    key(&world.get("/v1/credentials/hub?wait=20"));
    assert_eq!(world.aws.count("AssumeRole"), 3, "{:#?}", world.aws.calls());
}

#[test]
fn aws_is_ahead() {
    issue_with_aws_ahead_by(SignedDuration::from_mins(20));
}

#[test]
fn aws_is_behind() {
    issue_with_aws_ahead_by(SignedDuration::from_mins(-20));
}
