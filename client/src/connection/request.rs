//! A request and its bytes on the wire.

use std::fmt::Write as _;

/// What is asked of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Takes something away.
    Delete,
    /// Reads; may be sent twice without harm.
    Get,
    /// Does something.
    Post,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A path and query under construction; everything that is added is percent-encoded (RFC 3986).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// Starts from a fixed path, taken as it is: `/v1/credentials`.
    pub fn new(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            has_query: false,
        }
    }

    /// Adds a path segment: a role's name may hold anything.
    #[must_use]
    pub fn segment(mut self, segment: &str) -> Self {
        self.text.push('/');
        // A segment of dots alone means "here" or "up" to whatever normalises paths.
        let dots = segment == "." || segment == "..";
        encode(&mut self.text, segment, |byte| byte == b'.' && dots);
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        encode(&mut self.text, key, |_| false);
        self.text.push('=');
        encode(&mut self.text, value, |_| false);
        self
    }

    /// As it goes into the request line.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Encodes all but RFC 3986's unreserved characters, and also what `force` picks.
fn encode(into: &mut String, text: &str, force: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain && !force(byte) {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// One request. Holds no secret: nothing that is sent to the daemon is one.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: Method,
    target: Target,
    body: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads `target`.
    pub fn get(target: Target) -> Self {
        Self {
            method: Method::Get,
            target,
            body: None,
        }
    }

    /// Takes `target` away.
    pub fn delete(target: Target) -> Self {
        Self {
            method: Method::Delete,
            target,
            body: None,
        }
    }

    /// Does `target` with a JSON body.
    pub fn post(target: Target, body: &'a [u8]) -> Self {
        Self {
            method: Method::Post,
            target,
            body: Some(body),
        }
    }

    /// Its method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// As it goes over the wire: HTTP/1.1, closed after one answer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json\r\nUser-Agent: rolecall/{}\r\n",
            self.method.as_str(),
            self.target.as_str(),
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(body) = self.body {
            let _ = write!(
                head,
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_role_s_name_is_one_segment_whatever_is_in_it() {
        let target = |role| Target::new("/v1/credentials").segment(role);
        assert_eq!(target("dev").as_str(), "/v1/credentials/dev");
        assert_eq!(
            target("a/b?c=d e").as_str(),
            "/v1/credentials/a%2Fb%3Fc%3Dd%20e"
        );
        assert_eq!(target("..").as_str(), "/v1/credentials/%2E%2E");
        assert_eq!(target("a..b").as_str(), "/v1/credentials/a..b");
        assert_eq!(target("zürich").as_str(), "/v1/credentials/z%C3%BCrich");
    }

    #[test]
    fn bytes_are_a_whole_request() {
        let target = Target::new("/v1/leases").query("a", "1").query("b", "x&y");
        let text = String::from_utf8(Request::post(target, b"{}").to_bytes()).unwrap();
        assert!(text.starts_with("POST /v1/leases?a=1&b=x%26y HTTP/1.1\r\nHost: localhost\r\n"));
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"));
    }

    proptest! {
        #[test]
        fn no_name_escapes_the_request_line(role in "\\PC*|[\\x00-\\x7f]*") {
            let target = Target::new("/v1/credentials").segment(&role).query("q", &role);
            prop_assert!(target.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            let path = target.as_str().split('?').next().unwrap_or_default();
            prop_assert_eq!(path.matches('/').count(), 3);
            prop_assert_eq!(target.as_str().matches('?').count(), 1);
            prop_assert_eq!(target.as_str().matches('&').count(), 0);
        }
    }
}
