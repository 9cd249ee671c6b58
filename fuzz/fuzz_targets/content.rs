//! Fuzzes `keyfold_fuzzing::agreed::content`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::agreed::content(data));
