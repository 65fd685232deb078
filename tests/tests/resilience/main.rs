//! What goes on when AWS, the daemon, its configuration or its disk do not.
//!
//! One program, so that the scenarios wait for their sessions' ends side by side.

mod lapse;
mod ledger;
mod outage;
mod reloading;
mod restart;
mod skew;
mod stopping;

use jiff::Timestamp;
use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::Answer;
use serde_json::Value;

/// Sessions of this many seconds: AWS gives none below 900, but whose ends a test can wait for.
fn lasting(seconds: i64) -> Fault {
    Fault::new(Effect::Lifetime { seconds }).on("AssumeRole")
}

fn imds_table(port: u16, role: &str) -> String {
    format!("[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"{role}\"\n")
}

/// The access key id of credentials in an answer of 200, from any door.
#[track_caller]
fn key(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = answer.json();
    body["AccessKeyId"]
        .as_str()
        .expect("an access key id")
        .to_owned()
}

/// When the credentials in an answer of 200 end, from any door.
#[track_caller]
fn expiration(answer: &Answer) -> Timestamp {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = answer.json();
    let text = body["Expiration"].as_str().expect("an expiration");
    text.parse().expect("a time")
}
