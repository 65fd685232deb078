//! `config.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::config::fuzz::toml(data));
