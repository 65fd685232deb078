//! Requests that a browser, a proxy or a curious program sends: with the right key each, so that nothing but
//! the request itself is refused.

use crate::rig::{
    Door, Doors, EXTENDED, LISTING, TOKEN_PATH, TTL, assert_has_credentials, assert_refused,
};

/// Client contract 52, 87.
#[test]
fn a_browser_s_headers_close_every_door() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let origin = format!("http://{}", doors.address(door));
        for line in [
            format!("Origin: {origin}"),
            "Origin: http://evil.example".to_owned(),
            "Origin: null".to_owned(),
            "Origin:".to_owned(),
            "oRiGiN: x".to_owned(),
            format!("Referer: {origin}/"),
            "referer: about:blank".to_owned(),
            "Sec-Fetch-Site: none".to_owned(),
            "Sec-Fetch-Site: same-origin".to_owned(),
            "Sec-Fetch-Mode: navigate".to_owned(),
            "Sec-Fetch-Dest: document".to_owned(),
            "Sec-Fetch-User: ?1".to_owned(),
            "sec-fetch-storage-access: active".to_owned(),
            "Cookie: a=b".to_owned(),
            "Cookie:".to_owned(),
            "Access-Control-Request-Method: PUT".to_owned(),
            "Access-Control-Request-Private-Network: true".to_owned(),
        ] {
            let answer = doors.ask(door, &doors.credentials(door, &format!("{line}\r\n")));
            assert_refused(door, &answer, &[403], &line);
            let token = doors.request(door, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n{line}\r\n"));
            assert_refused(door, &doors.ask(door, &token), &[403], &line);
        }
        doors.assert_serves(door);
    }
}

/// Client contract 9.
#[test]
fn what_was_forwarded_comes_from_elsewhere() {
    let doors = Doors::open();
    for door in Door::BOTH {
        for name in [
            "X-Forwarded-For",
            "x-forwarded-for",
            "X-FORWARDED-FOR",
            "Forwarded",
            "forwarded",
            "Via",
            "VIA",
            "X-Real-IP",
            "x-real-ip",
        ] {
            for value in ["", "127.0.0.1", "::1", "for=127.0.0.1", "1.1 localhost"] {
                let line = format!("{name}: {value}\r\n");
                let answer = doors.ask(door, &doors.credentials(door, &line));
                assert_refused(door, &answer, &[400], &line);
                let token = doors.request(door, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n{line}"));
                assert_refused(door, &doors.ask(door, &token), &[400], &line);
            }
        }
    }
}

/// Client contract 53, 55.
#[test]
fn methods_that_only_browsers_and_proxies_use_are_not_allowed() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let address = doors.address(door).to_string();
        let path = Doors::path(door);
        let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\n\
            Access-Control-Request-Headers: authorization\r\n\
            Access-Control-Request-Private-Network: true\r\n";
        for (method, target, more, statuses) in [
            ("OPTIONS", path.as_str(), preflight, &[405][..]),
            ("OPTIONS", TOKEN_PATH, preflight, &[405]),
            ("OPTIONS", &path, "", &[405]),
            ("OPTIONS", "*", "", &[405]),
            ("TRACE", &path, "", &[405]),
            ("CONNECT", &address, "", &[400, 405]),
            ("CONNECT", "169.254.169.254:80", "", &[400, 405]),
            ("CONNECT", &path, "", &[400, 405]),
            ("GET", "*", "", &[400]),
            ("GET", &address, "", &[400]),
            ("GET", "latest/meta-data/", "", &[400]),
        ] {
            let answer = doors.ask(door, &doors.request(door, method, target, more));
            assert_refused(door, &answer, statuses, &format!("{method} {target}"));
        }
        doors.assert_serves(door);
    }
}

