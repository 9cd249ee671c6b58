//! Fuzzes `keyfold_fuzzing::agreed::name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::agreed::name(data));
