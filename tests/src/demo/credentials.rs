//! The documents of the four doors, and what of them may be shown.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

/// How many characters of a secret are shown.
const SHOWN: usize = 6;

/// The credentials in a door's document.
///
/// The session-token member is `SessionToken` for `credential_process` and the socket, `Token` for
/// IMDS and the container endpoint. No Debug: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// `ASIA…`.
    pub(super) access_key_id: String,
    secrets: [String; 2],
    /// The reported end.
    pub(super) expiration: Timestamp,
}

impl Credentials {
    /// Reads a document, and checks that it is a temporary session that has not ended.
    pub(super) fn read(document: &str) -> anyhow::Result<Self> {
        // The text is not told: it may hold secrets.
        let value: Value = serde_json::from_str(document).context("not a JSON document")?;
        let text = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .with_context(|| format!("a document without {name}"))
        };
        let credentials = Self {
            access_key_id: text("AccessKeyId")?,
            secrets: [
                text("SecretAccessKey")?,
                text("SessionToken").or_else(|_| text("Token"))?,
            ],
            expiration: text("Expiration")?.parse().context("Expiration")?,
        };
        if !credentials.access_key_id.starts_with("ASIA") {
            bail!("{} is no temporary key", credentials.access_key_id);
        }
        if credentials.expiration <= Timestamp::now() {
            bail!("a session that ended at {}", credentials.expiration);
        }
        Ok(credentials)
    }

    /// `text` with this session's secrets shortened.
    pub(super) fn hide(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_owned(), |text, secret| shorten(&text, secret))
    }
}

/// `text` with `secret` shortened, as it stands and as JSON escapes it.
pub(super) fn shorten(text: &str, secret: &str) -> String {
    let shown: String = secret.chars().take(SHOWN).collect();
    let short = format!("{shown}…");
    text.replace(secret, &short)
        .replace(&secret.replace('/', "\\/"), &short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read_and_their_secrets_hidden() {
        for token in ["SessionToken", "Token"] {
            let document = format!(
                r#"{{"AccessKeyId":"ASIA1","SecretAccessKey":"wJalrXUtnFEMI/K7","{token}":"IQoJb3JpZ2luX2Vj","Expiration":"2999-01-01T00:00:00Z"}}"#
            );
            let credentials = Credentials::read(&document).unwrap();
            let shown = credentials.hide(&document);
            assert!(
                shown.contains("wJalrX…") && shown.contains("IQoJb3…"),
                "{shown}"
            );
            assert!(
                !shown.contains("FEMI") && !shown.contains("pZ2lu"),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_no_live_session_is_refused() {
        let document = |key: &str, end: &str| {
            format!(
                r#"{{"AccessKeyId":"{key}","SecretAccessKey":"s","Token":"t","Expiration":"{end}"}}"#
            )
        };
        let error = |text: &str| Credentials::read(text).err().unwrap().to_string();
        assert!(error(&document("AKIA1", "2999-01-01T00:00:00Z")).contains("no temporary"));
        assert!(error(&document("ASIA1", "2001-01-01T00:00:00Z")).contains("ended at"));
        assert!(error(r#"{"AccessKeyId":""}"#).contains("without AccessKeyId"));
    }
}
