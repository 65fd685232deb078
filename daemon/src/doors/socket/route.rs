//! Paths of the socket.

use std::borrow::Cow;

use super::super::target::segment;

/// Every path and its methods, as `docs/api.yaml` names them.
#[cfg(test)]
pub(super) const PATHS: [(&str, &str); 16] = [
    ("/v1/status", "GET"),
    ("/v1/roles", "GET"),
    ("/v1/credentials/{role}", "GET"),
    ("/v1/whoami/{role}", "GET"),
    ("/v1/events", "GET"),
    ("/v1/challenges", "GET"),
    ("/v1/challenges/{id}", "POST"),
    ("/v1/lock", "POST"),
    ("/v1/unlock", "POST"),
    ("/v1/leases", "GET, POST"),
    ("/v1/leases/{id}", "DELETE"),
    ("/v1/ledger", "GET"),
    ("/v1/metrics", "GET"),
    ("/v1/reload", "POST"),
    ("/v1/config/check", "POST"),
    ("/v1/config/setup", "POST"),
];

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Status,
    Roles,
    Credentials(Cow<'a, str>),
    Whoami(Cow<'a, str>),
    Events,
    Challenges,
    Challenge(Cow<'a, str>),
    Leases,
    Lease(Cow<'a, str>),
    Lock,
    Unlock,
    Ledger,
    Metrics,
    Reload,
    ConfigCheck,
    ConfigSetup,
}

impl Route<'_> {
    /// The methods it takes, as `Allow` lists them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Status
            | Self::Roles
            | Self::Credentials(_)
            | Self::Whoami(_)
            | Self::Events
            | Self::Challenges
            | Self::Ledger
            | Self::Metrics => "GET",
            Self::Leases => "GET, POST",
            Self::Lease(_) => "DELETE",
            Self::Challenge(_)
            | Self::Lock
            | Self::Unlock
            | Self::Reload
            | Self::ConfigCheck
            | Self::ConfigSetup => "POST",
        }
    }
}

/// What `path` names, if anything. The last segment of some is decoded, once.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    let path = path.strip_prefix("/v1/")?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let one = || (!rest.contains('/')).then(|| segment(rest).ok()).flatten();
    match (first, rest) {
        ("credentials", _) => one().map(Route::Credentials),
        ("whoami", _) => one().map(Route::Whoami),
        ("config", "check") => Some(Route::ConfigCheck),
        ("config", "setup") => Some(Route::ConfigSetup),
        ("challenges", id) if !id.is_empty() => one().map(Route::Challenge),
        ("leases", id) if !id.is_empty() => one().map(Route::Lease),
        _ => match path {
            "status" => Some(Route::Status),
            "roles" => Some(Route::Roles),
            "events" => Some(Route::Events),
            "challenges" => Some(Route::Challenges),
            "leases" => Some(Route::Leases),
            "lock" => Some(Route::Lock),
            "unlock" => Some(Route::Unlock),
            "ledger" => Some(Route::Ledger),
            "metrics" => Some(Route::Metrics),
            "reload" => Some(Route::Reload),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_are_decoded_once() {
        let role = |name| Some(Route::Credentials(Cow::Borrowed(name)));
        for (path, expected) in [
            ("/v1/credentials/dev", role("dev")),
            ("/v1/credentials/my%20role%2Fx", role("my role/x")),
            ("/v1/credentials/%252e", role("%2e")),
            ("/v1/credentials/%2E%2E", role("..")),
            ("/v1/credentials/", None),
            ("/v1/credentials", None),
            ("/v1/credentials/a/b", None),
            ("/v1/credentials/%00", None),
            ("/v1/leases/", None),
            ("/v1/challenges/", None),
            ("/v1/status/", None),
            ("/v2/status", None),
            ("//v1/status", None),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    #[test]
    fn the_description_and_the_router_name_the_same_paths() {
        let described = include_str!("../../../../docs/api.yaml");
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        for line in described.lines() {
            let text = line.trim_end().trim_end_matches(':');
            if let Some(path) = text.strip_prefix("  /") {
                found.push((format!("/{path}"), Vec::new()));
            } else if let Some(method) = text.strip_prefix("    ")
                && ["get", "post", "put", "delete", "patch"].contains(&method)
                && let Some((_, methods)) = found.last_mut()
            {
                methods.push(method.to_uppercase());
            }
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|(path, methods)| (path, methods.join(", ")))
            .collect();
        let mut routed: Vec<_> = PATHS
            .iter()
            .map(|(path, _)| {
                let concrete = path.replace("{role}", "dev").replace("{id}", "0");
                let methods = route(&concrete).expect("every path is routed").methods();
                ((*path).to_owned(), methods.to_owned())
            })
            .collect();
        for ((path, methods), (_, listed)) in routed.iter().zip(PATHS) {
            assert_eq!(methods, listed, "{path}");
        }
        found.sort();
        routed.sort();
        assert_eq!(found, routed);
    }
}
