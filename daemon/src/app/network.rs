//! The way to AWS, as environment and configuration say.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::config::Settings;
use crate::issue::network::Network;

/// The way to AWS: the process's environment, and `[environment]` over it.
pub(super) fn network(
    process: &BTreeMap<String, OsString>,
    settings: Option<&Settings>,
) -> Network {
    let mut merged: BTreeMap<String, String> = process
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.to_str()?.to_owned())))
        .collect();
    if let Some(settings) = settings {
        // A proxy's variable in the other case is the same variable, and would come first.
        let set = &settings.environment;
        merged.retain(|name, _| !set.keys().any(|own| own.eq_ignore_ascii_case(name)));
        merged.extend(set.clone());
    }
    Network::from_environment(&merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_proxy_wins_in_either_case() {
        let process = |name: &str| [(name.to_owned(), OsString::from("http://old:1"))].into();
        let settings = |name: &str| Settings {
            environment: [(name.to_owned(), "http://new:2".to_owned())].into(),
            ..Settings::default()
        };
        let new = network(&BTreeMap::new(), Some(&settings("HTTPS_PROXY")));
        for (theirs, ours) in [
            ("https_proxy", "HTTPS_PROXY"),
            ("HTTPS_PROXY", "https_proxy"),
            ("HTTPS_PROXY", "HTTPS_PROXY"),
        ] {
            assert!(network(&process(theirs), Some(&settings(ours))) == new);
        }
    }
}
