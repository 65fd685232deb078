//! AWS fails: what is held is served to its end, and after it each door says so in its own way.

use std::time::Duration;

use jiff::Timestamp;
use rolecall_tests::fake_aws::{Effect, Fault};
use rolecall_tests::harness::{Answer, Imds, Lease, World, free_port, timed, until};
use serde_json::Value;

use super::{expiration, imds_table, key, lasting};

/// How long the one good session lasts, in seconds.
const LIFETIME: i64 = 24;

/// One role behind all doors.
struct Doors {
    world: World,
    imds: Imds,
    lease: Lease,
}

impl Doors {
    /// With a session of so many seconds, after which every AssumeRole meets `fault`.
    fn open(seconds: i64, fault: Fault) -> Self {
        let mut world = World::new();
        let port = free_port();
        world.configure(&imds_table(port, "dev"));
        world.aws.fail(lasting(seconds).once());
        world.aws.fail(fault.on("AssumeRole"));
        world.start();
        let lease = world.lease("dev");
        let imds = world.imds(port);
        Self { world, imds, lease }
    }

    /// Credentials as each door gives them.
    fn read(&self) -> [Answer; 3] {
        [
            self.world.get("/v1/credentials/dev"),
            self.lease.read(),
            self.imds.document("dev"),
        ]
    }

    /// Reads on every door until the session ends: nothing else than that session, until its end.
    /// Returns with the time past the end.
    #[track_caller]
    fn read_to_the_end(&self) {
        let first = self.read();
        let (the_key, end) = (key(&first[0]), expiration(&first[0]));
        let over = until(Duration::from_mins(1), || {
            let before = Timestamp::now();
            let answers = self.read();
            let after = Timestamp::now();
            for answer in &answers {
                if answer.status == 200 {
                    assert_eq!((key(answer), expiration(answer)), (the_key.clone(), end));
                    assert!(before < end, "served at {before} though it ended at {end}");
                } else {
                    assert!(after >= end, "{} at {after} before {end}", answer.status);
                }
            }
            std::thread::sleep(Duration::from_millis(100));
            (before >= end).then_some(())
        });
        assert!(over.is_some(), "no end of the session at {end}");
        assert!(
            self.world.aws.count("AssumeRole") > 1,
            "no renewal was tried"
        );
    }

    /// The doors that are no socket, without a session to give.
    #[track_caller]
    fn assert_http_doors_say_503(&self, codes: &[&str]) {
        let answer = self.lease.read();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body: Value = answer.json();
        assert!(codes.iter().any(|code| body["code"] == *code), "{body}");
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        for answer in [self.imds.listing(), self.imds.document("dev")] {
            assert_eq!((answer.status, answer.text().as_str()), (503, ""));
        }
    }

    /// Every door serves again once AWS does. Retries are up to a minute apart.
    #[track_caller]
    fn assert_served_again(&self, old: &str) {
        self.world.aws.heal();
        let again = until(Duration::from_secs(75), || {
            let answers = self.read();
            answers
                .iter()
                .all(|answer| answer.status == 200)
                .then_some(answers)
        });
        let again = again.unwrap_or_else(|| panic!("not served again\n{}", self.world.log()));
        for answer in &again {
            assert_ne!(key(answer), old);
            assert!(expiration(answer) > Timestamp::now());
        }
    }
}

/// The whole story, with an AWS that fails for good after the first session.
#[track_caller]
fn outlive(fault: Fault, status: u16, code: &str) {
    let doors = Doors::open(LIFETIME, fault);
    let old = key(&doors.read()[0]);
    doors.read_to_the_end();

    let answer = doors.world.get("/v1/credentials/dev?wait=20");
    let body: Value = answer.json();
    assert_eq!((answer.status, &body["code"]), (status, &Value::from(code)));
    let finished = doors.world.rolecall(&["process", "dev"]);
    assert_eq!(finished.code(), Some(7), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    doors.assert_http_doors_say_503(&[code, "not_ready"]);

    doors.assert_served_again(&old);
}

/// Client contract 93.
#[test]
fn aws_answers_500() {
    outlive(Fault::error(500, "InternalFailure"), 503, "aws_unavailable");
}

/// Client contract 93.
#[test]
fn aws_denies() {
    outlive(Fault::error(403, "AccessDenied"), 502, "aws_denied");
}

/// The times are the promise: what SDKs give the doors (DESIGN rule 8).
///
/// Client contract 42, 81, 83.
#[test]
fn aws_hangs() {
    let doors = Doors::open(12, Fault::new(Effect::Hang));
    doors.read_to_the_end();

    let (answer, took) = quickest(|| doors.imds.listing());
    assert_eq!((answer.status, answer.text().as_str()), (503, ""));
    assert!((350..1000).contains(&took.as_millis()), "{took:?}");

    let (answer, took) = quickest(|| doors.lease.read());
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!((850..1500).contains(&took.as_millis()), "{took:?}");

    for (wait, most) in [(0, 900), (2, 3500)] {
        let path = format!("/v1/credentials/dev?wait={wait}");
        let (answer, took) = quickest(|| doors.world.get(&path));
        let body: Value = answer.json();
        assert_eq!(
            (answer.status, &body["code"]),
            (503, &Value::from("not_ready"))
        );
        let range = wait * 1000..most;
        assert!(range.contains(&took.as_millis()), "wait={wait}: {took:?}");
    }
    doors.assert_http_doors_say_503(&["not_ready"]);
}

/// The quickest of three answers, and its time: a busy machine makes some slow, and none quick.
fn quickest(mut ask: impl FnMut() -> Answer) -> (Answer, Duration) {
    let answers = [(); 3].map(|()| timed(&mut ask));
    let quickest = answers.into_iter().min_by_key(|(_, took)| *took);
    quickest.expect("three")
}
