//! ARNs of IAM roles.

use std::fmt;

use thiserror::Error;

/// `arn:partition:iam::account:role/path/name`, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn {
    text: String,
    partition: String,
    account: String,
    name: String,
}

/// Why a text is not a role's ARN.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArnError {
    /// Not six parts separated by colons, or it does not begin with `arn`.
    #[error("expected arn:PARTITION:iam::ACCOUNT:role/NAME")]
    Form,
    /// Another service or a region where IAM has none.
    #[error("expected an IAM ARN without a region, arn:{0}:iam::ACCOUNT:role/NAME")]
    NotIam(String),
    /// The account is not twelve digits.
    #[error("expected an account id of 12 digits, found {0:?}")]
    Account(String),
    /// Not a role: a user, an instance profile, an assumed-role session.
    #[error("expected role/NAME after the account, found {0:?}")]
    NotARole(String),
}

impl RoleArn {
    /// Parses a role's ARN.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return Err(ArnError::Form);
        };
        if partition.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ArnError::Form);
        }
        if service != "iam" || !region.is_empty() {
            return Err(ArnError::NotIam(partition.to_owned()));
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ArnError::Account(account.to_owned()));
        }
        let name = resource
            .strip_prefix("role/")
            .and_then(|path| path.rsplit('/').next())
            .filter(|name| !name.is_empty())
            .ok_or_else(|| ArnError::NotARole(resource.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The last part of the path: what stands in a session's ARN.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `session_arn` (`arn:P:sts::A:assumed-role/NAME/SESSION`) is a session of this role with
    /// that session name. IAM compares role names without case.
    pub fn issued(&self, session_arn: &str, session_name: &str) -> bool {
        let prefix = format!("arn:{}:sts::{}:assumed-role/", self.partition, self.account);
        session_arn
            .strip_prefix(&prefix)
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(name, session)| {
                name.eq_ignore_ascii_case(&self.name) && session == session_name
            })
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_iam_issues_and_names_what_is_wrong_with_the_rest() {
        let arn = RoleArn::parse("arn:aws-cn:iam::123456789012:role/team/a/Admin").unwrap();
        assert_eq!(
            (arn.partition(), arn.account(), arn.name()),
            ("aws-cn", "123456789012", "Admin")
        );
        for (text, error) in [
            ("role/x", ArnError::Form),
            ("arn:aws:iam::123456789012:role/a b", ArnError::Form),
            (
                "arn:aws:iam:eu-west-1:123456789012:role/x",
                ArnError::NotIam("aws".into()),
            ),
            (
                "arn:aws:iam::12345678901:role/x",
                ArnError::Account("12345678901".into()),
            ),
            (
                "arn:aws:iam::123456789012:user/x",
                ArnError::NotARole("user/x".into()),
            ),
            (
                "arn:aws:iam::123456789012:role/",
                ArnError::NotARole("role/".into()),
            ),
        ] {
            assert_eq!(RoleArn::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn recognises_its_own_sessions_only() {
        let arn = RoleArn::parse("arn:aws:iam::123456789012:role/team/Admin").unwrap();
        assert!(arn.issued("arn:aws:sts::123456789012:assumed-role/Admin/me", "me"));
        for other in [
            "arn:aws:sts::123456789012:assumed-role/Admin/you",
            "arn:aws:sts::123456789013:assumed-role/Admin/me",
            "arn:aws-cn:sts::123456789012:assumed-role/Admin/me",
            "arn:aws:sts::123456789012:assumed-role/Other/me",
            "arn:aws:sts::123456789012:assumed-role/team/Admin/me",
            "",
        ] {
            assert!(!arn.issued(other, "me"), "{other}");
        }
    }
}
