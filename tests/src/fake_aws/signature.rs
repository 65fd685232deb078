//! Signature Version 4, computed from AWS's description of it ("Create a signed AWS API request" in
//! the IAM User Guide) and not from any SDK's code, so that a mistake in an SDK would show here.

use std::fmt::Write as _;

use aws_lc_rs::{constant_time, digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::request::Request;
use super::xml::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Everything but RFC 3986's unreserved characters is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The `Authorization` header, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) access_key_id: String,
    /// `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// In lower case and in the order given, which must be sorted.
    pub(super) signed_headers: Vec<String>,
    /// Lower-case hexadecimal.
    pub(super) signature: String,
}

impl Authorization {
    /// Reads the header of `request`.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let header = request.header("authorization").ok_or_else(|| {
            Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )
        })?;
        let rest = header.strip_prefix(ALGORITHM).ok_or_else(|| {
            incomplete("Authorization header requires 'AWS4-HMAC-SHA256' as its algorithm.")
        })?;
        let field = |name: &str| {
            rest.split(',')
                .filter_map(|part| part.trim().split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
                .ok_or_else(|| {
                    incomplete(&format!(
                        "Authorization header requires '{name}' parameter."
                    ))
                })
        };
        let scope: Vec<&str> = field("Credential")?.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = scope[..] else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term",
            ));
        };
        Ok(Self {
            access_key_id: access_key_id.into(),
            date: date.into(),
            region: region.into(),
            service: service.into(),
            signed_headers: field("SignedHeaders")?.split(';').map(Into::into).collect(),
            signature: field("Signature")?.into(),
        })
    }

    /// Whether `secret` made this signature over `request` at `time` (`YYYYMMDD'T'HHMMSS'Z'`).
    pub(super) fn is_made_with(&self, secret: &str, request: &Request, time: &str) -> bool {
        let scope = format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        );
        let canonical = canonical_request(request, &self.signed_headers);
        let text = string_to_sign(time, &scope, &canonical);
        let key = signing_key(secret, &self.date, &self.region, &self.service);
        let expected = hexadecimal(sign(key.as_ref(), text.as_bytes()).as_ref());
        constant_time::verify_slices_are_equal(expected.as_bytes(), self.signature.as_bytes())
            .is_ok()
    }
}

fn incomplete(message: &str) -> Refusal {
    Refusal::new(400, "IncompleteSignature", message)
}

/// Step 1: the canonical request.
fn canonical_request(request: &Request, signed_headers: &[String]) -> String {
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(&request.path),
        canonical_query(&request.query)
    );
    for name in signed_headers {
        let values: Vec<String> = request
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let _ = writeln!(canonical, "{name}:{}", values.join(","));
    }
    let _ = write!(
        canonical,
        "\n{}\n{}",
        signed_headers.join(";"),
        sha256(&request.body)
    );
    canonical
}

/// Every service but S3 has each segment escaped again.
fn canonical_path(path: &str) -> String {
    if path.is_empty() {
        return "/".into();
    }
    path.split('/')
        .map(escape)
        .collect::<Vec<String>>()
        .join("/")
}

/// Sorted by escaped name, then by escaped value.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Here a plus sign is a plus sign: only the form encoding reads it as a space.
            let again = |text: &str| escape(&percent_decode_str(text).decode_utf8_lossy());
            (again(name), again(value))
        })
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// Step 2 and 3: the canonical request's hash, with when and where it is valid.
fn string_to_sign(time: &str, scope: &str, canonical: &str) -> String {
    format!(
        "{ALGORITHM}\n{time}\n{scope}\n{}",
        sha256(canonical.as_bytes())
    )
}

/// Step 4: a key good for one day, region and service.
fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> hmac::Tag {
    let mut key = sign(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = sign(key.as_ref(), part.as_bytes());
    }
    key
}

fn sign(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TIME: &str = "20150830T123600Z";

    /// The example that AWS's description walks through.
    fn example() -> Request {
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", TIME),
            (
                "authorization",
                "AWS4-HMAC-SHA256 \
                 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ];
        Request {
            method: "GET".into(),
            path: "/".into(),
            query: "Action=ListUsers&Version=2010-05-08".into(),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            body: bytes::Bytes::new(),
        }
    }

    fn holds(request: &Request) -> bool {
        let authorization = Authorization::of(request).unwrap();
        authorization.is_made_with(SECRET, request, TIME)
    }

    #[test]
    fn each_step_gives_what_the_published_example_says() {
        let request = example();
        let authorization = Authorization::of(&request).unwrap();
        let canonical = canonical_request(&request, &authorization.signed_headers);
        assert_eq!(
            sha256(canonical.as_bytes()),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
        );
        assert_eq!(
            hexadecimal(signing_key(SECRET, "20150830", "us-east-1", "iam").as_ref()),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
        assert!(holds(&request));
    }

    #[test]
    fn whatever_is_changed_spoils_the_signature() {
        type Change = fn(&mut Request);
        let changes: [(&str, Change); 8] = [
            ("method", |request| request.method = "POST".into()),
            ("path", |request| request.path = "/x".into()),
            ("query", |request| request.query.push('0')),
            ("body", |request| request.body = "x".into()),
            ("signed header", |request| request.headers[1].1.push('x')),
            ("second value", |request| {
                request.headers.push(("host".into(), "b".into()));
            }),
            ("scope", |request| {
                let header = &mut request.headers[3].1;
                *header = header.replace("us-east-1", "us-east-2");
            }),
            ("signature", |request| {
                let header = &mut request.headers[3].1;
                *header = header.replace("5d67", "5d68");
            }),
        ];
        for (what, change) in changes {
            let mut request = example();
            change(&mut request);
            assert!(!holds(&request), "{what}");
        }
        let request = example();
        let authorization = Authorization::of(&request).unwrap();
        assert!(!authorization.is_made_with("another", &request, TIME));
        assert!(!authorization.is_made_with(SECRET, &request, "20150830T123601Z"));
    }

    #[test]
    fn order_and_spacing_do_not_count() {
        let mut request = example();
        request.query = "Version=2010-05-08&Action=List%55sers".into();
        request.headers[1].1 = "  iam.amazonaws.com ".into();
        request.headers.swap(0, 2);
        assert!(holds(&request));
    }

    #[test]
    fn a_header_with_something_missing_is_named() {
        let mut request = example();
        request.headers[3].1 = "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request".into();
        let refusal = Authorization::of(&request).unwrap_err();
        assert_eq!(refusal.code, "IncompleteSignature");
        assert!(refusal.message.contains("SignedHeaders"));

        request.headers.pop();
        let refusal = Authorization::of(&request).unwrap_err();
        assert_eq!(refusal.code, "MissingAuthenticationToken");
    }
}
