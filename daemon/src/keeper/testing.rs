//! What tests of keepers need: roles, a scripted issuer, a journal in memory.

use crate::recipe::{Fingerprint, Source, StaticKeys};
use crate::secrets::Secret;

/// A fingerprint to tell apart by name.
pub(crate) fn fingerprint(name: &str) -> Fingerprint {
    Fingerprint::of_source(&Source::StaticKeys(keys(name)))
}

/// Keys of a user.
pub(crate) fn keys(access_key_id: &str) -> StaticKeys {
    StaticKeys {
        profile: "base".into(),
        access_key_id: access_key_id.into(),
        secret_access_key: Secret::new("secret"),
        session_token: None,
    }
}
