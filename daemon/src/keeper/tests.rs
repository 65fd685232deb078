//! Keepers on a clock that stands still, before an AWS that does what it is told.

mod chain;
mod narrowed;
mod record;
mod reload;
mod renewal;
