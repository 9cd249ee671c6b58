//! Fuzzes `keyfold_fuzzing::wire::ids`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::wire::ids(data));
