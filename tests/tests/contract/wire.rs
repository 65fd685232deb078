//! Bytes that are HTTP/1.1 to the letter, and bytes that are not.

use crate::rig::{Door, Doors, LISTING, TOKEN_PATH, TTL, assert_has_credentials, assert_refused};

/// Client contract 63.
#[test]
fn a_connection_serves_one_request_after_the_other() {
    let doors = Doors::open();
    let (mut connection, imds) = (doors.connect(Door::Imds), Door::Imds);
    let put = doors.request(imds, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n"));
    let listing = doors.request(imds, "GET", LISTING, "");
    for request in [&put, &listing, &doors.credentials(imds, "")] {
        connection.write(request).expect("it is open");
        assert_eq!(connection.read(false).expect("an answer").status, 200);
    }
    for door in Door::BOTH {
        let mut connection = doors.connect(door);
        let wrong = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", doors.address(door));
        for request in [wrong.as_bytes(), &doors.credentials(door, "")] {
            connection.write(request).expect("it is open");
            connection.read(false).expect("an answer");
        }
        let closing = doors.credentials(door, "Connection: close\r\n");
        let answer = doors.last_words(door, &closing).expect("an answer");
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close"))
        );
    }
}

/// Client contract 64.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let doors = Doors::open();
    let imds = Door::Imds;
    let mut all = doors.request(imds, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n"));
    all.extend(doors.request(imds, "GET", LISTING, ""));
    all.extend(doors.request(imds, "GET", "/latest/meta-data/placement/region", ""));
    all.extend(doors.credentials(imds, "Connection: close\r\n"));
    let mut connection = doors.connect(imds);
    connection.write(&all).expect("it is open");
    let mut next = || connection.read(false).expect("an answer").text();
    assert!(!next().is_empty());
    assert_eq!(next(), "dev");
    assert_eq!(next(), "eu-west-1");
    assert!(next().contains("SecretAccessKey"));
    assert_eq!(connection.rest().expect("an end"), b"");
}

