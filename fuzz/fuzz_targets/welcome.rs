//! Fuzzes `keyfold_fuzzing::sealed::welcome`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::sealed::welcome(data));