/// Client contract 56.
#[test]
fn head_is_get_without_its_body_and_with_its_key() {
    let doors = Doors::open();
    let imds = Door::Imds;
    for path in [
        LISTING.to_owned(),
        Doors::path(imds),
        "/latest/meta-data/placement/region".to_owned(),
    ] {
        let get = doors.ask(imds, &doors.request(imds, "GET", &path, ""));
        let head = doors.ask(imds, &doors.request(imds, "HEAD", &path, ""));
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        for name in ["content-length", "content-type", TTL] {
            assert_eq!(get.header(name), head.header(name), "{name} of {path}");
        }
        let keyless = format!("HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assert_eq!(doors.ask(imds, keyless.as_bytes()).status, 401, "{path}");
    }
    // One that had a body would be taken for the next answer.
    let closing = doors.request(imds, "HEAD", LISTING, "Connection: close\r\n");
    let head = doors.last_words(imds, &closing).expect("an answer");
    assert_eq!(head.status, 200);
}

/// Client contract 57.
#[test]
fn doubled_slashes_lead_where_single_ones_do() {
    let doors = Doors::open();
    for (door, path, body) in [
        (Door::Imds, format!("/{LISTING}"), Some("dev")),
        (Door::Imds, LISTING.replace('/', "//"), Some("dev")),
        (Door::Imds, format!("///{LISTING}"), Some("dev")),
        (Door::Imds, format!("{LISTING}/dev"), None),
        (Door::Imds, format!("/{LISTING}dev//"), None),
        (Door::Container, "//role/dev".to_owned(), None),
        (Door::Container, "//role//dev".to_owned(), None),
    ] {
        let answer = doors.ask(door, &doors.request(door, "GET", &path, ""));
        assert_eq!(answer.status, 200, "{path}");
        match body {
            Some(body) => assert_eq!(answer.text(), body, "{path}"),
            None => assert_has_credentials(&answer),
        }
    }
    let token = doors.request(
        Door::Imds,
        "PUT",
        "//latest//api/token",
        &format!("{TTL}: 60\r\n"),
    );
    assert_eq!(doors.ask(Door::Imds, &token).status, 200);
}

/// Client contract 58.
#[test]
fn a_path_that_two_readers_could_read_differently_leads_nowhere() {
    let doors = Doors::open();
    for (door, paths) in [
        (
            Door::Imds,
            [
                "/latest/../latest/meta-data/iam/security-credentials/dev",
                "/latest/./meta-data/iam/security-credentials/dev",
                "/../latest/meta-data/iam/security-credentials/dev",
                "/latest/meta-data/iam/security-credentials/x/../dev",
                "/latest/meta-data/iam/security-credentials/%2e%2e/security-credentials/dev",
                "/latest/%2E/meta-data/iam/security-credentials/dev",
                "/latest%2Fmeta-data/iam/security-credentials/dev",
                "/latest/meta-data/iam/security-credentials%2fdev",
                "/latest/meta-data/iam/security-credentials/dev%00",
                "/latest/meta-data/iam/security-credentials/dev%00.json",
                "/latest/meta-data/iam/security-credentials/dev;x=1",
                "/latest;x=1/meta-data/iam/security-credentials/dev",
                "/latest/meta-data/iam/security-credentials/dev%3Bx",
                "/latest\\meta-data\\iam\\security-credentials\\dev",
                "/latest/meta-data/iam/security-credentials/%5cdev",
                "/latest/meta-data/iam/security-credentials/%2564ev",
                "/latest/meta-data/iam/security-credentials/%c0%afdev",
                "/latest/meta-data/iam/security-credentials/%e0%80%afdev",
                "/latest/meta-data/iam/security-credentials/dev%0d%0aX:%20y",
                "/latest/meta-data/iam/security-credentials/dev%20",
                "/latest/meta-data/iam/security-credentials/DEV",
                "/latest/meta-data/iam/security-credentials/dev%",
                "/LATEST/meta-data/iam/security-credentials/dev",
            ]
            .as_slice(),
        ),
        (
            Door::Container,
            &[
                "/role/../role/dev",
                "/role/./dev",
                "/x/../role/dev",
                "/role/%2e%2e/role/dev",
                "/role%2Fdev",
                "/role/dev%2F",
                "/role/dev%00",
                "/role/dev;x=1",
                "/role/dev%3B",
                "/role\\dev",
                "/role/%5cdev",
                "/role/%2564ev",
                "/role/%c0%e4ev",
                "/role/dev%0d%0a",
                "/role/dev/",
                "/role/dev/x",
                "/role/DEV",
                "/ROLE/dev",
                "/role/",
                "/dev",
            ],
        ),
    ] {
        for path in paths {
            let answer = doors.ask(door, &doors.request(door, "GET", path, ""));
            assert_refused(door, &answer, &[400, 404], path);
        }
        // Bytes that no URL has.
        for byte in [0_u8, 1, 0x7f, 0x80, 0xc0, 0xff] {
            let mut request = doors.credentials(door, "");
            let at = request
                .windows(3)
                .position(|it| it == b"dev")
                .expect("the role");
            request[at] = byte;
            let answer = doors.ask(door, &request);
            assert_refused(door, &answer, &[400, 404], &format!("byte {byte:#x}"));
        }
        // An escape is read once.
        let path = Doors::path(door).replace("dev", "%64e%76");
        let answer = doors.ask(door, &doors.request(door, "GET", &path, ""));
        assert_eq!(answer.status, 200, "{path}");
    }
}

/// Client contract 11, 12, 59.
#[test]
fn tokens_come_from_one_path_and_other_versions_are_not_there() {
    let doors = Doors::open();
    let ttl = format!("{TTL}: 60\r\n");
    for path in [
        "/",
        "/latest",
        "/latest/api",
        "/latest/api/token/x",
        "/latest/api/tokens",
        "/latest/api/Token",
        "/latest/meta-data/api/token",
        "/2021-07-15/api/token",
        "/1.0/api/token",
        "/api/token",
        "/role/dev",
        LISTING,
        EXTENDED,
    ] {
        for door in Door::BOTH {
            let answer = doors.ask(door, &doors.request(door, "PUT", path, &ttl));
            assert_refused(door, &answer, &[404, 405], path);
        }
    }
    let slash = doors.request(Door::Imds, "PUT", "/latest/api/token/", &ttl);
    assert_eq!(doors.ask(Door::Imds, &slash).status, 200);
    for path in [
        "/2021-07-15/meta-data/iam/security-credentials/dev",
        "/1.0/meta-data/iam/security-credentials/",
        "/2009-04-04/meta-data/",
        "/1.0/",
    ] {
        let answer = doors.ask(Door::Imds, &doors.request(Door::Imds, "GET", path, ""));
        assert_refused(Door::Imds, &answer, &[404], path);
    }
}

/// Client contract 60, 85.
#[test]
fn a_query_changes_nothing() {
    let doors = Doors::open();
    for door in Door::BOTH {
        for query in [
            "?",
            "?a=b",
            "?role=hub",
            "?/role/hub",
            "?%00",
            "?a=b&a=c#x",
            "??",
        ] {
            let path = format!("{}{query}", Doors::path(door));
            let answer = doors.ask(door, &doors.request(door, "GET", &path, ""));
            assert_eq!(answer.status, 200, "{path}");
            assert_has_credentials(&answer);
        }
    }
    let token = format!("{TOKEN_PATH}?x=y");
    let token = doors.request(Door::Imds, "PUT", &token, &format!("{TTL}: 60\r\n"));
    assert_eq!(doors.ask(Door::Imds, &token).status, 200);
}

/// Client contract 61.
#[test]
fn http_1_0_is_answered_and_closed_and_needs_a_host_too() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let (key, path) = (doors.key(door), Doors::path(door));
        for (host, statuses) in [
            ("Host: 127.0.0.1\r\n", &[200][..]),
            ("", &[400]),
            ("Host: attacker.example\r\n", &[403]),
            ("Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", &[400]),
            ("Host: 127.0.0.1\r\nOrigin: null\r\n", &[403]),
        ] {
            let request = format!("GET {path} HTTP/1.0\r\n{host}{key}\r\n");
            let answer = doors
                .last_words(door, request.as_bytes())
                .expect("an answer");
            assert!(
                statuses.contains(&answer.status),
                "{} for {host}",
                answer.status
            );
        }
    }
}

/// Client contract 84.
#[test]
fn nobody_needs_to_say_who_asks_or_what_is_accepted() {
    let doors = Doors::open();
    for door in Door::BOTH {
        for lines in [
            "",
            "User-Agent: Botocore/1.43.11 md/awscrt#0.38.1 ua/2.1 os/linux#6.1 lang/python#3.13\r\n",
            "Accept: */*\r\n",
            "Accept: text/html\r\n",
            "Accept: application/xml;q=1, */*;q=0\r\n",
            "Accept-Encoding: gzip, deflate, br\r\n",
            "Amz-Sdk-Request: attempt=1; max=3\r\nx-amz-user-agent: aws-sdk-rust/1\r\n",
        ] {
            let answer = doors.ask(door, &doors.credentials(door, lines));
            assert_eq!(answer.status, 200, "{lines} at {door:?}");
            assert_has_credentials(&answer);
        }
    }
}
