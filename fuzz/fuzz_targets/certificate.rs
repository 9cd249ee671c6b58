//! Fuzzes `keyfold_fuzzing::wire::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::wire::certificate(data));
