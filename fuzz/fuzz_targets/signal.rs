//! Fuzzes `keyfold_fuzzing::sealed::signal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::sealed::signal(data));
