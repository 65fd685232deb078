use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Code, Door};

use super::super::fake::{FakeRole, Taken, UID, World, ask, head, problem, tcp_visitor};
use super::super::imds::Imds;
use super::super::token::{TokenAuthority, TokenKey};
use super::super::visitor::Visitor;
use crate::keeper::NoSession;
use crate::ledger::Event;
use crate::secrets::SeededRandom;

const TOKEN: &str = "/latest/api/token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const LISTING: &str = "/latest/meta-data/iam/security-credentials/";
const EXTENDED: &str = "/latest/meta-data/iam/security-credentials-extended/";

struct Rig {
    world: World,
    door: Imds,
    visitor: Arc<Visitor>,
}

impl Rig {
    fn new() -> Self {
        Self::serving("dev")
    }

    fn serving(role: &str) -> Self {
        let world = World::new();
        let key = TokenKey::random(&SeededRandom::new(1));
        let door = Imds::new(
            role.to_owned(),
            world.roles.clone(),
            TokenAuthority::new(&key, "boot-a", "127.0.0.1:1690"),
            world.access(),
            world.records.clone(),
            Arc::new(world.clock.clone()),
        );
        Self {
            world,
            door,
            visitor: tcp_visitor(Door::Imds),
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Taken {
        ask(&self.door, &self.visitor, head(method, path, headers), "").await
    }

    async fn token(&self, ttl: &str) -> String {
        let taken = self.ask("PUT", TOKEN, &[(TTL, ttl)]).await;
        assert_eq!(taken.status, 200);
        taken.body
    }

    async fn get(&self, path: &str) -> Taken {
        let token = self.token("21600").await;
        self.ask("GET", path, &[("x-aws-ec2-metadata-token", &token)])
            .await
    }
}

#[tokio::test]
async fn tokens_are_given_for_a_ttl_in_bounds() {
    let rig = Rig::new();
    for ttl in ["1", "300", "21600"] {
        let taken = rig.ask("PUT", TOKEN, &[(TTL, ttl)]).await;
        assert_eq!((taken.status, taken.header(TTL)), (200, Some(ttl)));
        assert_eq!(taken.header("content-type"), Some("text/plain"));
        assert_eq!(taken.header("cache-control"), Some("no-store"));
        assert!(!taken.body.is_empty() && taken.body.len() <= 128);
        assert!(taken.body.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let long = "1".repeat(30);
    for ttl in ["0", "21601", "-1", "+5", "1.5", "abc", "", "0x10", &long] {
        let taken = rig.ask("PUT", TOKEN, &[(TTL, ttl)]).await;
        assert_eq!((taken.status, taken.body.as_str()), (400, ""), "{ttl:?}");
    }
    assert_eq!(rig.ask("PUT", TOKEN, &[]).await.status, 400);
    let two = [(TTL, "300"), (TTL, "300")];
    assert_eq!(rig.ask("PUT", TOKEN, &two).await.status, 400);
    let slash = rig.ask("PUT", "/latest/api/token/", &[(TTL, "60")]).await;
    assert_eq!(slash.status, 200);
    let twice = rig.ask("PUT", "//latest//api/token", &[(TTL, "60")]).await;
    assert_eq!(twice.status, 200);
}

#[tokio::test]
async fn tokens_come_only_by_put_and_only_from_their_path() {
    let rig = Rig::new();
    for method in ["GET", "HEAD", "POST", "DELETE", "PATCH"] {
        let taken = rig.ask(method, TOKEN, &[(TTL, "300")]).await;
        assert_eq!(
            (taken.status, taken.header("allow")),
            (405, Some("PUT")),
            "{method}"
        );
        assert_eq!(taken.body, "", "{method}");
    }
    for path in ["/latest/meta-data/", "/2021-07-15/api/token", "/", LISTING] {
        let taken = rig.ask("PUT", path, &[(TTL, "300")]).await;
        assert_eq!((taken.status, taken.body.as_str()), (405, ""), "{path}");
    }
}

/// Client contract 14, 19, 20.
#[tokio::test]
async fn without_a_good_token_every_path_is_unauthorized() {
    let rig = Rig::new();
    let good = rig.token("300").await;
    let name = "x-aws-ec2-metadata-token";
    let bad: [&[(&str, &str)]; 4] = [
        &[],
        &[(name, "")],
        &[(name, "garbage")],
        &[(name, &good), (name, "garbage")],
    ];
    for headers in bad {
        for path in [
            LISTING,
            "/latest/meta-data/iam/security-credentials/dev",
            "/none",
        ] {
            for method in ["GET", "HEAD"] {
                let taken = rig.ask(method, path, headers).await;
                assert_eq!((taken.status, taken.body.as_str()), (401, ""), "{path}");
                assert_eq!(taken.header("www-authenticate"), None);
            }
        }
    }
    let canonical = [("X-Aws-Ec2-Metadata-Token", good.as_str())];
    assert_eq!(rig.ask("GET", LISTING, &canonical).await.status, 200);
    rig.world.later(299);
    assert_eq!(rig.ask("GET", LISTING, &canonical).await.status, 200);
    rig.world.later(1);
    let over = rig.ask("GET", LISTING, &canonical).await;
    assert_eq!((over.status, over.body.as_str()), (401, ""));
}

#[tokio::test]
async fn a_token_of_another_uid_is_no_token() {
    let rig = Rig::new();
    let key = TokenKey::random(&SeededRandom::new(1));
    let foreign = TokenAuthority::new(&key, "boot-a", "127.0.0.1:1690").issue(
        UID + 1,
        Duration::from_mins(1),
        super::super::fake::START.boot,
    );
    let taken = rig
        .ask("GET", LISTING, &[("x-aws-ec2-metadata-token", &foreign)])
        .await;
    assert_eq!(taken.status, 401);
}

#[tokio::test]
async fn listing_and_document_agree_in_both_trees() {
    let rig = Rig::new();
    for tree in [LISTING, EXTENDED] {
        for listing in [tree, tree.trim_end_matches('/'), &format!("/{tree}")] {
            let taken = rig.get(listing).await;
            assert_eq!(
                (taken.status, taken.body.as_str()),
                (200, "dev"),
                "{listing}"
            );
            assert_eq!(taken.header(TTL), Some("21600"));
            assert_eq!(taken.header("content-type"), Some("text/plain"));
        }
        for document in [format!("{tree}dev"), format!("{tree}dev/")] {
            let taken = rig.get(&document).await;
            assert_eq!(taken.body, r#"{"http":"ASIAFIRST"}"#, "{document}");
        }
        for none in [
            format!("{tree}prod"),
            format!("{tree}dev/x"),
            format!("{tree}DEV"),
        ] {
            let taken = rig.get(&none).await;
            assert_eq!((taken.status, taken.body.as_str()), (404, ""), "{none}");
        }
    }
    let query = rig.get(&format!("{LISTING}?a=b")).await;
    assert_eq!(query.body, "dev");
}

#[tokio::test]
async fn a_role_of_another_spelling_is_listed_by_its_slug() {
    let rig = Rig::serving("my role");
    let role = FakeRole::new("my role", None);
    role.hold("ASIASLUG", super::super::fake::START);
    rig.world.roles.add(&role);
    let listing = rig.get(LISTING).await.body;
    assert_eq!(listing, "x_my_20role");
    let document = rig.get(&format!("{LISTING}{listing}")).await;
    assert_eq!(document.body, r#"{"http":"ASIASLUG"}"#);
}

#[tokio::test]
async fn the_remaining_ttl_is_told() {
    let rig = Rig::new();
    let token = rig.token("300").await;
    rig.world.later(100);
    let headers = [("x-aws-ec2-metadata-token", token.as_str())];
    let taken = rig.ask("GET", LISTING, &headers).await;
    assert_eq!(taken.header(TTL), Some("200"));
}

#[tokio::test]
async fn places_follow_the_role_s_region() {
    let rig = Rig::new();
    for (path, body) in [
        ("/latest/meta-data/placement/region", "eu-central-1"),
        (
            "/latest/meta-data/placement/availability-zone",
            "eu-central-1a",
        ),
        (
            "/latest/meta-data/placement/availability-zone/",
            "eu-central-1a",
        ),
        ("/latest/meta-data/", "iam/\ninstance-id\nplacement/"),
    ] {
        let taken = rig.get(path).await;
        assert_eq!((taken.status, taken.body.as_str()), (200, body), "{path}");
    }
    let document = rig
        .get("/latest/dynamic/instance-identity/document")
        .await
        .json();
    assert_eq!(document["region"], "eu-central-1");
    assert_eq!(document["accountId"], "123456789012");
    assert_eq!(document["pendingTime"], "2026-01-01T00:00:00Z");
    let instance = rig.get("/latest/meta-data/instance-id").await.body;
    assert!(instance.starts_with("i-") && instance.len() == 19);
    assert_eq!(document["instanceId"], instance.as_str());

    let nowhere = Rig::serving("bare");
    let bare = FakeRole::new("bare", None);
    nowhere.world.roles.add(&bare);
    for path in [
        "/latest/meta-data/placement/region",
        "/latest/meta-data/placement/availability-zone",
        "/latest/dynamic/instance-identity/document",
        "/latest/user-data",
        "/2021-07-15/meta-data/placement/region",
        "/latest/../x",
        "/latest/%2e%2e/x",
    ] {
        let taken = nowhere.get(path).await;
        assert_eq!((taken.status, taken.body.as_str()), (404, ""), "{path}");
    }
}

#[tokio::test]
async fn iam_info_names_account_and_partition() {
    let rig = Rig::new();
    let info = rig.get("/latest/meta-data/iam/info").await.json();
    assert_eq!(
        info["InstanceProfileArn"],
        "arn:aws:iam::123456789012:instance-profile/dev"
    );
    assert_eq!(info["Code"], "Success");
    assert_eq!(info["InstanceProfileId"], "AIPAEXAMPLE");
    assert_eq!(info["LastUpdated"], "2026-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_is_waited_for_400_ms_and_not_longer() {
    let rig = Rig::new();
    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_millis(300));
    assert_eq!(rig.get(LISTING).await.body, "dev");

    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_millis(500));
    let slow = rig.get(LISTING).await;
    assert_eq!((slow.status, slow.body.as_str()), (503, ""));
    let asked = rig.world.dev.asked_to_wait.lock().unwrap().clone();
    assert_eq!(asked, [Duration::from_millis(400); 2]);
}

#[tokio::test]
async fn without_a_session_answers_are_the_table_s_and_empty() {
    let rig = Rig::new();
    for (none, status) in [
        (NoSession::NotReady(problem(Code::NotReady)), 503),
        (NoSession::Unusable(problem(Code::Unusable)), 404),
        (
            NoSession::AwsUnavailable(problem(Code::AwsUnavailable)),
            503,
        ),
        (NoSession::AwsDenied(problem(Code::AwsDenied)), 503),
        (
            NoSession::LedgerUnavailable(problem(Code::LedgerUnavailable)),
            503,
        ),
    ] {
        rig.world.dev.fail(none.clone());
        for path in [
            LISTING,
            EXTENDED,
            "/latest/meta-data/iam/security-credentials/dev",
        ] {
            let taken = rig.get(path).await;
            assert_eq!(
                (taken.status, taken.body.as_str()),
                (status, ""),
                "{none:?}"
            );
        }
    }
    let gone = Rig::serving("gone");
    assert_eq!(gone.get(LISTING).await.status, 404);
}

#[tokio::test]
async fn an_expired_session_is_not_served() {
    let rig = Rig::new();
    rig.world.later(3539);
    assert_eq!(rig.get(LISTING).await.status, 200);
    rig.world.later(1);
    assert_eq!(rig.get(LISTING).await.status, 503);
}

#[tokio::test]
async fn the_first_document_is_recorded_after_the_answer_with_its_process() {
    let rig = Rig::new();
    rig.get(LISTING).await;
    for _ in 0..3 {
        rig.get("/latest/meta-data/iam/security-credentials/dev")
            .await;
    }
    let records = rig.world.until_recorded(1).await;
    let record = &records[0];
    assert_eq!(
        (record.event, record.door),
        (Event::Serve, Some(Door::Imds))
    );
    let consumer = record.consumer.as_ref().unwrap();
    assert_eq!(consumer.process.as_ref().unwrap().pid, 4711);
    assert_eq!(record.session.as_ref().unwrap().akid, "ASIAFIRST");
    assert_eq!(
        record.role_arn.as_deref(),
        Some("arn:aws:iam::123456789012:role/Dev")
    );

    let next = rig.world.later(60);
    rig.world.dev.hold("ASIASECOND", next);
    rig.get("/latest/meta-data/iam/security-credentials/dev")
        .await;
    let records = rig.world.until_recorded(2).await;
    assert_eq!(records[1].session.as_ref().unwrap().akid, "ASIASECOND");
    let searches = &rig.world.whois.searches;
    assert_eq!(searches.load(std::sync::atomic::Ordering::Relaxed), 1);
    let readers = rig.world.records.readers().of("dev", None);
    assert_eq!((readers.len(), readers[0].name.as_str()), (1, "terraform"));
}
