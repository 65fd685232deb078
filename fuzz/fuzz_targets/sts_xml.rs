//! STS's answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolecalld::issue::fuzz::answer(data));
