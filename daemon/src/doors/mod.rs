//! The ways in: the socket, IMDS listeners and the container endpoint, with one guard in front.
//!
//! A connection is accepted ([`server`]), its other end looked up once ([`visitor`]), each head judged
//! ([`guard`]) and answered by its door ([`socket`], [`imds`], [`container`]); [`records`] tells the
//! ledger. With a session at hand an answer is made where the request is read: no task, no lock held,
//! no copy of the body.

pub mod access;
pub mod answer;
pub mod bind;
pub mod body;
pub mod connections;
pub mod container;
mod drive;
pub mod guard;
pub mod imds;
pub mod leased;
pub mod metrics;
pub mod needs;
pub mod patience;
pub mod readers;
pub mod records;
pub mod refusals;
pub mod server;
pub mod socket;
pub mod target;
pub mod token;
pub mod visitor;
pub mod wire;

#[cfg(test)]
mod fake;
// Apart from the other, because clippy knows tests by that line alone.
#[cfg(all(fuzzing, not(test)))]
#[allow(dead_code, unused_imports, reason = "tests use more of it")]
mod fake;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
#[cfg(test)]
mod tests;
