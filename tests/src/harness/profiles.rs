//! The users, roles and profiles that scenarios start from.

use crate::fake_aws::{Config, Role};

/// The user whose long-term key `[base]` holds.
pub const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

/// Her access key id.
pub const ALICE_KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// Her secret, which must never be seen anywhere else: look for it where secrets leak.
pub const ALICE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The role of `[profile dev]`: one step from Alice's key, up to twelve hours.
pub const DEV: &str = "arn:aws:iam::123456789012:role/dev";

/// The role of `[profile hub]`: the first of a chain of three.
pub const HUB: &str = "arn:aws:iam::111122223333:role/hub";

/// The role of `[profile spoke]`: trusts the hub alone.
pub const SPOKE: &str = "arn:aws:iam::123456789012:role/team/spoke";

/// The role of `[profile leaf]`: trusts the spoke alone.
pub const LEAF: &str = "arn:aws:iam::999999999999:role/leaf";

/// AWS as these profiles need it.
pub fn aws() -> Config {
    Config::default()
        .user(ALICE, ALICE_KEY, ALICE_SECRET)
        .role(Role::new(DEV).trusting("111122223333").lasting(43_200))
        .role(Role::new(HUB))
        .role(Role::new(SPOKE).trusting(HUB))
        .role(Role::new(LEAF).trusting(SPOKE))
}

/// `~/.aws/config`.
pub fn config() -> String {
    format!(
        "[profile base]\n\
         region = eu-central-1\n\
         \n\
         [profile dev]\n\
         region = eu-west-1\n\
         source_profile = base\n\
         role_arn = {DEV}\n\
         \n\
         [profile hub]\n\
         region = eu-west-1\n\
         source_profile = base\n\
         role_arn = {HUB}\n\
         \n\
         [profile spoke]\n\
         source_profile = hub\n\
         role_arn = {SPOKE}\n\
         \n\
         [profile leaf]\n\
         region = us-east-1\n\
         source_profile = spoke\n\
         role_arn = {LEAF}\n"
    )
}

/// `~/.aws/credentials`.
pub fn credentials() -> String {
    format!(
        "[base]\n\
         aws_access_key_id = {ALICE_KEY}\n\
         aws_secret_access_key = {ALICE_SECRET}\n"
    )
}
