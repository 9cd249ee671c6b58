//! Fuzzes `keyfold_fuzzing::link::join_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::link::join_request(data));
