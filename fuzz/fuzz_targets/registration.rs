//! Fuzzes `keyfold_fuzzing::wire::registration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::wire::registration(data));
