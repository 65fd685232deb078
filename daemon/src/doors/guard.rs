//! The guard in front of every door: what a request's head must look like (client contract 49–62,
//! 65, 68; threats T4–T6).
//!
//! A pure function of the head and of where it arrived. Browsers are kept out by `Host`, which a page
//! cannot forge (DNS rebinding, seen in aws-vault #578 and hologram #95), and by headers that no SDK
//! sends; proxies by theirs, since a request that was forwarded does not come from this machine.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderName, Method, StatusCode, Version};

/// The longest header line, name and colon included, and the longest request target, in bytes.
pub const MAX_LINE_BYTES: usize = 8 * 1024;

/// Most header lines. Not hyper's limit, which is 100 and stays so: with one of one's own it clears two
/// arrays on the heap for every request.
pub const MAX_HEADERS: usize = 64;

/// Where a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The Unix socket, which no browser reaches.
    Socket,
    /// A lease's Unix socket, perhaps behind a forwarder on loopback, whose port we do not know.
    LeaseSocket,
    /// A TCP listener at this address and port.
    Tcp(IpAddr, u16),
}

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of the answer.
    pub status: StatusCode,
    /// For the ledger, metrics and, on doors with error bodies, the answer.
    pub reason: &'static str,
    /// The rest of the connection cannot be trusted to be requests: close it.
    pub close: bool,
}

impl Refusal {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            close: false,
        }
    }

    const fn and_close(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            close: true,
        }
    }
}

/// Whether the head may go on to its door.
pub fn check(site: Site, head: &Parts) -> Result<(), Refusal> {
    if matches!(
        head.method,
        Method::OPTIONS | Method::CONNECT | Method::TRACE
    ) {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed",
        ));
    }
    if head.uri.path().len() + head.uri.query().map_or(0, str::len) > MAX_LINE_BYTES {
        return Err(Refusal::and_close(
            StatusCode::URI_TOO_LONG,
            "request line too long",
        ));
    }
    if head.headers.len() > MAX_HEADERS {
        return Err(Refusal::and_close(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too many header lines",
        ));
    }
    let (mut hosts, mut lengths, mut named) = (0_usize, 0_usize, None);
    for (name, value) in &head.headers {
        if name.as_str().len() + value.len() + 2 > MAX_LINE_BYTES {
            return Err(Refusal::and_close(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "header line too long",
            ));
        }
        if name == HOST {
            hosts += 1;
            named = Some(value.as_bytes());
        }
        lengths += usize::from(name == CONTENT_LENGTH);
        header(site, name)?;
    }
    if lengths > 1 {
        return Err(DUPLICATE_LENGTH);
    }
    host(site, head, hosts, named)
}

/// What [`super::wire`] saw that the parsed head no longer shows.
pub const DUPLICATE_LENGTH: Refusal =
    Refusal::and_close(StatusCode::BAD_REQUEST, "more than one content-length");

/// A head that is not strictly HTTP/1.1 (a bare line feed): what follows may be read in two ways.
pub const MALFORMED: Refusal = Refusal::and_close(StatusCode::BAD_REQUEST, "malformed head");

fn header(site: Site, name: &HeaderName) -> Result<(), Refusal> {
    let name = name.as_str();
    match name {
        "origin" | "referer" | "cookie" => Err(BROWSER),
        "x-forwarded-for" | "forwarded" | "via" | "x-real-ip" => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "the request was forwarded",
        )),
        // No SDK sends a body, let alone a chunked one; and a length beside it is the oldest way of
        // smuggling a request. hyper drops the length, so only this shows.
        "transfer-encoding" if !matches!(site, Site::Socket | Site::LeaseSocket) => Err(
            Refusal::and_close(StatusCode::BAD_REQUEST, "transfer-encoding is not accepted"),
        ),
        _ if name.starts_with("sec-fetch-") || name.starts_with("access-control-request-") => {
            Err(BROWSER)
        }
        _ => Ok(()),
    }
}

const BROWSER: Refusal = Refusal::new(StatusCode::FORBIDDEN, "the request comes from a browser");

const FOREIGN_HOST: Refusal = Refusal::new(StatusCode::FORBIDDEN, "host is not this listener");

fn host(site: Site, head: &Parts, hosts: usize, named: Option<&[u8]>) -> Result<(), Refusal> {
    let value = match (hosts, named) {
        (1, Some(value)) => value,
        (0, _)
            if matches!(site, Site::Socket | Site::LeaseSocket)
                && head.version == Version::HTTP_10 =>
        {
            return Ok(());
        }
        (0, _) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "host is missing")),
        _ => {
            return Err(Refusal::and_close(
                StatusCode::BAD_REQUEST,
                "more than one host",
            ));
        }
    };
    if value.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "host is empty"));
    }
    if !names(site, value) {
        return Err(FOREIGN_HOST);
    }
    match head.uri.authority() {
        None if head.uri.path().starts_with('/') => Ok(()),
        None => Err(Refusal::new(StatusCode::BAD_REQUEST, "target is no path")),
        Some(authority) => absolute(site, head.uri.scheme(), authority, value),
    }
}

/// A target in absolute form, as clients behind a proxy send it: its authority counts, and must be
/// `Host`'s (client contract 54).
fn absolute(
    site: Site,
    scheme: Option<&Scheme>,
    authority: &Authority,
    host: &[u8],
) -> Result<(), Refusal> {
    if scheme != Some(&Scheme::HTTP) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "target is not http"));
    }
    if !names(site, authority.as_str().as_bytes()) {
        return Err(FOREIGN_HOST);
    }
    if !authority.as_str().as_bytes().eq_ignore_ascii_case(host) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "target and host differ",
        ));
    }
    Ok(())
}

/// Whether `host` is a name of this listener, with its port or without one (CRT sends none). Compared
/// as text: `127.1`, `localhost.` and user information are nobody's name.
fn names(site: Site, host: &[u8]) -> bool {
    let (address, port) = match site {
        Site::Socket => return host.eq_ignore_ascii_case(b"localhost"),
        // A page that a browser behind the forwarder was rebound to names its own host here.
        Site::LeaseSocket => return is_loopback(host, |_| true),
        Site::Tcp(address, port) => (address, port),
    };
    if !address.is_loopback() {
        return matches!(address, IpAddr::V4(address) if is_address(host, address, port));
    }
    is_loopback(host, |named| named == port)
}

fn is_loopback(host: &[u8], right: impl Fn(u16) -> bool) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.split_at_checked(name.len())
            .is_some_and(|(head, rest)| {
                head.eq_ignore_ascii_case(name.as_bytes()) && is_port(rest, &right)
            })
    })
}

fn is_address(host: &[u8], address: Ipv4Addr, port: u16) -> bool {
    let end = host
        .iter()
        .position(|&byte| byte == b':')
        .unwrap_or(host.len());
    let (name, rest) = host.split_at(end);
    // `Ipv4Addr` reads only the canonical form: four decimal numbers without leading zeros.
    std::str::from_utf8(name).is_ok_and(|name| name.parse() == Ok(address))
        && is_port(rest, |named| named == port)
}

fn is_port(rest: &[u8], right: impl Fn(u16) -> bool) -> bool {
    match rest {
        [] => true,
        [b':', digits @ ..] => {
            digits.first().is_some_and(u8::is_ascii_digit)
                && digits.first() != Some(&b'0')
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse().is_ok_and(right))
        }
        _ => false,
    }
}
