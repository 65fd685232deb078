//! Paths of the IMDS door.

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The list of roles: one.
    Listing,
    /// The credentials of the role named.
    Document(&'a str),
    /// `iam/info`.
    Info,
    /// What the role's configuration alone can answer.
    Plain(Leaf),
    /// Nothing.
    Unknown,
}

/// A path that needs no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// `meta-data/`: for people with curl.
    Index,
    /// `meta-data/iam/`.
    IamIndex,
    /// `meta-data/placement/`.
    PlacementIndex,
    /// `placement/region`.
    Region,
    /// `placement/availability-zone`.
    Zone,
    /// `instance-id`.
    InstanceId,
    /// `dynamic/instance-identity/document`.
    IdentityDocument,
}

/// What `path` names: normalised, with or without a slash at its end (.NET and C++ send none where
/// others do). Other versions than `latest` are not served.
pub(super) fn route(path: &str) -> Route<'_> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(path) = path.strip_prefix("/latest") else {
        return Route::Unknown;
    };
    match path {
        "/meta-data" => Route::Plain(Leaf::Index),
        "/meta-data/iam" => Route::Plain(Leaf::IamIndex),
        "/meta-data/iam/info" => Route::Info,
        "/meta-data/iam/security-credentials" | "/meta-data/iam/security-credentials-extended" => {
            Route::Listing
        }
        "/meta-data/placement" => Route::Plain(Leaf::PlacementIndex),
        "/meta-data/placement/region" => Route::Plain(Leaf::Region),
        "/meta-data/placement/availability-zone" => Route::Plain(Leaf::Zone),
        "/meta-data/instance-id" => Route::Plain(Leaf::InstanceId),
        "/dynamic/instance-identity/document" => Route::Plain(Leaf::IdentityDocument),
        _ => path
            .strip_prefix("/meta-data/iam/security-credentials-extended/")
            .or_else(|| path.strip_prefix("/meta-data/iam/security-credentials/"))
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .map_or(Route::Unknown, Route::Document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_an_sdk_asks_for_has_its_meaning() {
        for (path, expected) in [
            (
                "/latest/meta-data/iam/security-credentials/",
                Route::Listing,
            ),
            ("/latest/meta-data/iam/security-credentials", Route::Listing),
            (
                "/latest/meta-data/iam/security-credentials-extended/",
                Route::Listing,
            ),
            (
                "/latest/meta-data/iam/security-credentials/dev",
                Route::Document("dev"),
            ),
            (
                "/latest/meta-data/iam/security-credentials-extended/dev",
                Route::Document("dev"),
            ),
            (
                "/latest/meta-data/iam/security-credentials/dev/",
                Route::Document("dev"),
            ),
            (
                "/latest/meta-data/iam/security-credentials/dev/x",
                Route::Unknown,
            ),
            (
                "/latest/meta-data/placement/availability-zone/",
                Route::Plain(Leaf::Zone),
            ),
            ("/latest/meta-data/", Route::Plain(Leaf::Index)),
            ("/latest/meta-data/iam/info", Route::Info),
            ("/2021-07-15/meta-data/", Route::Unknown),
            ("/latest", Route::Unknown),
            ("/latestmeta-data/", Route::Unknown),
            ("/", Route::Unknown),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
