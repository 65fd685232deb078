//! Tokens and ids of leases.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secrets::Random;

/// SHA-256 of a lease's token.
pub(super) type TokenHash = [u8; 32];

pub(super) fn hash(token: &[u8]) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
    hash
}

/// 256 random bits in characters that every SDK passes on. The word in front tells
/// whoever finds one what it is, and keeps it from beginning like an option, with `-`.
pub(super) fn new_token(random: &dyn Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(&mut *bytes);
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    Zeroizing::new(format!("rolecall_{}", *encoded))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn new_id(random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}
