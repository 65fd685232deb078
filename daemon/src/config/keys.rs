//! The names of keys: which exist, which define credentials, which are not built yet.

/// Top-level keys of `config.toml`.
pub const TOP_LEVEL: [&str; 12] = [
    "allow_root",
    "environment",
    "idle_after",
    "imds",
    "ledger_arguments",
    "ledger_on_error",
    "lock_on_suspend",
    "log",
    "roles",
    "share_sso_cache",
    "sts_calls_per_second",
    "uids",
];

/// Keys that a role may have and that work.
pub const BUILT: [&str; 25] = [
    "allow",
    "confirm",
    "credential_process",
    "doors",
    "duration_seconds",
    "endpoint_url",
    "external_id",
    "ignore_configured_endpoint_urls",
    "keep_fresh",
    "output",
    "policy",
    "policy_arns",
    "region",
    "role_arn",
    "role_session_name",
    "services",
    "session_name",
    "session_tags",
    "source_identity",
    "source_profile",
    "transitive_session_tags",
    "uid",
    "unit",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];

/// Keys that change how a role's session comes about or who may have it, and are not built yet: a role
/// that has one is unusable, never served without its rule. With what each stands for.
pub const NOT_BUILT: [(&str, &str); 11] = [
    ("credential_source", "credential_source"),
    ("max_age", "max_age"),
    ("mfa_max_age", "MFA"),
    ("mfa_mode", "MFA"),
    ("mfa_process", "MFA"),
    ("mfa_serial", "MFA"),
    ("mfa_session_duration", "MFA"),
    ("saml_process", "a SAML source"),
    ("web_identity_token_file", "a web identity source"),
    ("web_identity_token_process", "a web identity source"),
    ("login_session", "an `aws login` session as a source"),
];

/// Keys by which a profile without `role_arn` yields a session, in ways that are not built yet. Beside
/// `role_arn` they are passed over, as the AWS CLI does.
pub const OTHER_SOURCES: [(&str, &str); 5] = [
    ("sso_session", "IAM Identity Center"),
    ("sso_start_url", "IAM Identity Center"),
    ("sso_account_id", "IAM Identity Center"),
    ("sso_role_name", "IAM Identity Center"),
    ("sso_region", "IAM Identity Center"),
];

/// Names of ours: read from `config.toml` only, because in `~/.aws/config` they mean nothing to the AWS
/// CLI, and that file means what the AWS CLI says. (`mfa_process` is aws-vault's, and read from both.)
pub(super) const OURS: [&str; 16] = [
    "allow",
    "confirm",
    "doors",
    "keep_fresh",
    "max_age",
    "mfa_max_age",
    "mfa_mode",
    "mfa_session_duration",
    "policy",
    "policy_arns",
    "session_name",
    "session_tags",
    "source_identity",
    "transitive_session_tags",
    "uid",
    "unit",
];

/// Long-term and temporary keys themselves.
pub(super) const KEYS: [&str; 4] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_security_token",
    "aws_session_token",
];

/// Keys of a profile that say how its credentials come about, in the order in which `setup` writes them.
pub(super) const MOVED: [&str; 18] = [
    "role_arn",
    "source_profile",
    "credential_source",
    "external_id",
    "duration_seconds",
    "role_session_name",
    "mfa_serial",
    "mfa_process",
    "web_identity_token_file",
    "web_identity_token_process",
    "saml_process",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_start_url",
    "sso_region",
    "login_session",
    "credential_process",
];

/// Settings of the role's consumers that `[roles.NAME]` may have.
pub(super) const SETTINGS: [&str; 7] = [
    "endpoint_url",
    "ignore_configured_endpoint_urls",
    "output",
    "region",
    "services",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];

/// Whether `setup` takes the key out of its profile.
pub(super) fn is_moved(key: &str) -> bool {
    MOVED.contains(&key)
}

/// Whether the key has to do with credentials: `exec`'s `[default]` has none of them.
pub(super) fn is_credential(key: &str) -> bool {
    let others = [
        "aws_account_id",
        "include_profile",
        "sso_registration_scopes",
        // Where instance metadata is, and whether: a lease's own listener is elsewhere.
        "disable_ec2_metadata",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
        "imds_use_ipv6",
    ];
    is_moved(key) || KEYS.contains(&key) || others.contains(&key)
}

/// Every key a `[roles.NAME]` table may have.
pub(super) fn role_keys() -> impl Iterator<Item = &'static str> + Clone {
    BUILT
        .into_iter()
        .chain(NOT_BUILT.into_iter().map(|(key, _)| key))
        .chain(OTHER_SOURCES.into_iter().map(|(key, _)| key))
}

/// Whether a `[roles.NAME]` table may have this key.
pub(super) fn is_role_key(key: &str) -> bool {
    role_keys().any(|known| known == key)
}

/// A key as TOML writes it: bare where it can be, else quoted.
pub(super) fn toml_key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare {
        key.to_owned()
    } else {
        toml_string(key)
    }
}

/// A basic string as TOML writes it.
pub(super) fn toml_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
