//! What IMDS says to who has a token.

use rolecall_tests::fake_aws::Config;
use rolecall_tests::harness::{Answer, Request, World, free_port, profiles};
use serde_json::Value;

use crate::rig::{Door, Doors, EXTENDED, LISTING, TTL, assert_refused, imds_table};

impl Doors {
    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.ask(Door::Imds, &self.request(Door::Imds, "GET", path, ""))
    }

    /// A GET with these header lines instead of the token.
    #[track_caller]
    fn get_with(&self, path: &str, lines: &str) -> Answer {
        let host = self.address(Door::Imds);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
        self.ask(Door::Imds, request.as_bytes())
    }
}

/// `2026-01-01T00:00:00Z`, to the byte.
fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text
        .chars()
        .map(|it| if it.is_ascii_digit() { 'd' } else { it })
        .collect();
    shape == "dddd-dd-ddTdd:dd:ddZ"
}

/// Client contract 19, 20, 21.
#[test]
fn without_a_good_token_every_path_is_unauthorized_and_says_nothing() {
    let doors = Doors::open();
    let token = &doors.imds.token;
    let name = "X-aws-ec2-metadata-token";
    let mut changed = token.clone().into_bytes();
    changed[30] ^= 1;
    let changed = String::from_utf8(changed).expect("text");
    let bad = [
        String::new(),
        format!("{name}:\r\n"),
        format!("{name}: garbage\r\n"),
        format!("{name}: {changed}\r\n"),
        format!("{name}: {token}A\r\n"),
        format!("{name}: {}\r\n", &token[1..]),
        format!("{name}: \"{token}\"\r\n"),
        format!("{name}: Bearer {token}\r\n"),
        format!("{name}: {token}\r\n{name}: garbage\r\n"),
        format!("{name}: garbage\r\n{name}: {token}\r\n"),
        format!("{name}: {token}\r\n{name}: {token}\r\n"),
        format!("{name}: {token}, {token}\r\n"),
        format!("Authorization: {token}\r\n"),
        format!("{TTL}: {token}\r\n"),
        format!("{name}: {}\r\n", "A".repeat(7000)),
    ];
    for lines in &bad {
        for path in [
            LISTING,
            EXTENDED,
            "/latest/meta-data/iam/security-credentials/dev",
            "/latest/meta-data/placement/region",
            "/latest/dynamic/instance-identity/document",
            "/latest/user-data",
            "/nothing",
            "/",
        ] {
            let answer = doors.get_with(path, lines);
            assert_refused(Door::Imds, &answer, &[401], &format!("{path} with {lines}"));
        }
    }
    for name in [
        "x-aws-ec2-metadata-token",
        "X-Aws-Ec2-Metadata-Token",
        "X-AWS-EC2-METADATA-TOKEN",
    ] {
        let answer = doors.get_with(LISTING, &format!("{name}: {token}\r\n"));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "dev"),
            "{name}"
        );
    }
}

/// Client contract 22, 23, 24, 31, 32, 35.
#[test]
fn a_listing_is_the_role_s_name_and_nothing_else_in_both_trees() {
    let doors = Doors::open();
    for tree in [LISTING, EXTENDED] {
        for path in [tree, tree.trim_end_matches('/')] {
            let answer = doors.get(path);
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, &b"dev"[..]),
                "{path}"
            );
            let left: u64 = answer
                .header(TTL)
                .and_then(|it| it.parse().ok())
                .expect("seconds");
            assert!((1..=21_600).contains(&left));
        }
        let document: Value = doors.get(&format!("{tree}dev")).json();
        assert_eq!(document["AccountId"], "123456789012");
    }
}

/// Client contract 24.
#[test]
fn a_name_that_no_sdk_could_ask_for_is_listed_by_another() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "[roles.\"my role/ü\"]\nsource_profile = \"base\"\nrole_arn = \"{}\"\n{}",
        profiles::DEV,
        imds_table(port, "my role/ü")
    ));
    world.start();
    world.rolecall(&["process", "my role/ü"]).ok();
    let imds = world.imds(port);
    let name = imds.listing().text();
    let safe = |it: char| it.is_ascii_alphanumeric() || "+=,.@_-".contains(it);
    assert!(
        (1..=64).contains(&name.len()) && name.chars().all(safe),
        "{name}"
    );
    let document: Value = imds.document(&name).json();
    assert_eq!(document["Code"], "Success");
}

/// Client contract 25, 26.
#[test]
fn there_is_a_document_for_the_name_listed_and_for_no_other() {
    let doors = Doors::open();
    for tree in [LISTING, EXTENDED] {
        let listed = doors.get(tree).text();
        let first = doors.get(&format!("{tree}{listed}"));
        let again = doors.get(&format!("{tree}{listed}/"));
        assert_eq!((first.status, again.status), (200, 200));
        assert_eq!(first.body, again.body);
        for other in [
            "hub", "base", "Dev", "dev.json", "dev/dev", "deva", "de", "*", "default",
        ] {
            let answer = doors.get(&format!("{tree}{other}"));
            assert_refused(Door::Imds, &answer, &[404], other);
        }
    }
}

