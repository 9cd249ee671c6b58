//! Fuzzes `keyfold_fuzzing::sealed::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::sealed::envelope(data));
