//! Fuzzes `keyfold_fuzzing::identity::safety_number`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::identity::safety_number(data));
