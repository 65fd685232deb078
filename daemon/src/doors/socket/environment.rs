//! The environment of a lease's command: what points every SDK at the lease, and what would keep one from
//! looking there (client contract 101–103).
//!
//! Every SDK asks the environment's keys, web identity and the default profile first, then the container
//! endpoint, then IMDS. So the former are unset or pointed at copies without credentials; regions, retries,
//! endpoints, certificates and proxies stay as they are.

use std::net::SocketAddr;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Other credentials, by the names that one SDK or another reads.
const CREDENTIALS: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    // Other names of the first three, which Go, Java 1 and Ruby read.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    // The oldest SDKs' file of keys, which botocore still reads before the container door.
    "AWS_CREDENTIAL_FILE",
    // A key of Amazon Bedrock's own, which its clients take instead of any credentials.
    "AWS_BEARER_TOKEN_BEDROCK",
];

/// Wins over the full URI in every SDK but Go's first.
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";

const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// What keeps SDKs from an IMDS endpoint, or sends them to another. Unset, never empty: CRT takes an empty
/// `AWS_EC2_METADATA_DISABLED` for a yes.
const IMDS_SETTINGS: [&str; 5] = [
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_IMDS_USE_IPV6",
    "AWS_METADATA_ENDPOINT",
    "AWS_METADATA_URL",
];

/// Where a lease's command finds its credentials.
pub(super) enum Pointer {
    /// At the container door.
    Container {
        /// The door.
        door: SocketAddr,
        /// The role's short name.
        slug: String,
        /// The lease's token.
        token: Zeroizing<String>,
        /// The file that has it, too.
        token_file: PathBuf,
    },
    /// At an IMDS listener of its own on this port of 127.0.0.1.
    Imds(u16),
}

/// The files that take the place of the shared ones.
pub(super) struct Copies {
    pub(super) config: PathBuf,
    pub(super) credentials: PathBuf,
}

/// Variables to set and to unset.
pub(super) struct Environment {
    pub(super) set: Vec<(String, Zeroizing<String>)>,
    pub(super) unset: Vec<String>,
}