/// Client contract 27, 28, 29, 33, 34.
#[test]
fn a_document_has_all_that_any_sdk_insists_on() {
    let doors = Doors::open();
    for more in [
        "",
        "Accept: application/xml\r\n",
        "Accept-Encoding: gzip, deflate\r\n",
    ] {
        let answer = doors.ask(Door::Imds, &doors.credentials(Door::Imds, more));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/plain"), "{more}");
        let length = answer
            .header("content-length")
            .and_then(|it| it.parse().ok());
        assert_eq!(length, Some(answer.body.len()), "{more}");
        let document: Value = answer.json();
        let names: Vec<&String> = document.as_object().expect("an object").keys().collect();
        for name in [
            "Code",
            "LastUpdated",
            "Type",
            "AccessKeyId",
            "SecretAccessKey",
            "Token",
            "Expiration",
            "AccountId",
        ] {
            assert!(names.iter().any(|it| *it == name), "no {name} in {names:?}");
            assert!(
                document[name].as_str().is_some_and(|it| !it.is_empty()),
                "{name}"
            );
        }
        assert_eq!(
            (&document["Code"], &document["Type"]),
            (&"Success".into(), &"AWS-HMAC".into())
        );
        assert!(
            is_instant(&document["Expiration"]) && is_instant(&document["LastUpdated"]),
            "{document}"
        );
    }
}

/// Client contract 30, 79.
#[test]
fn a_long_session_token_fits() {
    // 10,000 bytes are what CRT takes of a container endpoint, 64 KiB of IMDS.
    for (token, door, most) in [
        (4096, Door::Imds, 65_535),
        (4096, Door::Container, 10_000),
        (12_288, Door::Imds, 65_535),
    ] {
        let aws = Config {
            session_token_bytes: token,
            ..profiles::aws()
        };
        let doors = Doors::with(&aws);
        let answer = doors.ask(door, &doors.credentials(door, ""));
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() <= most, "{} bytes", answer.body.len());
        assert!(answer.body.starts_with(b"{") && answer.body.ends_with(b"}"));
        let document: Value = answer.json();
        assert_eq!(document["Token"].as_str().map(str::len), Some(token));
    }
}

/// Client contract 36, 37, 38, 39.
#[test]
fn region_and_account_can_be_had_in_every_way_that_sdks_ask() {
    let doors = Doors::open();
    assert_eq!(
        doors.get("/latest/meta-data/placement/region").body,
        b"eu-west-1"
    );
    for path in ["availability-zone", "availability-zone/"] {
        let zone = doors
            .get(&format!("/latest/meta-data/placement/{path}"))
            .text();
        // botocore's way, and C++'s.
        assert_eq!(&zone[..zone.len() - 1], "eu-west-1");
        let digit = zone.find(|it: char| it.is_ascii_digit()).expect("a digit");
        assert_eq!(&zone[..=digit], "eu-west-1");
    }
    let document: Value = doors
        .get("/latest/dynamic/instance-identity/document")
        .json();
    assert_eq!(document["region"], "eu-west-1");
    assert_eq!(document["accountId"], "123456789012");
    assert_eq!(document["availabilityZone"], "eu-west-1a");
    assert!(
        document["instanceId"]
            .as_str()
            .is_some_and(|it| it.starts_with("i-"))
    );
    assert!(is_instant(&document["pendingTime"]), "{document}");
    let info: Value = doors.get("/latest/meta-data/iam/info").json();
    assert_eq!(info["Code"], "Success");
    let arn = info["InstanceProfileArn"].as_str().expect("an ARN");
    assert!(
        arn.starts_with("arn:aws:iam::123456789012:instance-profile/"),
        "{arn}"
    );
}

/// Client contract 36, 40.
#[test]
fn what_is_not_there_is_not_found_and_says_nothing() {
    let doors = Doors::open();
    for path in [
        "/",
        "/latest",
        "/latest/user-data",
        "/latest/meta-data/hostname",
        "/latest/meta-data/iam/x",
        "/x/y",
    ] {
        assert_refused(Door::Imds, &doors.get(path), &[404], path);
    }
    // A role without a region.
    let mut world = World::new();
    let port = free_port();
    world.configure(&imds_table(port, "spoke"));
    world.start();
    world.rolecall(&["process", "spoke"]).ok();
    let imds = world.imds(port);
    for path in [
        "/latest/meta-data/placement/region",
        "/latest/meta-data/placement/availability-zone/",
        "/latest/dynamic/instance-identity/document",
    ] {
        let request = Request::get(path).header("x-aws-ec2-metadata-token", &imds.token);
        let answer = world
            .user()
            .act(|| imds.endpoint.send(&request))
            .expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (404, ""), "{path}");
    }
}
