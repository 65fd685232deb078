//! The syntax of AssumeRole's parameters ("AssumeRole" in the STS API Reference).

use std::collections::{BTreeMap, BTreeSet};

use super::config::account;
use super::constraints::{EXTERNAL, NAME, Problems, is_external, is_name};
use super::request::Parameters;
use super::xml::Refusal;

/// AssumeRole's parameters, each well formed by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct AssumeRole {
    pub(super) role: String,
    pub(super) session_name: String,
    /// Seconds; one hour when the request does not say.
    pub(super) duration: u32,
    pub(super) external_id: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) policy_arns: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) transitive: BTreeSet<String>,
    pub(super) source_identity: Option<String>,
}

impl AssumeRole {
    /// Reads the parameters, or says what AWS says about the first kind of mistake in them.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let mut problems = Problems::default();
        let role = parameters.get("RoleArn");
        problems.text("roleArn", role, true, 20, 2048, |_| true, "");
        problems.text(
            "roleSessionName",
            parameters.get("RoleSessionName"),
            true,
            2,
            64,
            is_name,
            NAME,
        );
        problems.text(
            "externalId",
            parameters.get("ExternalId"),
            false,
            2,
            1224,
            is_external,
            EXTERNAL,
        );
        problems.text(
            "sourceIdentity",
            parameters.get("SourceIdentity"),
            false,
            2,
            64,
            is_name,
            NAME,
        );
        problems.text(
            "policy",
            parameters.get("Policy"),
            false,
            1,
            2048,
            |_| true,
            "",
        );
        let duration = problems.duration(parameters.get("DurationSeconds"));
        problems.tags(parameters);
        problems.report()?;

