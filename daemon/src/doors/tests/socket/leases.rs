use std::time::Duration;

use rolecall::api::{Code, LeaseGrant};

use super::super::super::fake::problem;
use super::Rig;
use crate::keeper::NoSession;

/// Client contract 102, 103.
#[tokio::test]
async fn a_lease_is_granted_with_what_its_command_needs() {
    let rig = Rig::new().await;
    let asked = r#"{"role":"dev","scope":{"kind":"process","pid":42},"region":"us-east-1"}"#;
    let taken = rig.ask("POST", "/v1/leases", asked).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    let grant: LeaseGrant = serde_json::from_str(&taken.body).unwrap();
    let variable = |name: &str| {
        let mut found = grant.set.iter().filter(|(set, _)| set == name);
        let value = found.next().map(|(_, value)| value.to_string());
        assert!(found.next().is_none(), "{name} is set twice");
        value.unwrap_or_else(|| panic!("{name} is not set"))
    };
    assert_eq!(
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "http://127.0.0.1:49152/role/dev"
    );
    let token_file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    assert_eq!(std::fs::read_to_string(token_file).unwrap(), token);
    assert_eq!(variable("AWS_REGION"), "eu-central-1");
    assert_eq!(variable("AWS_DEFAULT_REGION"), "eu-central-1");
    assert_eq!(variable("AWS_EC2_METADATA_V1_DISABLED"), "true");
    let config = std::fs::read_to_string(variable("AWS_CONFIG_FILE")).unwrap();
    assert_eq!(config, "[default]\n# dev\n");
    assert!(std::fs::exists(variable("AWS_SHARED_CREDENTIALS_FILE")).unwrap());
    for name in [
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ] {
        assert!(grant.unset.iter().any(|unset| unset == name));
    }
    assert!(
        grant
            .unset
            .iter()
            .all(|name| grant.set.iter().all(|(set, _)| set != name))
    );

    let leases = rig.get("/v1/leases").await.json();
    assert_eq!(leases[0]["id"], grant.id.as_str());
    assert!(!leases.to_string().contains(&token));
    let end = rig
        .ask("DELETE", &format!("/v1/leases/{}", grant.id), "")
        .await;
    assert_eq!((end.status, end.body.as_str()), (204, ""));
    assert_eq!(rig.get("/v1/leases").await.body, "[]");
}

#[tokio::test]
async fn a_lease_is_refused_where_its_command_could_not_work() {
    let rig = Rig::new().await;
    let lease =
        |role: &str, scope: &str| format!(r#"{{"role":"{role}","scope":{scope},"wait":2}}"#);
    let own = r#"{"kind":"process","pid":42}"#;
    for (body, status, code) in [
        (
            lease("dev", r#"{"kind":"process","pid":60}"#),
            403,
            Code::Refused,
        ),
        (
            lease("dev", r#"{"kind":"session","leader":60}"#),
            403,
            Code::Refused,
        ),
        (lease("dev", r#"{"kind":"cgroup"}"#), 400, Code::BadRequest),
        (lease("none", own), 404, Code::UnknownRole),
        (
            format!(
                r#"{{"role":"dev","scope":{own},"reason":"{}"}}"#,
                "x".repeat(1025)
            ),
            400,
            Code::BadRequest,
        ),
    ] {
        let (found, problem) = rig.problem("POST", "/v1/leases", &body).await;
        assert_eq!((found, problem.code), (status, code), "{body}");
    }
    rig.world
        .dev
        .fail(NoSession::AwsDenied(problem(Code::AwsDenied)));
    let (status, denied) = rig.problem("POST", "/v1/leases", &lease("dev", own)).await;
    assert_eq!((status, denied.code), (502, Code::AwsDenied));
    let asked = rig.world.dev.asked_to_wait.lock().unwrap().clone();
    assert_eq!(asked, [Duration::from_secs(2)]);
    assert_eq!(rig.get("/v1/leases").await.body, "[]");
}