/// For a command that finds its credentials at `pointer`. `region`: the role's, or else the asker's.
pub(super) fn environment(pointer: Pointer, copies: &Copies, region: Option<&str>) -> Environment {
    let path = |path: &PathBuf| Zeroizing::new(path.display().to_string());
    let text = |text: &str| Zeroizing::new(text.to_owned());
    let mut set = vec![
        ("AWS_CONFIG_FILE", path(&copies.config)),
        ("AWS_SHARED_CREDENTIALS_FILE", path(&copies.credentials)),
        // Java 1 and Clojure know this name alone, and else read the file in the home directory.
        ("AWS_CREDENTIAL_PROFILES_FILE", path(&copies.credentials)),
        ("AWS_EC2_METADATA_V1_DISABLED", text("true")),
        // botocore asks boto's old files before the container door; one that is no file ends the search.
        ("BOTO_CONFIG", text("/dev/null")),
    ];
    let mut unset = CREDENTIALS.to_vec();
    unset.push(RELATIVE_URI);
    match pointer {
        Pointer::Container {
            door,
            slug,
            token,
            token_file,
        } => {
            set.push((FULL_URI, text(&format!("http://{door}/role/{slug}"))));
            set.push((TOKEN_FILE, path(&token_file)));
            set.push((TOKEN, token));
        }
        Pointer::Imds(port) => {
            // No path and no slash at the end: half of the SDKs drop the one, three double the other.
            let endpoint = format!("http://127.0.0.1:{port}");
            set.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", text(&endpoint)));
            unset.extend([FULL_URI, TOKEN, TOKEN_FILE]);
            unset.extend(IMDS_SETTINGS);
        }
    }
    if let Some(region) = region {
        set.push(("AWS_REGION", text(region)));
        set.push(("AWS_DEFAULT_REGION", text(region)));
    }
    let set = set
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Environment {
        set: set.collect(),
        unset: unset.into_iter().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn copies() -> Copies {
        Copies {
            config: "/run/config".into(),
            credentials: "/run/credentials".into(),
        }
    }

    fn container() -> Pointer {
        Pointer::Container {
            door: "127.0.0.1:49152".parse().unwrap(),
            slug: "dev".to_owned(),
            token: Zeroizing::new("rolecall_t".to_owned()),
            token_file: "/run/token".into(),
        }
    }

    fn put_in_force(
        environment: &Environment,
        mut before: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        for name in &environment.unset {
            before.remove(name);
        }
        for (name, value) in &environment.set {
            before.insert(name.clone(), value.to_string());
        }
        before
    }

    /// Where an SDK that reads every name there is looks first, after `default` profiles without credentials.
    fn first_source(environment: &BTreeMap<String, String>) -> &'static str {
        let has = |name: &str| environment.contains_key(name);
        let any = |names: &[&str]| names.iter().any(|name| has(name));
        if any(&CREDENTIALS[..10]) {
            "keys"
        } else if any(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]) {
            "profile"
        } else if any(&["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]) {
            "web identity"
        } else if has("AWS_CREDENTIAL_FILE") || environment["BOTO_CONFIG"] != "/dev/null" {
            "boto"
        } else if has("AWS_BEARER_TOKEN_BEDROCK") {
            "a bearer token"
        } else if has(RELATIVE_URI) {
            "relative"
        } else if has(FULL_URI) {
            "container"
        } else if any(&IMDS_SETTINGS) {
            "another IMDS, or none"
        } else {
            "imds"
        }
    }

    const BYSTANDERS: [&str; 12] = [
        "AWS_CA_BUNDLE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_MAX_ATTEMPTS",
        "AWS_METADATA_SERVICE_TIMEOUT",
        "AWS_RETRY_MODE",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_USE_FIPS_ENDPOINT",
        "HTTPS_PROXY",
        "NO_PROXY",
        "PATH",
    ];

    fn names() -> Vec<&'static str> {
        let others = [
            RELATIVE_URI,
            FULL_URI,
            TOKEN,
            TOKEN_FILE,
            "BOTO_CONFIG",
            "AWS_CREDENTIAL_PROFILES_FILE",
            "AWS_CONFIG_FILE",
            "AWS_REGION",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "AWS_EC2_METADATA_V1_DISABLED",
        ];
        [&CREDENTIALS[..], &IMDS_SETTINGS, &others, &BYSTANDERS].concat()
    }

    proptest! {
        #[test]
        fn whatever_lies_about_the_lease_comes_first(
            before in prop::collection::btree_map(
                prop::sample::select(names()).prop_map(str::to_owned),
                prop::sample::select(vec!["", "true", "garbage", "http://127.0.0.1:9/"]).prop_map(str::to_owned),
                0..30,
            ),
            region in prop::option::of(Just("eu-west-1")),
        ) {
            for (pointer, expected) in [(container(), "container"), (Pointer::Imds(4711), "imds")] {
                let environment = environment(pointer, &copies(), region);
                let after = put_in_force(&environment, before.clone());
                prop_assert_eq!(first_source(&after), expected);
                prop_assert_eq!(&after["AWS_EC2_METADATA_V1_DISABLED"], "true");
                prop_assert_eq!(&after["AWS_CONFIG_FILE"], "/run/config");
                for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_PROFILES_FILE"] {
                    prop_assert_eq!(&after[name], "/run/credentials");
                }
                if expected == "container" {
                    prop_assert_eq!(&after[FULL_URI], "http://127.0.0.1:49152/role/dev");
                    prop_assert_eq!(&after[TOKEN], "rolecall_t");
                    prop_assert_eq!(&after[TOKEN_FILE], "/run/token");
                } else {
                    prop_assert_eq!(&after["AWS_EC2_METADATA_SERVICE_ENDPOINT"], "http://127.0.0.1:4711");
                    prop_assert!(!after.contains_key(TOKEN) && !after.contains_key(TOKEN_FILE));
                }
                for name in BYSTANDERS {
                    prop_assert_eq!(after.get(name), before.get(name));
                }
                let kept = before.get("AWS_REGION").map(String::as_str);
                prop_assert_eq!(after.get("AWS_REGION").map(String::as_str), region.or(kept));
            }
        }
    }

    #[test]
    fn nothing_is_both_set_and_unset_and_nothing_twice() {
        for pointer in [container(), Pointer::Imds(1)] {
            let environment = environment(pointer, &copies(), Some("eu-west-1"));
            let mut names: Vec<_> = environment.set.iter().map(|(name, _)| name).collect();
            names.extend(&environment.unset);
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
