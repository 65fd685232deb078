//! The IMDS door: SDKs that know nothing but its address, and its bytes.

use rolecall_tests::harness::{Answer, Endpoint, Request, World, free_port, profiles};
use serde_json::Value;

use crate::process::is_instant;
use crate::ways::{Way, assert_all_are, loopback};

const TOKEN: &str = "/latest/api/token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const LISTING: &str = "/latest/meta-data/iam/security-credentials/";

/// A world whose daemon serves `dev` on a listener, with a session at hand.
fn serving() -> (World, u16) {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    (world, port)
}

/// The user's side of a listener.
struct Imds<'a> {
    world: &'a World,
    endpoint: Endpoint,
    token: String,
}

impl<'a> Imds<'a> {
    fn new(world: &'a World, port: u16) -> Self {
        let mut imds = Self {
            world,
            endpoint: loopback(port),
            token: String::new(),
        };
        let answer = imds.send(&Request::new("PUT", TOKEN).header(TTL, "21600"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header(TTL), Some("21600"));
        imds.token = answer.text();
        imds
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Answer {
        let answer = self.world.user().act(|| self.endpoint.send(request));
        answer.unwrap_or_else(|error| panic!("{error}: {request:?}\n{}", self.world.log()))
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.send(&Request::get(path).header("x-aws-ec2-metadata-token", &self.token))
    }
}

#[test]
fn every_sdk_needs_only_the_address() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let (world, port) = serving();
    assert_all_are(&world, &[Way::Imds(port)], "dev", profiles::DEV);
    assert_eq!(world.aws.count("AssumeRole"), 1);
}

#[test]
fn token_and_listing_are_one_line_without_its_end() {
    let (world, port) = serving();
    let imds = Imds::new(&world, port);
    assert!(
        imds.token.chars().all(|it| it.is_ascii_graphic()),
        "{}",
        imds.token
    );
    let listing = imds.get(LISTING);
    assert_eq!((listing.status, listing.text().as_str()), (200, "dev"));
    assert_eq!(imds.get(LISTING.trim_end_matches('/')).text(), "dev");
    assert_eq!(listing.header("content-type"), Some("text/plain"));
}

#[test]
fn the_document_is_what_swift_and_go_insist_on() {
    let (world, port) = serving();
    let imds = Imds::new(&world, port);
    let answer = imds.get(&format!("{LISTING}dev"));
    assert_eq!(answer.status, 200);
    let document: Value = answer.json();
    assert_eq!(document["Code"], "Success");
    assert_eq!(document["Type"], "AWS-HMAC");
    assert_eq!(document["AccountId"], "123456789012");
    for name in ["LastUpdated", "Expiration"] {
        assert!(
            document[name].as_str().is_some_and(is_instant),
            "{document}"
        );
    }
    // The same session as everywhere, with the same end.
    let process: Value = world.rolecall(&["process", "dev"]).json();
    for (here, there) in [
        ("AccessKeyId", "AccessKeyId"),
        ("SecretAccessKey", "SecretAccessKey"),
        ("Token", "SessionToken"),
        ("Expiration", "Expiration"),
    ] {
        assert_eq!(document[here], process[there], "{here}");
    }
}

#[test]
fn what_is_around_a_role_is_there_too() {
    let (world, port) = serving();
    let imds = Imds::new(&world, port);
    assert_eq!(
        imds.get("/latest/meta-data/placement/region").text(),
        "eu-west-1"
    );
    assert_eq!(
        imds.get("/latest/meta-data/placement/availability-zone/")
            .text(),
        "eu-west-1a"
    );
    let identity: Value = imds
        .get("/latest/dynamic/instance-identity/document")
        .json();
    assert_eq!(identity["region"], "eu-west-1");
    let info: Value = imds.get("/latest/meta-data/iam/info").json();
    assert_eq!(
        info["InstanceProfileArn"],
        "arn:aws:iam::123456789012:instance-profile/dev"
    );
    let extended = LISTING.replace("security-credentials", "security-credentials-extended");
    assert_eq!(imds.get(&extended).text(), "dev");
}

#[test]
fn who_does_not_do_as_an_sdk_does_gets_an_empty_body() {
    let (world, port) = serving();
    let imds = Imds::new(&world, port);
    let put = |headers: &[(&str, &str)]| {
        let request = Request::new("PUT", TOKEN);
        headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    };
    let token = imds.token.as_str();
    let with_token = |path: &str| Request::get(path).header("x-aws-ec2-metadata-token", token);
    for (status, request) in [
        (401, Request::get(LISTING)),
        (
            401,
            Request::get(LISTING).header("x-aws-ec2-metadata-token", "AQAAAA=="),
        ),
        (400, put(&[])),
        (400, put(&[(TTL, "0")])),
        (400, put(&[(TTL, "21601")])),
        (400, put(&[(TTL, "60"), ("X-Forwarded-For", "10.0.0.1")])),
        (
            403,
            with_token(LISTING).header("Origin", "http://localhost"),
        ),
        (403, with_token(LISTING).header("Host", "rebound.example")),
        (404, with_token(&format!("{LISTING}hub"))),
        (404, with_token("/latest/user-data")),
        (405, Request::new("DELETE", LISTING)),
    ] {
        let answer = imds.send(&request);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, ""),
            "{request:?}"
        );
    }
}

#[test]
fn without_a_session_the_listing_fails_and_says_nothing() {
    let (world, port) = serving_nothing();
    let imds = Imds::new(&world, port);
    let listing = imds.get(LISTING);
    assert_eq!((listing.status, listing.text().as_str()), (503, ""));
}

/// A daemon whose AWS cannot be reached.
fn serving_nothing() -> (World, u16) {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
    ));
    world.aws.go_down();
    world.start();
    (world, port)
}
