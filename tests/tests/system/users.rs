//! Two users with a role each, and one without.

use rolecall::path::SYSTEM_SOCKET;
use rolecall_tests::harness::profiles::{DEV, HUB};
use rolecall_tests::harness::{Endpoint, Request, User, eventually, free_port};
use serde_json::Value;

use super::host::{ALICE, BOB, CAROL, Host, SERVICE, token};

fn config(uids: &[User]) -> String {
    let uids: Vec<_> = uids.iter().map(|user| user.uid).collect();
    format!(
        "uids = {uids:?}\n\
         [roles.dev]\nrole_arn = \"{DEV}\"\nsource_profile = \"base\"\nregion = \"eu-west-1\"\nuid = {}\n\
         [roles.hub]\nrole_arn = \"{HUB}\"\nsource_profile = \"base\"\nregion = \"eu-west-1\"\nuid = {}\n",
        ALICE.uid, BOB.uid
    )
}

fn names(roles: &Value) -> Vec<&str> {
    let roles = roles.as_array().expect("a list of roles").iter();
    roles
        .map(|role| role["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn each_gets_the_roles_that_name_them_and_hears_of_no_other() {
    let Some(mut host) = Host::new() else { return };
    host.configure(&config(&[ALICE, BOB]));
    host.start();
    for (user, theirs, other) in [(ALICE, "dev", "hub"), (BOB, "hub", "dev")] {
        let credentials: Value = host.rolecall(user, &["process", theirs]).json();
        assert_eq!(credentials["Version"], 1);
        let refused = host.rolecall(user, &["process", other]);
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (Some(5), ""),
            "{refused:?}"
        );
        assert_eq!(host.rolecall(user, &["whoami", other]).code(), Some(5));
        host.wait_for_record("the refusal", |record| {
            record["event"] == "refused"
                && record["rule"] == "uid"
                && record["peer"]["uid"] == user.uid
        });
        // A name nobody has leads to no other's.
        let unknown = host.rolecall(user, &["process", &format!("{other}x")]);
        assert_eq!(unknown.code(), Some(3));
        assert!(
            !unknown.stderr.contains(&format!("`{other}`")),
            "{unknown:?}"
        );

        let status: Value = host.rolecall(user, &["status", "--json"]).json();
        assert_eq!(names(&status["roles"]), [theirs]);
        assert_eq!(status["config"]["files"], serde_json::json!([]));
        assert_eq!(status["ledger"]["file"], "");
        assert_eq!(
            status["roles"][0]["consumers"].as_array().map(Vec::len),
            Some(1)
        );
        let roles: Value = host.rolecall(user, &["roles", "--json"]).json();
        assert_eq!(names(&roles), [theirs]);
        for (arguments, code) in [
            (&["reload"][..], 5),
            (&["ledger", "tail"], 5),
            (&["exec", theirs, "--", "true"], 125),
        ] {
            let refused = host.rolecall(user, arguments);
            assert_eq!(refused.code(), Some(code), "{arguments:?}: {refused:?}");
            assert!(refused.stderr.contains("only root"), "{refused:?}");
        }
    }
}

#[test]
fn who_is_not_listed_gets_nothing_on_any_door() {
    let Some(mut host) = Host::new() else { return };
    let port = free_port();
    let listener = format!("[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n");
    host.configure(&format!("{}{listener}", config(&[ALICE, BOB])));
    host.start();
    for arguments in [
        &["process", "dev"][..],
        &["status"],
        &["roles"],
        &["reload"],
    ] {
        let refused = host.rolecall(CAROL, arguments);
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (Some(5), ""),
            "{refused:?}"
        );
    }
    let door = Endpoint::Tcp(([127, 0, 0, 1], port).into());
    let document = |user: User| {
        user.act(|| {
            let answer = door.send(&token()).expect("an answer");
            if answer.status != 200 {
                return answer.status;
            }
            let path = "/latest/meta-data/iam/security-credentials/dev";
            let request = Request::get(path).header("x-aws-ec2-metadata-token", &answer.text());
            door.send(&request).expect("an answer").status
        })
    };
    assert_eq!([ALICE, BOB, CAROL].map(document), [200, 404, 403]);
    // Nor are the role's account and region theirs to know.
    let known = |user: User, path: &str| {
        user.act(|| {
            let token = door.send(&token()).expect("an answer").text();
            let request = Request::get(path).header("x-aws-ec2-metadata-token", &token);
            door.send(&request).expect("an answer")
        })
    };
    for path in [
        "/latest/dynamic/instance-identity/document",
        "/latest/meta-data/placement/region",
        "/latest/meta-data/instance-id",
    ] {
        assert_eq!(known(ALICE, path).status, 200, "{path}");
        let answer = known(BOB, path);
        assert_eq!(
            (answer.status, answer.text()),
            (404, String::new()),
            "{path}"
        );
    }
    for door in ["socket", "imds"] {
        host.wait_for_record("the refusal", |record| {
            record["rule"] == "uid" && record["door"] == door && record["peer"]["uid"] == CAROL.uid
        });
    }
}

