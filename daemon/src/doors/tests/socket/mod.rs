mod leases;
mod ledger;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall::api::{Code, Problem, ReloadReport, RoleStatus, Status};
use tokio::sync::watch;

use super::super::fake::{FakeRole, START, Taken, UID, World, ask, head, problem, unix_visitor};
use super::super::guard::{Refusal, Site, check};
use super::super::server::Handler;
use super::super::socket::{Socket, Tools};
use super::super::visitor::Visitor;
use crate::clock::Clock;
use crate::keeper::NoSession;
use crate::ledger::Event;

struct Rig {
    world: World,
    door: Socket,
    visitor: Arc<Visitor>,
    drain: watch::Sender<bool>,
}

impl Rig {
    async fn new() -> Self {
        let world = World::new();
        let drain = watch::Sender::new(false);
        let leases = world.leases().await;
        let door = Socket::new(Tools {
            roles: world.roles.clone(),
            leased: Some(world.leased(&leases)),
            leases,
            access: world.access(),
            records: world.records.clone(),
            control: world.control.clone(),
            metrics: world.metrics.clone(),
            clock: Arc::new(world.clock.clone()),
            started: world.clock.now().wall,
            uid: UID,
            container: Some("127.0.0.1:49152".parse().unwrap()),
            drain: drain.subscribe(),
        });
        Self {
            world,
            door,
            visitor: unix_visitor(),
            drain,
        }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Taken {
        let head = head(method, path, &[("host", "localhost")]);
        check(Site::Socket, &head).unwrap();
        let taken = ask(&self.door, &self.visitor, head, body).await;
        assert_eq!(
            taken.header("rolecall-version"),
            Some(env!("CARGO_PKG_VERSION"))
        );
        taken
    }

    async fn get(&self, path: &str) -> Taken {
        self.ask("GET", path, "").await
    }

    async fn problem(&self, method: &str, path: &str, body: &str) -> (u16, Problem) {
        let taken = self.ask(method, path, body).await;
        assert_eq!(taken.header("content-type"), Some("application/json"));
        (taken.status, serde_json::from_str(&taken.body).unwrap())
    }
}

#[tokio::test]
async fn credentials_are_the_rendered_body() {
    let rig = Rig::new().await;
    for path in [
        "/v1/credentials/dev",
        "/v1/credentials/%64ev?wait=55&can_prompt=true",
        "/v1/credentials/dev?unknown=1",
    ] {
        let taken = rig.get(path).await;
        assert_eq!(
            (taken.status, taken.body.as_str()),
            (200, r#"{"process":"ASIAFIRST"}"#)
        );
        assert_eq!(taken.header("content-type"), Some("application/json"));
        assert_eq!(taken.header("cache-control"), Some("no-store"));
    }
    assert!(rig.world.dev.asked_to_wait.lock().unwrap().is_empty());
    let records = rig.world.recorded();
    assert_eq!((records.len(), records[0].event), (1, Event::Serve));
}

#[tokio::test]
async fn a_role_is_found_by_the_short_name_that_setup_writes() {
    let rig = Rig::new().await;
    let team = FakeRole::new("team/dev", None);
    team.hold("ASIATEAM", START);
    rig.world.roles.add(&team);
    for path in ["/v1/credentials/team%2Fdev", "/v1/credentials/x_team_2fdev"] {
        let taken = rig.get(path).await;
        assert_eq!(taken.body, r#"{"process":"ASIATEAM"}"#, "{path}");
    }
    assert_eq!(rig.get("/v1/credentials/x_team").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_cold_role_is_waited_for_as_long_as_the_request_says() {
    let rig = Rig::new().await;
    let cold = |after| {
        *rig.world.dev.held.lock().unwrap() = None;
        *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_secs(after));
    };
    cold(50);
    assert_eq!(rig.get("/v1/credentials/dev?wait=51").await.status, 200);
    cold(56);
    let (status, problem) = rig
        .problem("GET", "/v1/credentials/dev?wait=3600", "")
        .await;
    assert_eq!((status, problem.code), (503, Code::NotReady));
    cold(1);
    assert_eq!(rig.get("/v1/credentials/dev").await.status, 503);
    let asked = rig.world.dev.asked_to_wait.lock().unwrap().clone();
    assert_eq!(asked, [51, 55, 0].map(Duration::from_secs));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_a_reload_replaced_meanwhile_is_asked_anew() {
    let rig = Rig::new().await;
    *rig.world.dev.held.lock().unwrap() = None;
    *rig.world.dev.waits.lock().unwrap() = Ok(Duration::from_secs(30));
    let successor = FakeRole::new("dev", None);
    *successor.waits.lock().unwrap() = Ok(Duration::ZERO);
    let reload = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.world.roles.add(&successor);
        rig.world.clock.advance(Duration::from_secs(4));
    };
    let (taken, ()) = tokio::join!(rig.get("/v1/credentials/dev?wait=10"), reload);
    assert_eq!(taken.status, 200, "{}", taken.body);
    let asked = successor.asked_to_wait.lock().unwrap().clone();
    assert_eq!(asked, [Duration::from_secs(6)]);
}

#[tokio::test]
async fn without_a_session_answers_are_the_table_s() {
    let rig = Rig::new().await;
    for (none, status, code) in [
        (
            NoSession::NotReady(problem(Code::NotReady)),
            503,
            Code::NotReady,
        ),
        (
            NoSession::Unusable(problem(Code::Unusable)),
            409,
            Code::Unusable,
        ),
        (
            NoSession::AwsUnavailable(problem(Code::AwsUnavailable)),
            503,
            Code::AwsUnavailable,
        ),
        (
            NoSession::AwsDenied(problem(Code::AwsDenied)),
            502,
            Code::AwsDenied,
        ),
        (
            NoSession::LedgerUnavailable(problem(Code::LedgerUnavailable)),
            503,
            Code::LedgerUnavailable,
        ),
    ] {
        rig.world.dev.fail(none);
        let (found, problem) = rig.problem("GET", "/v1/credentials/dev", "").await;
        assert_eq!((found, problem.code), (status, code));
        assert_eq!(problem.hint.as_deref(), Some("do this"));
    }
}

#[tokio::test]
async fn an_unknown_role_makes_the_files_be_read_again_once() {
    let rig = Rig::new().await;
    let (status, problem) = rig.problem("GET", "/v1/credentials/dve", "").await;
    assert_eq!((status, problem.code), (404, Code::UnknownRole));
    assert_eq!(problem.hint.as_deref(), Some("did you mean `dev`?"));
    assert_eq!(rig.world.control.freshened.load(Ordering::Relaxed), 1);

    let fresh = FakeRole::new("new/one", None);
    fresh.hold("ASIANEW", START);
    *rig.world.control.fresh.lock().unwrap() = Some((rig.world.roles.clone(), fresh));
    let taken = rig.get("/v1/credentials/new%2Fone").await;
    assert_eq!(taken.body, r#"{"process":"ASIANEW"}"#);
}

#[tokio::test]
async fn wrong_requests_are_named() {
    let rig = Rig::new().await;
    for (method, path, status, code) in [
        ("GET", "/", 404, Code::NotFound),
        ("GET", "/v1", 404, Code::NotFound),
        ("GET", "/v2/status", 404, Code::NotFound),
        ("GET", "/v1/credentials/", 404, Code::NotFound),
        ("POST", "/v1/status", 405, Code::MethodNotAllowed),
        ("GET", "/v1/reload", 405, Code::MethodNotAllowed),
        ("HEAD", "/v1/credentials/dev", 405, Code::MethodNotAllowed),
        ("GET", "/v1/credentials/dev?wait=x", 400, Code::BadRequest),
        ("GET", "/v1/credentials/dev?wait=-1", 400, Code::BadRequest),
        (
            "GET",
            "/v1/credentials/dev?can_prompt=maybe",
            400,
            Code::BadRequest,
        ),
        ("GET", "/v1/ledger?count=all", 400, Code::BadRequest),
        ("POST", "/v1/leases", 400, Code::BadRequest),
        ("POST", "/v1/config/setup", 400, Code::BadRequest),
        ("DELETE", "/v1/leases/none", 404, Code::NotFound),
    ] {
        let (found, problem) = rig.problem(method, path, "").await;
        assert_eq!((found, problem.code), (status, code), "{method} {path}");
    }
    let allowed = rig.ask("PUT", "/v1/leases", "").await;
    assert_eq!(allowed.header("allow"), Some("GET, POST"));
}

#[tokio::test]
async fn refusals_of_the_guard_are_problems_too() {
    let rig = Rig::new().await;
    let from_a_browser = head(
        "GET",
        "/v1/status",
        &[("host", "localhost"), ("origin", "null")],
    );
    let refusal: Refusal = check(Site::Socket, &from_a_browser).unwrap_err();
    let taken = Taken::from(rig.door.refuse(&refusal)).await;
    let problem: Problem = serde_json::from_str(&taken.body).unwrap();
    assert_eq!((taken.status, problem.code), (403, Code::Refused));
    assert_eq!(
        taken.header("rolecall-version"),
        Some(env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn status_has_roles_with_their_consumers() {
    let rig = Rig::new().await;
    rig.get("/v1/credentials/dev").await;
    let status: Status = serde_json::from_str(&rig.get("/v1/status").await.body).unwrap();
    assert_eq!((status.uid, status.store.as_str()), (UID, "memory"));
    assert_eq!(status.started, "2026-01-01T00:00:00Z");
    assert_eq!(status.roles[0].consumers[0].name, "terraform");
    assert_eq!(status.roles[0].consumers[0].pid, Some(42));
    let roles: Vec<RoleStatus> = serde_json::from_str(&rig.get("/v1/roles").await.body).unwrap();
    assert_eq!(roles, status.roles);
}

#[tokio::test]
async fn whoami_asks_aws_with_the_role_s_session() {
    let rig = Rig::new().await;
    let identity = rig.get("/v1/whoami/dev").await.json();
    assert_eq!(
        identity["arn"],
        "arn:aws:sts::123456789012:assumed-role/Dev/me"
    );
    rig.world
        .dev
        .fail(NoSession::AwsDenied(problem(Code::AwsDenied)));
    assert_eq!(rig.get("/v1/whoami/dev").await.status, 502);
    assert_eq!(rig.get("/v1/whoami/none").await.status, 404);
}

#[tokio::test]
async fn reload_check_and_setup_are_the_daemon_s_business() {
    let rig = Rig::new().await;
    let taken = rig.ask("POST", "/v1/reload", "").await;
    let report: ReloadReport = serde_json::from_str(&taken.body).unwrap();
    assert!(taken.status == 200 && report.applied);
    rig.world.control.broken.store(true, Ordering::Relaxed);
    let taken = rig.ask("POST", "/v1/reload", "").await;
    let report: ReloadReport = serde_json::from_str(&taken.body).unwrap();
    assert!(taken.status == 409 && !report.applied);
    let check = rig.ask("POST", "/v1/config/check", "").await.json();
    assert_eq!(check["roles"][0], "dev");
    let asked = r#"{"profiles":["dev"],"client":"/usr/bin/rolecall"}"#;
    let plan = rig.ask("POST", "/v1/config/setup", asked).await.json();
    assert_eq!(plan["moved"][0], "dev");
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let rig = Rig::new().await;
    rig.world
        .metrics
        .refused(rolecall::api::Door::Imds, "guard");
    let line = r#"{"v":1,"event":"issued","role":"dev,prod"}"#;
    let (news, receiver) = tokio::sync::broadcast::channel(4);
    news.send(line.into()).unwrap();
    news.send("not json".into()).unwrap();
    drop(news);
    rig.world.metrics.clone().follow(receiver).await;
    let taken = rig.get("/v1/metrics").await;
    for line in [
        r#"rolecall_refusals_total{door="imds",rule="guard"} 1"#,
        r#"rolecall_steps_total{role="dev",event="issued"} 1"#,
        r#"rolecall_steps_total{role="prod",event="issued"} 1"#,
        r#"rolecall_session_held{role="dev"} 0"#,
        r#"rolecall_answers_total{door="socket",status="200"} 0"#,
        "rolecall_start_time_seconds 1767225600",
        &format!(
            r#"rolecall_build_info{{version="{}"}} 1"#,
            env!("CARGO_PKG_VERSION")
        ),
        "# EOF",
    ] {
        assert!(
            taken.body.lines().any(|found| found == line),
            "{line}\n{}",
            taken.body
        );
    }
}
