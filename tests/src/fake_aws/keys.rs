//! The keys the fake knows, long-term and issued, and who a request comes from.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::{digest, rand};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::config::{Config, User, account, name, partition};
use super::request::Request;
use super::signature::Authorization;
use super::xml::Refusal;

/// How far a request's time may be from the service's.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// The form of `x-amz-date`.
const COMPACT: &str = "%Y%m%dT%H%M%SZ";

/// Who a request comes from.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The user's ARN, or `arn:aws:sts::…:assumed-role/role/session`.
    pub(super) arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub(super) user_id: String,
    /// None for a user's long-term key.
    pub(super) session: Option<SessionFacts>,
}

impl Caller {
    pub(super) fn account(&self) -> &str {
        account(&self.arn).unwrap_or_default()
    }
}

/// What a session carries on into a chain.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionFacts {
    /// The IAM role's ARN.
    pub(super) role: String,
    pub(super) source_identity: Option<String>,
    /// The tags that the next sessions inherit.
    pub(super) transitive_tags: BTreeMap<String, String>,
}

/// Temporary credentials, as issued.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) token: String,
    pub(super) expires: Timestamp,
    pub(super) caller: Caller,
}

/// Every key a request may be signed with.
pub(super) struct Keys {
    users: Vec<User>,
    issued: HashMap<String, Issued>,
    token_bytes: usize,
}

impl Keys {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            users: config.users.clone(),
            issued: HashMap::new(),
            token_bytes: config.session_token_bytes,
        }
    }

    /// Makes a session's key and remembers it.
    pub(super) fn issue(
        &mut self,
        role: &str,
        session_name: &str,
        facts: SessionFacts,
        expires: Timestamp,
    ) -> Issued {
        let arn = format!(
            "arn:{}:sts::{}:assumed-role/{}/{session_name}",
            partition(role),
            account(role).unwrap_or_default(),
            name(role)
        );
        let issued = Issued {
            access_key_id: format!("ASIA{}", random(16, BASE32)),
            secret_access_key: random(40, BASE64),
            token: random(self.token_bytes, BASE64),
            expires,
            caller: Caller {
                arn,
                user_id: format!("{}:{session_name}", unique_id("AROA", role)),
                session: Some(facts),
            },
        };
        self.issued
            .insert(issued.access_key_id.clone(), issued.clone());
        issued
    }

    /// Who signed `request`, if the signature, the token and both times are right at `now`.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let authorization = Authorization::of(request)?;
        let time = request
            .header("x-amz-date")
            .ok_or_else(|| mismatch("'x-amz-date' header is required."))?;
        check_scope(&authorization, request, time)?;
        check_time(time, now)?;
        let token = request.header("x-amz-security-token");

        if let Some(issued) = self.issued.get(&authorization.access_key_id) {
            if token != Some(issued.token.as_str()) {
                return Err(invalid_token());
            }
            if !authorization.is_made_with(&issued.secret_access_key, request, time) {
                return Err(wrong_signature());
            }
            if issued.expires <= now {
                return Err(Refusal::new(
                    403,
                    "ExpiredToken",
                    "The security token included in the request is expired",
                ));
            }
            return Ok(issued.caller.clone());
        }
        let user = self
            .users
            .iter()
            .find(|user| user.access_key_id == authorization.access_key_id)
            .filter(|_| token.is_none())
            .ok_or_else(invalid_token)?;
        if !authorization.is_made_with(&user.secret_access_key, request, time) {
            return Err(wrong_signature());
        }
        Ok(Caller {
            arn: user.arn.clone(),
            user_id: unique_id("AIDA", &user.arn),
            session: None,
        })
    }
}

