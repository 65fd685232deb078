//! What clients send, accept and break on, item by item ("client contract N"), over raw sockets to the real
//! daemon, which runs as an unprivileged user.
//!
//! An item is marked above the test that shows it. Items that a real daemon adds nothing to are tested beside
//! the code.

mod container;
mod heads;
mod hosts;
mod limits;
mod reads;
mod requests;
mod rig;
mod sessions;
mod token;
mod users;
mod wire;
