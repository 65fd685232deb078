//! Bytes of a connection to any of the doors.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::doors::fuzz::head(data));
