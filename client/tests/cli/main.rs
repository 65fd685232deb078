//! Runs the built `rolecall` against a scripted server on a Unix socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too, fail loudly")]

mod commands;
mod env;
mod exec;
mod once;
mod process;
mod server;
mod setup;
mod status;
