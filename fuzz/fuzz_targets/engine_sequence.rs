//! Fuzzes `keyfold_fuzzing::sequence::engine_sequence`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::sequence::engine_sequence(data));
