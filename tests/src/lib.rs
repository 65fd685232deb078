//! What rolecall is tested with.

pub mod fake_aws;
pub mod harness;
