//! A real browser, and what an attacker on the web has against this machine: a name server, pages on an
//! address that looks public, and time.

mod dns;
mod program;
mod server;

pub use dns::Dns;
pub use program::{Browser, browser_is_there};
pub use server::{Asked, Said, serve};
