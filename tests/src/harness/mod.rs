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

/// A TCP port of 127.0.0.1 that is free just now, for a listener that must be told one.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
