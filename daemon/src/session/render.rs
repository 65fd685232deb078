//! The two bodies a session is handed out as, rendered once when it arrives (DESIGN rule 1).

use bytes::Bytes;
use rolecall::api::ProcessCredentials;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Served, Session, lifecycle};
use crate::clock::Timestamp;
use crate::secrets;

/// The most that every client reads: aws-sdk-go v1 cuts a process's output at this size (client
/// contract 91).
pub const LARGEST_SAFE_BODY: usize = 8192;

/// What the IMDS and container doors answer (EC2 User Guide, "Retrieve security credentials from
/// instance metadata"; ECS Developer Guide, "Task IAM role").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HttpCredentials<'a> {
    code: &'a str,
    last_updated: String,
    #[serde(rename = "Type")]
    kind: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
    account_id: &'a str,
    role_arn: &'a str,
}

impl Served {
    /// Renders `session` for the doors.
    pub fn new(session: Session) -> Self {
        let end = lifecycle::end(session.issued, session.expires);
        let process_body = process_body(&session, end.wall);
        let http_body = http_body(&session, end.wall);
        let largest = process_body.len().max(http_body.len());
        if largest > LARGEST_SAFE_BODY {
            tracing::warn!(
                role_arn = session.origin.role_arn,
                bytes = largest,
                "this session's answer is larger than some SDKs read; fewer or shorter session tags make it smaller"
            );
        }
        Self {
            reported: end.wall,
            end,
            process_body,
            http_body,
            session,
        }
    }
}

fn process_body(session: &Session, reported: Timestamp) -> Bytes {
    wiped_json(&ProcessCredentials {
        version: 1,
        access_key_id: session.access_key_id.clone(),
        secret_access_key: Zeroizing::new(session.secret_access_key.expose().to_owned()),
        session_token: Zeroizing::new(session.session_token.expose().to_owned()),
        expiration: reported.to_string(),
        account_id: Some(session.origin.account.clone()),
    })
}

fn http_body(session: &Session, reported: Timestamp) -> Bytes {
    wiped_json(&HttpCredentials {
        code: "Success",
        last_updated: session.issued.wall.to_string(),
        kind: "AWS-HMAC",
        access_key_id: &session.access_key_id,
        secret_access_key: session.secret_access_key.expose(),
        token: session.session_token.expose(),
        expiration: reported.to_string(),
        account_id: &session.origin.account,
        role_arn: &session.origin.role_arn,
    })
}

/// JSON in memory that is neither swapped nor dumped, and wiped when the last reader is done with it.
fn wiped_json(value: &impl Serialize) -> Bytes {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).expect("strings and numbers always serialise");
    Bytes::from_owner(secrets::locked(length.0, |room| {
        serde_json::to_writer(room, value).expect("it fills the room made for it");
    }))
}

/// Counts what is written to it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::clock::Now;
    use crate::secrets::Secret;
    use crate::session::Origin;

    fn served(token: &str) -> Served {
        let issued = Now {
            wall: Timestamp::from_millis(1_767_225_600_250),
            boot: Duration::from_secs(77),
        };
        Served::new(Session {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("secret/+\"quoted"),
            session_token: Secret::new(token),
            issued,
            expires: Timestamp::from_secs(1_767_229_200),
            origin: Origin {
                account: "123456789012".into(),
                role_arn: "arn:aws:iam::123456789012:role/dev".into(),
                ..Origin::default()
            },
        })
    }

    #[test]
    fn bodies_have_exactly_the_members_that_sdks_read() {
        let served = served("token");
        let process: serde_json::Value = serde_json::from_slice(&served.process_body).unwrap();
        assert_eq!(
            process,
            json!({
                "Version": 1,
                "AccessKeyId": "ASIAEXAMPLE",
                "SecretAccessKey": "secret/+\"quoted",
                "SessionToken": "token",
                "Expiration": "2026-01-01T00:59:00Z",
                "AccountId": "123456789012",
            })
        );
        let http: serde_json::Value = serde_json::from_slice(&served.http_body).unwrap();
        assert_eq!(
            http,
            json!({
                "Code": "Success",
                "LastUpdated": "2026-01-01T00:00:00Z",
                "Type": "AWS-HMAC",
                "AccessKeyId": "ASIAEXAMPLE",
                "SecretAccessKey": "secret/+\"quoted",
                "Token": "token",
                "Expiration": "2026-01-01T00:59:00Z",
                "AccountId": "123456789012",
                "RoleArn": "arn:aws:iam::123456789012:role/dev",
            })
        );
        assert!(served.http_body.ends_with(b"}") && served.process_body.ends_with(b"}"));
    }

    #[test]
    fn what_is_reported_is_when_serving_stops() {
        let served = served("token");
        assert_eq!(served.reported, served.end.wall);
        let last = Now {
            wall: Timestamp::from_millis(1_767_229_139_999),
            boot: Duration::from_secs(78),
        };
        assert!(served.is_valid(last));
        assert!(!served.is_valid(Now {
            wall: served.reported,
            ..last
        }));
    }

    #[test]
    fn a_long_token_arrives_whole() {
        let token = "t".repeat(9000);
        let served = served(&token);
        let body: ProcessCredentials = serde_json::from_slice(&served.process_body).unwrap();
        assert_eq!(*body.session_token, token);
    }
}
