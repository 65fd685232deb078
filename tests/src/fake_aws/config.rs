//! What the fake AWS knows from the start: users with long-term keys, and roles with their trust.

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Users, roles and the shape of what is issued.
///
/// As TOML (the binary's `--config`), the names are the fields':
///
/// ```toml
/// session_token_bytes = 4096
///
/// [[users]]
/// arn = "arn:aws:iam::111122223333:user/alice"
/// access_key_id = "AKIAIOSFODNN7EXAMPLE"
/// secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
///
/// [[roles]]
/// arn = "arn:aws:iam::123456789012:role/dev"
/// trust = ["111122223333"]
/// max_session_duration = 43200
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who may sign with a long-term key.
    pub users: Vec<User>,
    /// What may be assumed.
    pub roles: Vec<Role>,
    /// Length of every session token issued, in bytes. AWS states no limit; 4 KiB are met.
    pub session_token_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            roles: Vec::new(),
            session_token_bytes: 800,
        }
    }
}

impl Config {
    /// Reads the binary's configuration.
    ///
    /// # Errors
    /// When the text is not TOML of this shape, or an ARN in it is not an IAM ARN.
    pub fn from_toml(text: &str) -> anyhow::Result<Self> {
        let config: Self = toml::from_str(text).context("not a fake AWS configuration")?;
        for arn in config
            .users
            .iter()
            .map(|user| &user.arn)
            .chain(config.roles.iter().map(|role| &role.arn))
        {
            if account(arn).is_none() {
                bail!("{arn} is not an IAM ARN with a twelve-digit account");
            }
        }
        Ok(config)
    }

    /// The same with one more user.
    #[must_use]
    pub fn user(mut self, arn: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        self.users.push(User {
            arn: arn.into(),
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
        });
        self
    }

    /// The same with one more role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }
}

/// An IAM user with one long-term key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `arn:aws:iam::111122223333:user/alice`.
    pub arn: String,
    /// `AKIA…`.
    pub access_key_id: String,
    /// The secret it signs with; worth nothing outside this fake.
    pub secret_access_key: String,
}

/// An IAM role and who may assume it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `arn:aws:iam::123456789012:role/path/dev`.
    pub arn: String,
    /// Who may assume it: account ids, ARNs of users or roles (a role's ARN stands for each of its
    /// sessions), or `*`. Empty: its own account.
    #[serde(default)]
    pub trust: Vec<String>,
    /// The external id the trust policy asks for.
    #[serde(default)]
    pub external_id: Option<String>,
    /// `MaxSessionDuration`, in seconds: 3600 to 43200.
    #[serde(default = "one_hour")]
    pub max_session_duration: u32,
    /// Whether the trust policy allows `sts:TagSession`.
    #[serde(default = "yes")]
    pub allow_tags: bool,
    /// Whether the trust policy allows `sts:SetSourceIdentity`.
    #[serde(default = "yes")]
    pub allow_source_identity: bool,
}

impl Role {
    /// A role its own account may assume, for an hour at most.
    pub fn new(arn: &str) -> Self {
        Self {
            arn: arn.into(),
            trust: Vec::new(),
            external_id: None,
            max_session_duration: one_hour(),
            allow_tags: true,
            allow_source_identity: true,
        }
    }

    /// The same, trusting this principal too.
    #[must_use]
    pub fn trusting(mut self, principal: &str) -> Self {
        self.trust.push(principal.into());
        self
    }

    /// The same with another `MaxSessionDuration`, in seconds.
    #[must_use]
    pub fn lasting(mut self, seconds: u32) -> Self {
        self.max_session_duration = seconds;
        self
    }

    /// The same, asking for this external id.
    #[must_use]
    pub fn with_external_id(mut self, external_id: &str) -> Self {
        self.external_id = Some(external_id.into());
        self
    }
}

const fn one_hour() -> u32 {
    3600
}

const fn yes() -> bool {
    true
}

/// The twelve-digit account of an IAM or STS ARN.
pub fn account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam" | "sts", "", account, resource]
            if account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && !resource.is_empty() =>
        {
            Some(account)
        }
        _ => None,
    }
}

/// The partition of an ARN: `aws`, `aws-cn`, `aws-us-gov`.
pub(super) fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}

/// The last part of an ARN's path: the role's or the user's name.
pub(super) fn name(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_toml_and_refuses_what_is_no_arn() {
        let config = Config::from_toml(
            r#"
            session_token_bytes = 4096
            [[users]]
            arn = "arn:aws:iam::111122223333:user/alice"
            access_key_id = "AKIAIOSFODNN7EXAMPLE"
            secret_access_key = "secret"
            [[roles]]
            arn = "arn:aws:iam::123456789012:role/team/dev"
            trust = ["111122223333"]
            "#,
        )
        .unwrap();
        assert_eq!(config.session_token_bytes, 4096);
        assert_eq!(config.roles[0].max_session_duration, 3600);
        assert_eq!(name(&config.roles[0].arn), "dev");

        let wrong = "[[roles]]\narn = \"arn:aws:iam::12:role/dev\"";
        assert!(Config::from_toml(wrong).is_err());
        assert!(Config::from_toml("rolls = []").is_err());
    }
}
