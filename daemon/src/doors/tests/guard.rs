use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderValue, Version};

use super::super::fake::head;
use super::super::guard::{Site, check};

const LOOPBACK: Site = Site::Tcp(IpAddr::V4(Ipv4Addr::LOCALHOST), 1690);
const REAL: Site = Site::Tcp(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);

/// The status of a refusal; 0 if the head may go on.
fn status(site: Site, method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    check(site, &head(method, target, headers)).map_or_else(|no| no.status.as_u16(), |()| 0)
}

#[test]
fn only_names_of_the_listener_are_hosts() {
    for (site, host, expected) in [
        (LOOPBACK, "127.0.0.1", 0),
        (LOOPBACK, "127.0.0.1:1690", 0),
        (LOOPBACK, "localhost", 0),
        (LOOPBACK, "LocalHost:1690", 0),
        (LOOPBACK, "[::1]:1690", 0),
        (LOOPBACK, "[::1]", 0),
        (LOOPBACK, "attacker.example", 403),
        (LOOPBACK, "attacker.example:1690", 403),
        (LOOPBACK, "127.0.0.1.nip.io", 403),
        (LOOPBACK, "127.0.0.1.", 403),
        (LOOPBACK, "0.0.0.0", 403),
        (LOOPBACK, "127.1", 403),
        (LOOPBACK, "127.0.0.01", 403),
        (LOOPBACK, "0x7f.1", 403),
        (LOOPBACK, "2130706433", 403),
        (LOOPBACK, "127.0.0.1:1691", 403),
        (LOOPBACK, "127.0.0.1:01690", 403),
        (LOOPBACK, "127.0.0.1:+1690", 403),
        (LOOPBACK, "127.0.0.1:", 403),
        (LOOPBACK, "127.0.0.1:1690:1690", 403),
        (LOOPBACK, "localhost.", 403),
        (LOOPBACK, "localhost:80", 403),
        (LOOPBACK, "localhostx", 403),
        (LOOPBACK, "user@127.0.0.1:1690", 403),
        (LOOPBACK, "[::ffff:127.0.0.1]", 403),
        (LOOPBACK, "host.docker.internal:1690", 403),
        (LOOPBACK, "169.254.169.254", 403),
        (LOOPBACK, "", 400),
        (REAL, "169.254.169.254", 0),
        (REAL, "169.254.169.254:80", 0),
        (REAL, "169.254.170.2", 403),
        (REAL, "127.0.0.1", 403),
        (REAL, "localhost", 403),
        (Site::Socket, "localhost", 0),
        (Site::Socket, "attacker.example", 403),
        (Site::Socket, "", 400),
    ] {
        let found = status(site, "GET", "/x", &[("host", host)]);
        assert_eq!(found, expected, "{host:?} at {site:?}");
    }
}

#[test]
fn there_is_exactly_one_host() {
    let twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")];
    assert_eq!(status(LOOPBACK, "GET", "/x", &twice), 400);
    assert_eq!(status(LOOPBACK, "GET", "/x", &[]), 400);
    for (site, expected) in [(LOOPBACK, Some(400)), (Site::Socket, None)] {
        let mut old = head("GET", "/x", &[]);
        old.version = Version::HTTP_10;
        let found = check(site, &old).err().map(|no| no.status.as_u16());
        assert_eq!(found, expected, "HTTP/1.0 without a host at {site:?}");
    }
}

#[test]
fn browsers_and_proxies_show() {
    for site in [LOOPBACK, REAL, Site::Socket] {
        let host = match site {
            Site::Socket | Site::LeaseSocket => "localhost",
            LOOPBACK => "127.0.0.1",
            Site::Tcp(..) => "169.254.169.254",
        };
        for (name, expected) in [
            ("Origin", 403),
            ("Referer", 403),
            ("Cookie", 403),
            ("Sec-Fetch-Site", 403),
            ("sec-fetch-mode", 403),
            ("Access-Control-Request-Private-Network", 403),
            ("X-Forwarded-For", 400),
            ("x-forwarded-for", 400),
            ("X-FORWARDED-FOR", 400),
            ("Forwarded", 400),
            ("Via", 400),
            ("X-Real-IP", 400),
            ("User-Agent", 0),
            ("Accept", 0),
            ("amz-sdk-request", 0),
        ] {
            for value in ["", "x"] {
                let headers = [("host", host), (name, value)];
                let found = status(site, "PUT", "/latest/api/token", &headers);
                assert_eq!(found, expected, "{name}: {value:?} at {site:?}");
            }
        }
    }
}

#[test]
fn methods_that_no_door_takes_stop_here() {
    let host = [("host", "127.0.0.1"), ("origin", "http://evil.example")];
    for method in ["OPTIONS", "TRACE"] {
        assert_eq!(status(LOOPBACK, method, "/x", &host), 405, "{method}");
    }
    assert_eq!(status(LOOPBACK, "CONNECT", "127.0.0.1:1690", &host), 405);
    assert_eq!(status(LOOPBACK, "OPTIONS", "*", &host), 405);
    assert_eq!(status(LOOPBACK, "GET", "*", &host[..1]), 400);
    assert_eq!(status(LOOPBACK, "GET", "127.0.0.1:1690", &host[..1]), 400);
}

#[test]
fn an_absolute_target_must_be_the_host() {
    for (target, host, expected) in [
        ("http://127.0.0.1:1690/x", "127.0.0.1:1690", 0),
        ("http://LOCALHOST/x", "localhost", 0),
        ("http://127.0.0.1:1690/x", "127.0.0.1", 400),
        ("http://localhost/x", "127.0.0.1", 400),
        ("http://attacker.example/x", "127.0.0.1", 403),
        ("http://127.0.0.1/x", "attacker.example", 403),
        ("https://127.0.0.1/x", "127.0.0.1", 400),
        ("http://user@127.0.0.1/x", "127.0.0.1", 403),
    ] {
        let found = status(LOOPBACK, "GET", target, &[("host", host)]);
        assert_eq!(found, expected, "{target} for {host}");
    }
}

#[test]
fn lines_have_a_length_and_bodies_no_encoding() {
    let long = "x".repeat(8 * 1024);
    let host = ("host", "127.0.0.1");
    let refusal = check(LOOPBACK, &head("GET", "/x", &[host, ("a", &long)])).unwrap_err();
    assert!(refusal.status.as_u16() == 431 && refusal.close);
    let refusal = check(LOOPBACK, &head("GET", &format!("/{long}"), &[host])).unwrap_err();
    assert!(refusal.status.as_u16() == 414 && refusal.close);
    let fits = "x".repeat(8 * 1024 - 3);
    assert_eq!(status(LOOPBACK, "GET", "/x", &[host, ("a", &fits)]), 0);

    let chunked = [host, ("transfer-encoding", "chunked")];
    let refusal = check(LOOPBACK, &head("PUT", "/x", &chunked)).unwrap_err();
    assert!(refusal.status.as_u16() == 400 && refusal.close);
    let lengths = [host, ("content-length", "1"), ("content-length", "1")];
    assert_eq!(status(LOOPBACK, "PUT", "/x", &lengths), 400);
}

#[test]
fn a_host_of_any_bytes_is_no_panic() {
    for byte in 0x80..=0xff_u8 {
        let mut head = head("GET", "/x", &[]);
        let value = HeaderValue::from_bytes(&[b'l', byte, b'c', b'a', b'l', b'h', byte, b's']);
        head.headers.insert("host", value.unwrap());
        assert!(check(LOOPBACK, &head).is_err() && check(Site::Socket, &head).is_err());
    }
}
