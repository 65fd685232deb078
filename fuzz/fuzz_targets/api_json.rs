//! Bodies and queries of the socket's API.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::doors::fuzz::api(data));
