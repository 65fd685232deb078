//! Binding listeners so that nobody else can stand in for us, nor we for somebody else.

mod tcp;
mod unix;

pub use tcp::{container, imds};
pub use unix::{Bound, Reach, unix};
