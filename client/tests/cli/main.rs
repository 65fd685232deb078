//! Runs the built `rolecall` against a scripted server on a Unix socket.

mod exec;
mod process;
mod server;
mod status;
