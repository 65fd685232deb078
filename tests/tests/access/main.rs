//! Who gets a role: rules, consent and the lock, through every door.

mod consent;
mod lock;
mod place;
mod races;
mod rules;
mod self_approval;
