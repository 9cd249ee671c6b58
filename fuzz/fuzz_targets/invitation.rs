//! Fuzzes `keyfold_fuzzing::mls::invitation`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::mls::invitation(data));
