//! Fuzzes `keyfold_fuzzing::text::server_url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::text::server_url(data));
