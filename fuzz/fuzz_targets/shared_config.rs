//! AWS's shared config and credentials files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::config::fuzz::shared(data));
