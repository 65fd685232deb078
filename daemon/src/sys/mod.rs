//! What only the operating system can tell or do, and the one place with `unsafe`.
//!
//! Everything here is small, does one system call or a few, and decides nothing.

#![allow(
    unsafe_code,
    reason = "the one module that may; each block says why it is sound"
)]

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod fork;
pub mod hardening;
pub mod host;
pub mod locked;
#[cfg(target_os = "linux")]
pub mod pidfd;
#[cfg(target_os = "linux")]
pub mod sock_diag;
pub mod wiping;
