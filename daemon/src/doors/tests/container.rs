use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Code, Door};

use super::super::container::Container;
use super::super::fake::{FakeRole, START, Taken, World, ask, head, problem, tcp_visitor};
use super::super::visitor::Visitor;
use crate::config::ExecFiles;
use crate::keeper::NoSession;
use crate::lease::doors::Doors;
use crate::lease::scope::{Leader, Scope};
use crate::lease::{Leases, Wanted};
use crate::ledger::Event;
use crate::recipe::{Narrowing, RoleName};

struct Rig {
    world: World,
    door: Container,
    leases: Leases,
    visitor: Arc<Visitor>,
    token: String,
    lease: String,
}

/// A lease of `dev`.
fn wanted(leases: &Leases) -> Wanted {
    Wanted {
        prepared: leases.prepare("dev", Narrowing::default()),
        only: false,
        ttl: None,
        role: RoleName::new("dev").unwrap(),
        scope: Scope::Process(Leader {
            pid: 41,
            start_time: 410,
            boot_id: "boot-a".to_owned(),
            name: None,
        }),
        reason: None,
        through_lock: false,
        files: ExecFiles {
            config: String::new().into(),
            credentials: String::new().into(),
        },
        peer: None,
        consumer: None,
        doors: Doors::default(),
    }
}

impl Rig {
    async fn new() -> Self {
        let world = World::new();
        world.roles.add(&FakeRole::new("prod", None));
        let leases = world.leases().await;
        let (lease, token) = leases.create(wanted(&leases)).await.unwrap();
        let door = Container::new(
            world.roles.clone(),
            leases.clone(),
            world.access(),
            world.records.clone(),
            Arc::new(world.clock.clone()),
        );
        Self {
            door,
            leases,
            visitor: tcp_visitor(Door::Container),
            token: token.to_string(),
            lease: lease.id().to_owned(),
            world,
        }
    }

    async fn ask(&self, method: &str, path: &str, tokens: &[&str]) -> Taken {
        let headers: Vec<_> = tokens
            .iter()
            .map(|token| ("authorization", *token))
            .collect();
        ask(&self.door, &self.visitor, head(method, path, &headers), "").await
    }

    async fn get(&self, path: &str) -> Taken {
        self.ask("GET", path, &[&self.token]).await
    }
}