fn check_scope(
    authorization: &Authorization,
    request: &Request,
    time: &str,
) -> Result<(), Refusal> {
    if authorization.service != "sts" {
        return Err(mismatch(
            "Credential should be scoped to correct service: 'sts'.",
        ));
    }
    if !time.starts_with(&authorization.date) {
        return Err(mismatch(&format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{}', from '{time}'.",
            authorization.date,
            time.get(..8).unwrap_or(time)
        )));
    }
    let required = ["host", "x-amz-date", "x-amz-security-token"];
    for header in required {
        let signed = authorization.signed_headers.iter().any(|it| it == header);
        if !signed && (header == "host" || request.header(header).is_some()) {
            return Err(mismatch(&format!(
                "'{header}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    Ok(())
}

fn check_time(time: &str, now: Timestamp) -> Result<(), Refusal> {
    let signed = DateTime::strptime(COMPACT, time)
        .and_then(|civil| civil.to_zoned(TimeZone::UTC))
        .map_err(|_| mismatch("Date must be in ISO-8601 'basic format'."))?
        .timestamp();
    let compact = |instant: Timestamp| instant.strftime(COMPACT).to_string();
    let earliest = now - WINDOW;
    let latest = now + WINDOW;
    if signed < earliest {
        return Err(mismatch(&format!(
            "Signature expired: {time} is now earlier than {} ({} - 15 min.)",
            compact(earliest),
            compact(now)
        )));
    }
    if signed > latest {
        return Err(mismatch(&format!(
            "Signature not yet current: {time} is still later than {} ({} + 15 min.)",
            compact(latest),
            compact(now)
        )));
    }
    Ok(())
}

fn mismatch(message: &str) -> Refusal {
    Refusal::new(403, "SignatureDoesNotMatch", message)
}

fn wrong_signature() -> Refusal {
    mismatch(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
}

fn invalid_token() -> Refusal {
    Refusal::new(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8], alphabet: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

/// `length` characters of `alphabet`, whose length must divide 256.
fn random(length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).expect("the system has a random source");
    encode(&bytes, alphabet)
}

/// The unique id IAM gives a user or role: the same each time the same ARN is configured.
pub(super) fn unique_id(prefix: &str, arn: &str) -> String {
    let hash = digest::digest(&digest::SHA256, arn.as_bytes());
    format!("{prefix}{}", encode(&hash.as_ref()[..17], BASE32))
}

/// A request id, in the form of a UUID.
pub(super) fn request_id() -> String {
    let hex = random(32, b"0123456789abcdef");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_at(time: &str, now: &str) -> Option<String> {
        let now: Timestamp = now.parse().unwrap();
        check_time(time, now).err().map(|refusal| refusal.message)
    }

    #[test]
    fn times_up_to_fifteen_minutes_off_pass() {
        let now = "2026-01-01T12:00:00Z";
        assert_eq!(refusal_at("20260101T114500Z", now), None);
        assert_eq!(refusal_at("20260101T121500Z", now), None);
        assert_eq!(
            refusal_at("20260101T114459Z", now).as_deref(),
            Some(
                "Signature expired: 20260101T114459Z is now earlier than 20260101T114500Z \
                 (20260101T120000Z - 15 min.)"
            )
        );
        assert!(
            refusal_at("20260101T121501Z", now)
                .unwrap()
                .starts_with("Signature not yet current:")
        );
        assert!(refusal_at("yesterday", now).is_some());
    }

    #[test]
    fn ids_look_like_aws_s() {
        let mut keys = Keys::new(&Config {
            session_token_bytes: 4096,
            ..Config::default()
        });
        let role = "arn:aws-cn:iam::123456789012:role/team/dev";
        let issued = keys.issue(role, "me", SessionFacts::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(issued.access_key_id.len(), 20);
        assert!(
            issued.access_key_id[4..]
                .bytes()
                .all(|byte| BASE32.contains(&byte))
        );
        assert_eq!(issued.token.len(), 4096);
        assert_eq!(
            issued.caller.arn,
            "arn:aws-cn:sts::123456789012:assumed-role/dev/me"
        );
        assert_eq!(unique_id("AROA", role), unique_id("AROA", role));
        assert_eq!(unique_id("AROA", role).len(), 21);
        assert_eq!(request_id().len(), 36);
    }
}
