//! What rolecall is tested with.

#[cfg(target_os = "linux")]
pub mod bench;
pub mod fake_aws;
