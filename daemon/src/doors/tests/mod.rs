//! The doors against fakes.

mod access;
mod bind;
mod container;
mod guard;
mod imds;
mod leases;
mod raw;
mod records;
mod socket;
