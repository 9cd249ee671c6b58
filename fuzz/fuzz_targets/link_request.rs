//! Fuzzes `keyfold_fuzzing::identity::link_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::identity::link_request(data));
