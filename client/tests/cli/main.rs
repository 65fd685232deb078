//! Runs the built `rolecall` against a scripted server on a Unix socket.

mod commands;
mod env;
mod exec;
mod once;
mod process;
mod server;
mod setup;
mod status;
