//! What rolecall is tested with.

pub mod demo;
pub mod fake_aws;
