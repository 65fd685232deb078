//! `rolecalld`: keeps AWS role sessions fresh on one computer and hands them to every AWS SDK.
//!
//! A module imports only what stands before it in this list (`tests/tests/layout.rs` keeps that):
//! `sys`, `clock`, `secrets`, `recipe`, `config`, `session`, `peer`, `ledger`, `challenge`, `issue`,
//! `keeper`, `lease`, `doors`, `app`. `docs/architecture.md` tells how data moves through them.

pub mod sys;

pub mod clock;

pub mod secrets;

pub mod recipe;

pub mod config;

pub mod session;

pub mod peer;

pub mod ledger;

pub mod challenge;

pub mod issue;

pub mod keeper;

pub mod lease;

pub mod doors;

pub mod app;

#[cfg(test)]
mod fuzz_seeds;
