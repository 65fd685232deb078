//! The system service: other users of one computer, each with what is theirs.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

mod boot;
mod host;
mod squatters;
mod users;
