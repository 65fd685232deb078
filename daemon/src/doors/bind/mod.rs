//! Binding listeners so that nobody else can stand in for us, nor we for somebody else.

mod lease;
mod tcp;
mod unix;

pub use lease::{Placed, lease_socket, remove_leftover};
pub use tcp::{container, imds, lease_imds};
pub use unix::{Bound, Reach, unix};
