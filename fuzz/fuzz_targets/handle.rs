//! Fuzzes `keyfold_fuzzing::server::handle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::server::handle(data));
