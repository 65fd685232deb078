//! What a client of `rolecalld` is made of: the API's types, the socket's path, and a blocking
//! connection to it.
//!
//! The daemon uses [`api`] and [`path`] and nothing else of this package; everything the `rolecall`
//! command adds lives in the binary, behind the feature `cli`.

pub mod api;
pub mod connection;
pub mod path;
