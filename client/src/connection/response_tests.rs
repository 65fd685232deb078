//! Whole answers, wrong ones, and answers that come in any pieces.

use proptest::prelude::*;

use super::*;

type Parsed = Result<Option<(u16, Vec<u8>)>, Malformed>;

/// Feeds `bytes` in pieces of the given sizes (the last is repeated).
fn parse_in(bytes: &[u8], pieces: &[usize]) -> Parsed {
    let mut parser = Parser::new();
    let mut sizes = pieces.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = parser.space();
        let size = sizes
            .next()
            .unwrap_or(1)
            .clamp(1, rest.len())
            .min(space.len());
        space[..size].copy_from_slice(&rest[..size]);
        rest = &rest[size..];
        if let Some(response) = parser.advance(size)? {
            return Ok(Some((response.status(), response.body().to_vec())));
        }
    }
    Ok(None)
}

fn parse(text: &str) -> Parsed {
    parse_in(text.as_bytes(), &[usize::MAX])
}

#[test]
fn a_sized_answer() {
    let whole =
        parse("HTTP/1.1 200 OK\r\nRolecall-Version: 0.1.0\r\ncontent-length: 2\r\n\r\n{}rest");
    assert_eq!(whole, Ok(Some((200, b"{}".to_vec()))));
    let cut = parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}");
    assert_eq!(cut, Ok(None));
}

#[test]
fn a_chunked_answer() {
    let head = "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n";
    let whole = parse(&format!(
        "{head}3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n"
    ));
    assert_eq!(whole, Ok(Some((503, b"abcdefg".to_vec()))));
    assert_eq!(parse(&format!("{head}3\r\nabc\r\n0\r\n")), Ok(None));
    for broken in ["3\r\nabcd\r\n", "x\r\n", "-1\r\n"] {
        assert_eq!(
            parse(&format!("{head}{broken}")),
            Err(Malformed::Chunks),
            "{broken}"
        );
    }
    let huge = format!("{head}ffffffffffff\r\n");
    assert_eq!(parse(&huge), Err(Malformed::BodyTooLong));
}

#[test]
fn the_daemon_s_version_is_kept() {
    let bytes = b"HTTP/1.1 204 No Content\r\nrolecall-version: 1.2.3\r\n\r\n";
    let mut parser = Parser::new();
    parser.space()[..bytes.len()].copy_from_slice(bytes);
    let response = parser.advance(bytes.len()).unwrap().unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (204, Some("1.2.3"))
    );
    assert!(response.body().is_empty());
}

#[test]
fn an_answer_without_one_clear_length_is_refused() {
    for headers in [
        "",
        "Content-Length: +2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: \r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
    ] {
        let found = parse(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n{{}}"));
        assert_eq!(found, Err(Malformed::Length), "{headers:?}");
    }
}

#[test]
fn limits() {
    let length = |length: &str| {
        parse(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        ))
    };
    assert_eq!(length(&MAX_BODY.to_string()), Ok(None));
    assert_eq!(
        length(&(MAX_BODY + 1).to_string()),
        Err(Malformed::BodyTooLong)
    );
    assert_eq!(
        length("99999999999999999999999"),
        Err(Malformed::BodyTooLong)
    );
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD));
    assert_eq!(parse(&head), Err(Malformed::HeadTooLong));
    assert_eq!(parse("SSH-2.0-OpenSSH_9.9\r\n"), Err(Malformed::NotHttp));
    assert_eq!(
        parse("HTTP/1.1 100 Continue\r\n\r\n"),
        Err(Malformed::NotHttp)
    );
}

fn chunked(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut sizes = sizes.iter().cycle();
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at((*sizes.next().unwrap_or(&1)).clamp(1, rest.len()));
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        rest = left;
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        body in prop::collection::vec(any::<u8>(), 0..40_000),
        chunks in prop::collection::vec(1_usize..5_000, 1..5),
        pieces in prop::collection::vec(1_usize..9_000, 1..8),
    ) {
        let mut sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        sized.extend_from_slice(&body);
        prop_assert_eq!(parse_in(&sized, &pieces), Ok(Some((200, body.clone()))));
        prop_assert_eq!(parse_in(&chunked(&body, &chunks), &pieces), Ok(Some((200, body))));
    }

    #[test]
    fn a_cut_off_answer_is_never_whole(
        body in prop::collection::vec(any::<u8>(), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = chunked(&body, &[7]);
        let cut = cut.index(whole.len());
        prop_assert_eq!(parse_in(&whole[..cut], &[usize::MAX]), Ok(None));
    }

    #[test]
    fn garbage_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), pieces in 1_usize..50) {
        let whole = parse_in(&bytes, &[usize::MAX]);
        let pieced = parse_in(&bytes, &[pieces]);
        prop_assert_eq!(whole.is_err(), pieced.is_err());
    }
}