        let read = Self {
            role: owned(role).unwrap_or_default(),
            session_name: owned(parameters.get("RoleSessionName")).unwrap_or_default(),
            duration,
            external_id: owned(parameters.get("ExternalId")),
            policy: owned(parameters.get("Policy")),
            policy_arns: parameters
                .fields("PolicyArns", "arn")
                .into_iter()
                .map(Into::into)
                .collect(),
            tags: tags(parameters)?,
            transitive: parameters
                .list("TransitiveTagKeys")
                .into_iter()
                .map(Into::into)
                .collect(),
            source_identity: owned(parameters.get("SourceIdentity")),
        };
        read.check()?;
        Ok(read)
    }

    /// What is wrong in ways that have messages of their own.
    fn check(&self) -> Result<(), Refusal> {
        let invalid = |message: &str| Err(Refusal::new(400, "ValidationError", message));
        if account(&self.role).is_none() || !self.role.contains(":iam::") {
            return invalid("Request ARN is invalid");
        }
        if self.policy_arns.len() > 10 {
            return invalid("The number of managed policy ARNs exceeds the limit of 10");
        }
        if let Some(arn) = self
            .policy_arns
            .iter()
            .find(|arn| !arn.starts_with("arn:") || !arn.contains(":policy/"))
        {
            return invalid(&format!("ARN {arn} is not valid."));
        }
        if let Some(policy) = &self.policy
            && !serde_json::from_str::<serde_json::Value>(policy).is_ok_and(|it| it.is_object())
        {
            return Err(Refusal::new(
                400,
                "MalformedPolicyDocument",
                "The policy is not in the valid JSON format.",
            ));
        }
        if self
            .source_identity
            .as_ref()
            .is_some_and(|identity| identity.starts_with("aws:"))
        {
            return invalid("SourceIdentity must not start with aws:");
        }
        if !self
            .transitive
            .iter()
            .all(|key| self.tags.contains_key(key))
        {
            return Err(Refusal::new(
                400,
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        Ok(())
    }
}

/// The tags by key. Keys that differ only in case are the same key to AWS.
fn tags(parameters: &Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    let keys = parameters.fields("Tags", "Key");
    let folded: BTreeSet<String> = keys.iter().map(|key| key.to_lowercase()).collect();
    if folded.len() < keys.len() {
        return Err(Refusal::new(
            400,
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    let values = parameters.fields("Tags", "Value");
    Ok(keys
        .into_iter()
        .map(Into::into)
        .zip(values.into_iter().map(Into::into))
        .collect())
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/dev";

    fn read(more: &[(&str, &str)]) -> Result<AssumeRole, Refusal> {
        let mut all: BTreeMap<String, String> = [
            ("RoleArn".into(), ROLE.into()),
            ("RoleSessionName".into(), "me@host.abc".into()),
        ]
        .into();
        for (name, value) in more {
            if value.is_empty() && name.starts_with('R') {
                all.remove(*name);
            } else {
                all.insert((*name).into(), (*value).into());
            }
        }
        AssumeRole::read(&Parameters(all))
    }

    #[test]
    fn what_is_right_passes() {
        let long = "x".repeat(64);
        let role = read(&[
            ("RoleSessionName", &long),
            ("DurationSeconds", "900"),
            ("ExternalId", "a:b/c"),
            ("Policy", "{}"),
            (
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            ),
            ("Tags.member.1.Key", "Straße 1"),
            ("Tags.member.1.Value", ""),
            ("TransitiveTagKeys.member.1", "Straße 1"),
            ("SourceIdentity", "alice"),
        ])
        .unwrap();
        assert_eq!(role.duration, 900);
        assert_eq!(role.tags["Straße 1"], "");
        assert_eq!(read(&[]).unwrap().duration, 3600);
    }

    #[test]
    fn what_is_wrong_is_refused_in_aws_s_words() {
        let long = "x".repeat(65);
        let policy = format!("{{\"Statement\":\"{}\"}}", "x".repeat(2048));
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[("RoleArn", "")], "Value null at 'roleArn' failed"),
            (
                &[("RoleArn", "arn:aws:s3:::a-bucket-of-mine")],
                "Request ARN is invalid",
            ),
            (
                &[("RoleSessionName", "a b")],
                r"satisfy regular expression pattern: [\w+=,.@-]*",
            ),
            (&[("RoleSessionName", "ü/")], "1 validation error detected"),
            (
                &[("RoleSessionName", "a")],
                "length greater than or equal to 2",
            ),
            (
                &[("RoleSessionName", &long)],
                "length less than or equal to 64",
            ),
            (
                &[("DurationSeconds", "899")],
                "Value '899' at 'durationSeconds' failed",
            ),
            (
                &[("DurationSeconds", "43201")],
                "value less than or equal to 43200",
            ),
            (&[("ExternalId", "a b")], "'externalId'"),
            (&[("SourceIdentity", "a")], "'sourceIdentity'"),
            (&[("Policy", &policy)], "less than or equal to 2048"),
            (&[("Policy", "{")], "not in the valid JSON format"),
            (
                &[("PolicyArns.member.1.arn", "ReadOnlyAccess")],
                "is not valid",
            ),
            (
                &[("Tags.member.1.Key", "a*"), ("Tags.member.1.Value", "")],
                "'tags.1.member.key'",
            ),
            (
                &[("Tags.member.1.Key", "a")],
                "Value null at 'tags.1.member.value'",
            ),
            (
                &[
                    ("Tags.member.1.Key", "a"),
                    ("Tags.member.1.Value", ""),
                    ("Tags.member.2.Key", "A"),
                    ("Tags.member.2.Value", ""),
                ],
                "Duplicate tag keys",
            ),
            (
                &[("TransitiveTagKeys.member.1", "a")],
                "must be included in the requested tags",
            ),
            (
                &[("RoleSessionName", "a"), ("DurationSeconds", "1")],
                "2 validation errors detected",
            ),
        ];
        for (parameters, expected) in table {
            let refusal = read(parameters).expect_err(expected);
            assert_eq!(refusal.status, 400);
            assert!(
                refusal.message.contains(expected),
                "{expected}: {refusal:?}"
            );
        }
    }

    #[test]
    fn fifty_tags_and_no_more() {
        let keys: Vec<(String, String)> = (1..=51)
            .flat_map(|number| {
                [
                    (format!("Tags.member.{number}.Key"), format!("k{number}")),
                    (format!("Tags.member.{number}.Value"), "v".into()),
                ]
            })
            .collect();
        let borrowed: Vec<(&str, &str)> = keys
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(read(&borrowed[..100]).unwrap().tags.len(), 50);
        assert_eq!(read(&borrowed).unwrap_err().code, "ValidationError");
    }
}