/// Both spellings, and exactly the content type that Go and Kotlin look for.
fn assert_error(taken: &Taken, status: u16, code: &str) {
    assert_eq!(taken.status, status, "{taken:?}");
    assert_eq!(taken.header("content-type"), Some("application/json"));
    assert_eq!(taken.header("cache-control"), Some("no-store"));
    assert_eq!(taken.header("www-authenticate"), None);
    let body = taken.json();
    assert_eq!(body["code"], code);
    assert_eq!(body["Code"], code);
    assert_eq!(body["message"], body["Message"]);
    assert!(!body["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn the_lease_s_token_opens_its_role() {
    let rig = Rig::new().await;
    for path in ["/role/dev", "/role/dev?a=b", "/role/%64ev", "//role/dev"] {
        let taken = rig.get(path).await;
        assert_eq!(
            (taken.status, taken.body.as_str()),
            (200, r#"{"http":"ASIAFIRST"}"#)
        );
        assert_eq!(taken.header("content-type"), Some("application/json"));
        assert_eq!(taken.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_lease_is_for_its_role_even_if_another_has_its_slug() {
    let rig = Rig::new().await;
    let wanted = Wanted {
        role: RoleName::new("x_a_20b").unwrap(),
        ..wanted(&rig.leases)
    };
    let (_, token) = rig.leases.create(wanted).await.unwrap();
    for (name, key) in [("a b", "ASIAOTHER"), ("x_a_20b", "ASIAMEANT")] {
        let role = FakeRole::new(name, None);
        role.hold(key, START);
        rig.world.roles.add(&role);
    }
    let taken = rig.ask("GET", "/role/x_a_20b", &[&token]).await;
    assert_eq!(taken.body, r#"{"http":"ASIAMEANT"}"#);
}

#[tokio::test]
async fn every_other_token_opens_nothing() {
    let rig = Rig::new().await;
    let token = rig.token.as_str();
    let swapped: String = token
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let (longer, bearer) = (format!("{token}x"), format!("Bearer {token}"));
    let tokens: [&[&str]; 8] = [
        &[],
        &[""],
        &["wrong"],
        &[&swapped],
        &[&token[..token.len() - 1]],
        &[&longer],
        &[&bearer],
        &[token, token],
    ];
    for tokens in tokens {
        for path in ["/role/dev", "/role/prod", "/role/none", "/", "/role/"] {
            let taken = rig.ask("GET", path, tokens).await;
            assert_error(&taken, 401, "no_lease");
        }
    }
    let refused =
        rig.world.recorded().into_iter().filter(|record| {
            record.event == Event::Refused && record.rule.as_deref() == Some("lease")
        });
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn a_good_token_opens_no_other_role_and_no_other_path() {
    let rig = Rig::new().await;
    assert_error(&rig.get("/role/prod").await, 403, "refused");
    for path in [
        "/role/none",
        "/role/",
        "/role",
        "/",
        "/role/dev/x",
        "/role/dev;x",
        "/role/a/../dev",
    ] {
        assert_error(&rig.get(path).await, 404, "unknown_role");
    }
}

#[tokio::test]
async fn a_lease_that_has_ended_opens_nothing() {
    let rig = Rig::new().await;
    assert!(rig.leases.end(&rig.lease, "ended by hand").await.unwrap());
    assert_error(&rig.get("/role/dev").await, 401, "no_lease");
}

#[tokio::test]
async fn only_get_is_answered() {
    let rig = Rig::new().await;
    for method in ["POST", "PUT", "HEAD", "DELETE"] {
        let taken = rig.ask(method, "/role/dev", &[&rig.token]).await;
        assert_error(&taken, 405, "method_not_allowed");
        assert_eq!(taken.header("allow"), Some("GET"));
    }
}

#[tokio::test]
async fn without_a_session_answers_are_the_table_s() {
    let rig = Rig::new().await;
    for (none, status, code) in [
        (
            NoSession::NotReady(problem(Code::NotReady)),
            503,
            "not_ready",
        ),
        (
            NoSession::Unusable(problem(Code::Unusable)),
            404,
            "unusable",
        ),
        (
            NoSession::AwsUnavailable(problem(Code::AwsUnavailable)),
            503,
            "aws_unavailable",
        ),
        (
            NoSession::AwsDenied(problem(Code::AwsDenied)),
            503,
            "aws_denied",
        ),
        (
            NoSession::LedgerUnavailable(problem(Code::LedgerUnavailable)),
            503,
            "ledger_unavailable",
        ),
    ] {
        rig.world.dev.fail(none);
        assert_error(&rig.get("/role/dev").await, status, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_is_waited_for_900_ms_and_not_longer() {
    let rig = Rig::new().await;
    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_millis(800));
    assert_eq!(rig.get("/role/dev").await.status, 200);
    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_secs(1));
    assert_error(&rig.get("/role/dev").await, 503, "not_ready");
    let asked = rig.world.dev.asked_to_wait.lock().unwrap().clone();
    assert_eq!(asked, [Duration::from_millis(900); 2]);
}

#[tokio::test]
async fn the_first_serve_is_recorded_with_its_lease() {
    let rig = Rig::new().await;
    rig.get("/role/dev").await;
    rig.get("/role/dev").await;
    // The first record is the lease's.
    let records = rig.world.until_recorded(2).await;
    assert_eq!(records[1].event, Event::Serve);
    assert_eq!(records[1].lease.as_deref(), Some(rig.lease.as_str()));
    assert_eq!(records[1].door, Some(Door::Container));
    rig.world.dev.hold("ASIASECOND", START);
    rig.get("/role/dev").await;
    assert_eq!(rig.world.until_recorded(3).await[2].event, Event::Serve);
}
