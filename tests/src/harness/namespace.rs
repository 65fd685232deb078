//! Addresses of a network namespace of the tests' own.

use std::process::Command;

use super::{is_root, run};

/// Gives `address` to this network namespace, and its ports below 1024 to everybody; whether it could. Only
/// root can, and may only in a namespace that `tests/isolated` made. It stays for the namespace's life.
///
/// # Panics
/// When root cannot.
pub fn hold_address(address: &str) -> bool {
    if !is_root() || std::env::var_os("ROLECALL_TEST_NETNS").is_none() {
        return false;
    }
    let script = format!(
        "ip addr replace {address}/32 dev lo && echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
    );
    run(Command::new("sh").args(["-c", &script])).ok();
    true
}
