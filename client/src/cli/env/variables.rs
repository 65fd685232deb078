//! What is set and unset.

use std::ffi::OsString;

use rolecall::api::ProcessCredentials;
use zeroize::Zeroizing;

/// Variables that only point to credentials (client contract 101–103).
const POINTERS: [&str; 5] = [
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// Variables that are credentials, or whose account they are of.
const KEYS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    ACCOUNT,
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// SDKs take it for the account of the keys beside it, and form endpoints of it.
const ACCOUNT: &str = "AWS_ACCOUNT_ID";

/// Other ways to name credentials, which would win over keys or be mistaken for them.
const SHADOWS: [&str; 6] = [
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECURITY_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// What a lease sets besides the pointers.
const SETTINGS: [&str; 6] = [
    "AWS_CONFIG_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
];

/// What keeps botocore from boto's old files, and its value. Another value is the user's own.
const BOTO: &str = "BOTO_CONFIG";
const NO_BOTO: &str = "/dev/null";

/// What `exec` and `env` append to the proxy exceptions.
const LOOPBACK: &str = "127.0.0.1,localhost";

/// Changes of an environment. No Debug: values may be secrets.
pub(in crate::cli) struct Variables {
    pub(super) set: Vec<(String, Zeroizing<String>)>,
    pub(super) unset: Vec<String>,
}

impl Variables {
    /// Bytes that are enough to print them in any format: a buffer that grew would leave secrets
    /// behind.
    pub(super) fn room(&self) -> usize {
        let names = self.unset.iter().map(|name| 2 * name.len() + 64);
        let values = (self.set.iter()).map(|(name, value)| 2 * name.len() + 18 * value.len() + 64);
        64 + names.chain(values).sum::<usize>()
    }
}

/// Whether a shell takes `name` for a variable's.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    name.bytes().all(plain)
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// The keys themselves, with everything unset that would win over them.
pub(super) fn of_keys(credentials: ProcessCredentials, region: Option<String>) -> Variables {
    let mut set = vec![
        (
            "AWS_ACCESS_KEY_ID",
            Zeroizing::new(credentials.access_key_id),
        ),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ("AWS_SESSION_TOKEN", credentials.session_token),
        (
            "AWS_CREDENTIAL_EXPIRATION",
            Zeroizing::new(credentials.expiration),
        ),
    ];
    let mut unset = [&POINTERS[..], &SHADOWS].concat();
    match credentials.account_id {
        Some(account) => set.push((ACCOUNT, Zeroizing::new(account))),
        None => unset.push(ACCOUNT),
    }
    if let Some(region) = region {
        set.push(("AWS_REGION", Zeroizing::new(region.clone())));
        set.push(("AWS_DEFAULT_REGION", Zeroizing::new(region)));
    }
    Variables {
        set: owned(set),
        unset: unset.into_iter().map(str::to_owned).collect(),
    }
}

/// Takes back what `env` set: everything of ours is unset, and the proxy exceptions lose what was
/// appended to them. Needs nothing but the environment, so that it works without a daemon.
pub(super) fn undo(variable: impl Fn(&str) -> Option<OsString>) -> Variables {
    let mut unset: Vec<String> = (POINTERS.iter().chain(&KEYS).chain(&SETTINGS))
        .map(|name| (*name).to_owned())
        .collect();
    if variable(BOTO).is_some_and(|value| value == NO_BOTO) {
        unset.push(BOTO.to_owned());
    }
    let mut set = Vec::new();
    for name in ["NO_PROXY", "no_proxy"] {
        let value = variable(name).and_then(|value| value.into_string().ok());
        match value
            .as_deref()
            .and_then(|value| value.strip_suffix(LOOPBACK))
        {
            Some("") => unset.push(name.to_owned()),
            Some(rest) => {
                if let Some(rest) = rest.strip_suffix(',') {
                    set.push((name, Zeroizing::new(rest.to_owned())));
                }
            }
            None => {}
        }
    }
    Variables {
        set: owned(set),
        unset,
    }
}

fn owned(pairs: Vec<(&str, Zeroizing<String>)>) -> Vec<(String, Zeroizing<String>)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(variables: &Variables) -> Vec<&str> {
        variables
            .set
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn keys(account_id: Option<&str>) -> Variables {
        let credentials = ProcessCredentials {
            version: 1,
            access_key_id: "ASIA1".to_owned(),
            secret_access_key: Zeroizing::new("s".to_owned()),
            session_token: Zeroizing::new("t".to_owned()),
            expiration: "2026-01-01T00:00:00Z".to_owned(),
            account_id: account_id.map(str::to_owned),
        };
        of_keys(credentials, Some("eu-central-1".to_owned()))
    }

    #[test]
    fn keys_come_with_everything_unset_that_would_win() {
        let variables = keys(Some("123456789012"));
        for name in KEYS.iter().chain(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
            assert!(names(&variables).contains(name), "{name}");
            assert!(!variables.unset.iter().any(|unset| unset == name), "{name}");
        }
        for name in [
            "AWS_PROFILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_BEARER_TOKEN_BEDROCK",
        ] {
            assert!(variables.unset.iter().any(|unset| unset == name), "{name}");
        }
    }

    #[test]
    fn keys_of_an_unknown_account_are_of_no_other() {
        let variables = keys(None);
        assert!(!names(&variables).contains(&ACCOUNT));
        assert!(variables.unset.iter().any(|unset| unset == ACCOUNT));
    }

    #[test]
    fn undoing_leaves_the_user_s_own_proxy_exceptions() {
        let with = |value: &'static str| {
            let variables = undo(|name| (name == "NO_PROXY").then(|| value.into()));
            let set = variables.set.first().map(|(_, value)| value.to_string());
            (set, variables.unset.iter().any(|name| name == "NO_PROXY"))
        };
        assert_eq!(
            with("corp,127.0.0.1,localhost"),
            (Some("corp".to_owned()), false)
        );
        assert_eq!(with("127.0.0.1,localhost"), (None, true));
        assert_eq!(with("corp"), (None, false));
        assert_eq!(with("x127.0.0.1,localhost"), (None, false));
    }

    #[test]
    fn undoing_leaves_a_boto_configuration_of_the_user_s() {
        for (value, gone) in [("/dev/null", true), ("/home/me/.boto", false)] {
            let variables = undo(|name| (name == "BOTO_CONFIG").then(|| value.into()));
            let unset = variables.unset.iter().any(|name| name == "BOTO_CONFIG");
            assert_eq!(unset, gone, "{value}");
        }
    }

    #[test]
    fn names_of_variables() {
        assert!(is_name("AWS_REGION") && is_name("_a1"));
        assert!(!is_name("") && !is_name("1") && !is_name("a-b"));
    }
}
