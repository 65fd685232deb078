//! Session policies, their ARNs and session tags: what AWS takes ("AssumeRole" in the STS API Reference).

use thiserror::Error;

/// Most characters of a session policy, blanks between its tokens left out.
pub const MOST_CHARACTERS: usize = 2048;

/// Most managed session policies.
pub const MOST_ARNS: usize = 10;

/// Most session tags.
pub const MOST_TAGS: usize = 50;

/// Why a text is no session policy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// No JSON.
    #[error("the policy is not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("the policy is not a JSON object")]
    NotAnObject,
    /// Longer than AWS takes.
    #[error("the policy has {0} characters, AWS takes 2048")]
    TooLong(usize),
    /// An object that permits nothing and forbids nothing.
    #[error("the policy has no Statement")]
    NoStatement,
}

/// A session policy as it is sent: JSON without the blanks between its tokens, which count towards AWS's
/// 2,048 characters.
pub fn compact(text: &str) -> Result<String, PolicyError> {
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| PolicyError::NotJson(error.to_string()))?;
    if !json.is_object() {
        return Err(PolicyError::NotAnObject);
    }
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        compact.push(c);
    }
    match compact.chars().count() {
        length if length > MOST_CHARACTERS => Err(PolicyError::TooLong(length)),
        _ => Ok(compact),
    }
}

/// The same of a policy that must say something: a lease's, where a mistake would otherwise show only once
/// AWS is asked.
pub fn statement(text: &str) -> Result<String, PolicyError> {
    let compact = compact(text)?;
    let says = serde_json::from_str::<serde_json::Value>(&compact)
        .is_ok_and(|json| json.get("Statement").is_some());
    if says {
        Ok(compact)
    } else {
        Err(PolicyError::NoStatement)
    }
}

/// Whether a text is the ARN of a managed policy: `arn:PARTITION:iam::ACCOUNT:policy/NAME`.
pub fn is_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", _, name] if name.starts_with("policy/"))
}

/// Whether a text may be a session tag's key.
pub fn is_tag_key(text: &str) -> bool {
    is_tag(text, 1, 128) && !text.to_ascii_lowercase().starts_with("aws:")
}

/// Whether a text may be a session tag's value.
pub fn is_tag_value(text: &str) -> bool {
    is_tag(text, 0, 256)
}

fn is_tag(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_sent_without_the_blanks_that_count() {
        assert_eq!(
            compact("{\n  \"a b\": \"c \\\" d\\\\\" ,\n \"e\" : [1, 2]\n}\n").unwrap(),
            r#"{"a b":"c \" d\\","e":[1,2]}"#
        );
        assert_eq!(compact("[]"), Err(PolicyError::NotAnObject));
        assert!(matches!(compact("{"), Err(PolicyError::NotJson(_))));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(2041));
        assert_eq!(compact(&long), Err(PolicyError::TooLong(2049)));
    }

    #[test]
    fn a_lease_s_policy_says_something() {
        assert_eq!(statement("{}"), Err(PolicyError::NoStatement));
        assert_eq!(
            statement("{\"Statement\": []}").unwrap(),
            "{\"Statement\":[]}"
        );
    }

    #[test]
    fn arns_and_tags() {
        assert!(is_arn("arn:aws:iam::aws:policy/ReadOnlyAccess"));
        assert!(is_arn("arn:aws-cn:iam::123456789012:policy/path/x"));
        for arn in [
            "",
            "arn:aws:iam::123456789012:role/x",
            "policy/x",
            "arn:aws:s3:::policy/x",
        ] {
            assert!(!is_arn(arn), "{arn}");
        }
        assert!(is_tag_key("Project") && is_tag_value("") && is_tag_value("a b/c@d"));
        assert!(
            !is_tag_key("") && !is_tag_key("AWS:x") && !is_tag_key("a\n") && !is_tag_value("{")
        );
    }
}
