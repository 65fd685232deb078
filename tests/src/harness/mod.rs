//! What a scenario is made of: a [`World`], its programs, and ways of looking at them.

mod binaries;
mod canary;
mod daemon;
mod doors;
mod http;
mod namespace;
mod process;
pub mod profiles;
mod sdk;
mod user;
mod wait;
mod world;

use std::sync::atomic::{AtomicU16, Ordering};

pub use canary::Canaries;
pub use doors::{Imds, Lease};
pub use http::{Answer, Connection, Endpoint, Request};
pub use namespace::hold_address;
pub use process::{Finished, Running, run, run_within};
pub use rustix::process::Signal;
pub use sdk::{python_is_there, target_directory};
pub use user::{User, is_root};
pub use wait::{Deadline, PATIENCE, eventually, timed, until};
pub use world::World;

/// A TCP port of 127.0.0.1 that is free just now, for a listener that must be told one: none that the kernel or a
/// daemon would choose for something else before it is bound, and none that this process was given before.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 8000).expect("it is less") + 10_000;
    (0..8000)
        .map(|_| 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
