//! IMDS tokens and their time to live.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::doors::fuzz::token(data));
