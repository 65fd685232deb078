//! Targets of requests with a good token.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::doors::fuzz::path(data));
