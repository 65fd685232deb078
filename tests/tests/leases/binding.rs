//! A lease's token is good for who the lease is bound to.

use rolecall_tests::harness::{Endpoint, Request, Running, User, World, eventually, run};
use serde_json::Value;

use crate::{curl_is_there, lease, lines, serving, shell};

/// What `lease create` prints with these options.
#[track_caller]
fn create(world: &World, options: &str) -> Value {
    let words = format!("lease create --format json {options}");
    let words: Vec<&str> = words.split(' ').collect();
    world.rolecall(&words).json()
}

fn endpoint(uri: &str) -> (Endpoint, String) {
    let rest = uri.strip_prefix("http://").expect("an address");
    let (address, path) = rest.split_once('/').expect("a path");
    (
        Endpoint::Tcp(address.parse().expect("an address")),
        format!("/{path}"),
    )
}

/// What this user gets with a token.
#[track_caller]
fn status(user: User, uri: &str, token: &str) -> u16 {
    let (endpoint, path) = endpoint(uri);
    let request = Request::get(&path).header("Authorization", token);
    user.act(|| endpoint.send(&request))
        .expect("an answer")
        .status
}

fn of(variables: &Value) -> (String, String) {
    let variable = |name: &str| variables["set"][name].as_str().expect(name).to_owned();
    (
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    )
}

const ASK: &str = "curl -s -o /dev/null -w '%{http_code}\\n' -H \
                   \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" $AWS_CONTAINER_CREDENTIALS_FULL_URI";

const TELL: &str =
    "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN";

#[test]
fn a_command_s_token_is_of_no_use_to_others() {
    if !curl_is_there() {
        return;
    }
    let world = serving();
    let script = format!(
        "{ASK}; sh -c '{}'; {TELL}; exec cat",
        ASK.replace('\'', "'\\''")
    );
    let running = Running::start(&mut shell(&world, "exec dev", &script));
    let said = lines(&running, 4);
    assert_eq!(said[..2], ["200", "200"], "its own processes");
    assert_eq!(status(world.user(), &said[2], &said[3]), 403);
    let refused = world.wait_for_record("the refusal", |record| {
        record["event"] == "refused" && record["rule"] == "lease"
    });
    assert_eq!(refused["door"], "container", "{refused:#}");
    assert_eq!(refused["peer"]["uid"], world.user().uid);
    running.finish().ok();
}

#[test]
fn a_shell_s_token_is_its_session_s() {
    if !curl_is_there() {
        return;
    }
    let world = serving();
    for command in ["rolecall env dev", "rolecall lease create --role dev"] {
        let script = format!(
            "eval \"$({command})\"; {ASK}; sh -c '{}'; {TELL}; exec cat",
            ASK.replace('\'', "'\\''")
        );
        let mut shell = world.command("setsid");
        shell.args(["-w", "sh", "-c", &script]);
        let running = Running::start(&mut shell);
        let said = lines(&running, 4);
        assert_eq!(said[..2], ["200", "200"], "{command}");
        assert_eq!(status(world.user(), &said[2], &said[3]), 403, "{command}");
        running.finish().ok();
        eventually("its end", || crate::leases(&world).is_empty().then_some(()));
    }
}

#[test]
fn a_shared_token_is_every_process_s_of_the_user_and_of_nobody_else() {
    let world = serving();
    let (uri, token) = of(&create(
        &world,
        "--role dev --shared --ttl 1h --reason tests",
    ));
    assert_eq!(status(world.user(), &uri, &token), 200);
    let lease = lease(&world);
    assert_eq!(
        (lease["binding"].as_str(), lease["reason"].as_str()),
        (Some("shared"), Some("tests"))
    );
    assert!(lease["ends"].is_string() && lease["fence"] == false);
    if let Some(other) = User::other() {
        assert_eq!(status(other, &uri, &token), 403);
    }
    world.rolecall(&["lease", "revoke", "--all"]).ok();
    assert_eq!(status(world.user(), &uri, &token), 401);
}

#[test]
fn another_user_is_let_in_with_that_token_alone() {
    let Some(other) = User::other() else { return };
    let world = serving();
    let (uri, shared) = of(&create(&world, "--role dev --shared --ttl 1h"));
    assert_eq!(status(other, &uri, &shared), 403);
    let options = format!("--role dev --ttl 1h --peer-uid {} --read-only", other.uid);
    let (uri, token) = of(&create(&world, &options));
    assert_eq!(status(other, &uri, &token), 200);
    let fenced = Running::start(&mut shell(&world, "exec dev --only", "echo; exec cat"));
    lines(&fenced, 1);
    assert_eq!(
        status(other, &uri, &token),
        200,
        "a fence of ours is not theirs"
    );
    fenced.finish().ok();
    assert_eq!(status(other, &uri, &shared), 403);
    assert_eq!(status(other, &uri, "wrong"), 403);
    eventually("the end of the fence", || {
        (crate::leases(&world).len() == 2).then_some(())
    });
    assert_eq!(status(world.user(), &uri, &token), 403, "it is not for us");
    assert_eq!(status(User::ROOT, &uri, &token), 403);
    let served = world.wait_for_record("its serve", |record| {
        record["event"] == "serve" && record["door"] == "container"
    });
    assert_eq!(served["peer"]["uid"], other.uid);
    let narrowed = world.aws.calls().pop().expect("a call");
    assert!(narrowed.parameters.contains_key("PolicyArns.member.1.arn"));
    world.rolecall(&["lease", "revoke", "--all"]).ok();
    assert_eq!(
        status(other, &uri, &token),
        403,
        "nobody else is let in any more"
    );
    // A lease that is somebody else's fences nobody in.
    assert_eq!(world.rolecall(&["process", "hub"]).code(), Some(0));
}

#[test]
fn a_lease_of_a_session_that_narrows_fences_the_session_in() {
    let world = serving();
    let script = "eval \"$(rolecall lease create --role dev --read-only)\"; \
                  rolecall process hub; echo $?; rolecall process dev >/dev/null; echo $?; \
                  rolecall lease revoke --all; echo $?";
    let mut shell = world.command("setsid");
    shell.args(["-w", "sh", "-c", script]);
    let finished = run(&mut shell);
    assert_eq!(finished.ok(), "5\n0\n5\n", "{}", finished.stderr);
    assert!(finished.stderr.contains("is fenced in by lease"));
}
