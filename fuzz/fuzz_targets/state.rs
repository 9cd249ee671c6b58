//! Fuzzes `keyfold_fuzzing::agreed::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::agreed::state(data));
