//! The doors against fakes.

mod access;
mod bind;
mod container;
mod guard;
mod imds;
mod leased;
mod leases;
mod raw;
mod records;
mod socket;