#[test]
fn root_and_the_service_s_user_look_after_it() {
    let Some(mut host) = Host::new() else { return };
    host.configure(&config(&[ALICE]));
    host.start();
    for user in [User::ROOT, SERVICE] {
        let status: Value = host.rolecall(user, &["status", "--json"]).json();
        assert_eq!(
            names(&status["roles"]),
            ["dev", "hub"],
            "no profile of anybody's home"
        );
        assert_eq!(host.rolecall(user, &["reload"]).code(), Some(0));
        assert_eq!(host.rolecall(user, &["ledger", "tail"]).code(), Some(0));
        // That does not make the roles theirs.
        assert_eq!(host.rolecall(user, &["process", "dev"]).code(), Some(5));
    }
    let socket = ["--socket", SYSTEM_SOCKET, "setup", "--yes"];
    let setup = host.rolecall(User::ROOT, &socket);
    assert_eq!(setup.code(), Some(1), "{setup:?}");
    assert!(
        setup.stderr.contains("no ~/.aws/config to set up"),
        "{setup:?}"
    );

    // Another list, and a role that is for anybody.
    assert_eq!(host.rolecall(BOB, &["roles"]).code(), Some(5));
    let open = format!("[roles.open]\nrole_arn = \"{DEV}\"\nsource_profile = \"base\"\n");
    host.configure(&format!("{}{open}", config(&[BOB])));
    assert_eq!(host.rolecall(User::ROOT, &["reload"]).code(), Some(0));
    eventually("bob is listed", || {
        (host.rolecall(BOB, &["process", "hub"]).code() == Some(0)).then_some(())
    });
    assert_eq!(host.rolecall(ALICE, &["process", "dev"]).code(), Some(5));
    assert_eq!(host.rolecall(BOB, &["process", "open"]).code(), Some(5));
    let status: Value = host.rolecall(User::ROOT, &["status", "--json"]).json();
    let open = status["roles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "open");
    assert_eq!(open.unwrap()["state"], "unusable", "{status}");
}

#[test]
fn keys_that_everybody_may_read_are_not_used() {
    let Some(mut host) = Host::new() else { return };
    host.configure(&config(&[ALICE]));
    host.start();
    host.sh(&format!(
        "chmod 644 {}",
        host.world.path("etc/credentials").display()
    ));
    let report = host.rolecall(User::ROOT, &["reload"]);
    assert_ne!(report.code(), Some(0));
    let told = format!("{}{}", report.stdout, report.stderr);
    assert!(told.contains("open to others (mode 0644)"), "{told}");
    // What was in force stays.
    assert_eq!(host.rolecall(ALICE, &["process", "dev"]).code(), Some(0));
}
