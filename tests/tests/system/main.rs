//! The system service: other users of one computer, each with what is theirs.

#![cfg(target_os = "linux")]

mod boot;
mod host;
mod squatters;
mod users;
