//! Fuzzes `keyfold_fuzzing::mls::key_package`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::mls::key_package(data));