/// Client contract 6, 7.
#[test]
fn a_put_is_answered_whatever_is_said_of_its_empty_body() {
    let doors = Doors::open();
    let mut connection = doors.connect(Door::Imds);
    for lines in [
        "",
        "Content-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        "Accept: */*\r\nConnection: keep-alive\r\n",
    ] {
        // On one connection: what waited for a body would take the next request for it.
        let request =
            format!("PUT {TOKEN_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{TTL}: 60\r\n{lines}\r\n");
        connection.write(request.as_bytes()).expect("it is open");
        let answer = connection.read(false).expect("an answer");
        assert_eq!(answer.status, 200, "{lines}");
    }
}

/// Client contract 8.
#[test]
fn a_body_is_never_taken_for_a_request() {
    let doors = Doors::open();
    let head = |lines: &str| {
        format!("PUT {TOKEN_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{TTL}: 60\r\n{lines}\r\n")
    };
    let hidden = String::from_utf8(doors.credentials(Door::Imds, "")).expect("text");

    let stated = head(&format!(
        "Content-Length: {}\r\nConnection: close\r\n",
        hidden.len()
    )) + &hidden;
    let answer = doors
        .last_words(Door::Imds, stated.as_bytes())
        .expect("an answer");
    assert_eq!(answer.status, 200);

    // The body comes late and in pieces, and a request follows it.
    let mut connection = doors.connect(Door::Imds);
    connection
        .write(head("Content-Length: 10\r\n").as_bytes())
        .expect("it is open");
    for piece in ["GET /", " HTTP"] {
        connection.write(piece.as_bytes()).expect("it is open");
    }
    assert_eq!(connection.read(false).expect("an answer").status, 200);
    connection
        .write(&doors.credentials(Door::Imds, ""))
        .expect("it is open");
    assert_has_credentials(&connection.read(false).expect("an answer"));

    for chunked in [
        format!(
            "{}{:x}\r\n{hidden}\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked\r\n"),
            hidden.len()
        ),
        format!(
            "{}0\r\n\r\n{hidden}",
            head("Transfer-Encoding: chunked\r\n")
        ),
        format!(
            "{}{}",
            head("Content-Length: 1000000\r\n"),
            "x".repeat(100_000)
        ),
    ] {
        let answer = doors
            .last_words(Door::Imds, chunked.as_bytes())
            .expect("an answer");
        assert_refused(Door::Imds, &answer, &[400, 413], "a body");
    }
}

/// Client contract 68.
#[test]
fn what_could_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let (key, path) = (doors.key(door), Doors::path(door));
        let host = "Host: 127.0.0.1\r\n";
        let hidden = String::from_utf8(doors.credentials(door, "")).expect("text");
        let get = |lines: &str| format!("GET {path} HTTP/1.1\r\n{host}{key}{lines}\r\n");
        let put = |lines: &str, body: &str| {
            format!("PUT {path} HTTP/1.1\r\n{host}{key}{lines}\r\n{body}{hidden}")
        };
        let chunks = "0\r\n\r\n";
        for request in [
            put("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
            put("Content-Length: 1\r\nContent-Length: 2\r\n", "a"),
            put("Content-Length: 0\r\nContent-Length: 5\r\n", ""),
            put("Content-Length: 1, 1\r\n", "a"),
            put("Content-Length: +1\r\n", "a"),
            put("Content-Length: -1\r\n", ""),
            put("Content-Length: 0x1\r\n", "a"),
            put("Content-Length: 1 1\r\n", "a"),
            put("Content-Length: a\r\n", ""),
            put("Content-Length: 99999999999999999999999\r\n", ""),
            put(
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                chunks,
            ),
            put(
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                chunks,
            ),
            put("Transfer-Encoding: chunked\r\n", chunks),
            put("transfer-encoding: CHUNKED\r\n", chunks),
            put("Transfer-Encoding: chunked, identity\r\n", chunks),
            put("Transfer-Encoding: identity\r\n", ""),
            put("Transfer-Encoding: xchunked\r\n", chunks),
            put("Transfer-Encoding: \x0bchunked\r\n", chunks),
            put("Transfer-Encoding : chunked\r\n", chunks),
            put("Transfer-Encoding:\r\n chunked\r\n", chunks),
            put("Content-Length : 1\r\n", "a"),
            put("Content-Length\r\n", "a"),
            get("").replacen("\r\n", "\n", 1),
            get("").replace("\r\n", "\n"),
            get("").replace("\r\n\r\n", "\r\n\n"),
            get("").replace("\r\n\r\n", "\n\n"),
            get("A: b\n"),
            get("A: b\rC: d\r\n"),
            get("A: b\r\n c\r\n"),
            get("A: b\r\n\tc\r\n"),
            get(" A: b\r\n"),
            get("A : b\r\n"),
            get("A\t: b\r\n"),
            get(": b\r\n"),
            get("A\r\n"),
            get("A: b\0c\r\n"),
            get("A: b\x01c\r\n"),
            get("A\0: b\r\n"),
            get("A b: c\r\n"),
            get("A(b): c\r\n"),
            get("").replace(" HTTP/1.1", " HTTP/1.2"),
            get("").replace(" HTTP/1.1", " HTTP/0.9"),
            get("").replace(" HTTP/1.1", " HTTP/2.0"),
            get("").replace(" HTTP/1.1", " http/1.1"),
            get("").replace(" HTTP/1.1", ""),
            get("").replace(" HTTP/1.1", " HTTP/1.1 x"),
            get("").replacen("GET ", "GET\t", 1),
            get("").replacen("GET ", "G=T ", 1),
            get("").replacen("GET ", "G\0T ", 1),
        ] {
            let answer = doors.last_words(door, request.as_bytes());
            let shown = request.escape_debug().to_string();
            let answer = answer.unwrap_or_else(|| panic!("no answer at {door:?} to {shown}"));
            // hyper's own refusals have no body.
            assert_eq!(answer.status, 400, "{shown} at {door:?}");
            assert!(!answer.text().contains("AccessKey"), "{shown}");
        }
        doors.assert_serves(door);
    }
}

/// Bytes that look random and are the same every time.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    std::iter::repeat_with(|| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    })
    .take(512)
    .collect()
}

/// Client contract 62.
#[test]
fn what_is_no_http_1_ends_the_connection_and_fills_no_log() {
    let doors = Doors::open();
    let mut all: Vec<Vec<u8>> = (1..=100).map(noise).collect();
    for bytes in &mut all {
        // A line without an end would be waited for, as the head of a slow client is.
        bytes.extend(b"\r\n\r\n");
    }
    all.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec());
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.extend(noise(7));
    all.push(hello);
    all.push(b"\x05\x01\x00".to_vec());
    all.push(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec());
    all.push(b"EHLO localhost\r\n".to_vec());
    all.push(vec![0; 4096]);
    all.push(b"\r\n\r\n\r\n\r\n".to_vec());
    let before = doors.world.log().lines().count();
    for door in Door::BOTH {
        for bytes in &all {
            let status = doors.last_words(door, bytes).map(|answer| answer.status);
            // Said at once: who is only slow is closed without a word, as is who speaks HTTP/2. Nothing but
            // ends of lines is slow.
            let silent = bytes.starts_with(b"\r\n") || bytes.starts_with(b"PRI ");
            let expected = (!silent).then_some(400);
            assert_eq!(status, expected, "{}", bytes.escape_ascii());
        }
        doors.assert_serves(door);
    }
    let lines = doors.world.log().lines().count() - before;
    assert!(lines < 20, "{lines} lines of log\n{}", doors.world.log());
}
