//! The documentation's claims, held against the code and the programs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails; what is skipped is said"
)]

mod architecture;
mod compatibility;
mod configuration;
mod links;
mod security;
mod service;
mod tracked;

use rolecall_tests::generated::{self, root};
use rolecall_tests::harness::World;

/// The text of a file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn generated_pages_are_current() {
    let world = World::new();
    for page in generated::all(&world.path("bin")).unwrap() {
        let found = std::fs::read_to_string(root().join(page.path)).unwrap_or_default();
        assert!(found == page.text, "{} is old: run `make docs`", page.path);
    }
}
