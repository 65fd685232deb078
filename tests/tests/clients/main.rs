//! Real SDK clients with the real daemon: every door, from the profile that a user has to the ARN that
//! STS answers.

mod api;
mod chain;
mod configuration;
mod consumers;
mod exec;
mod hostile;
mod imds;
mod ledger;
mod line;
mod metadata_address;
mod moto;
mod own_imds;
mod own_socket;
mod own_socket_away;
mod people;
mod process;
mod secrets;
mod setup;
mod shell;
mod ways;
