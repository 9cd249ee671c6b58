//! Fuzzes `keyfold_fuzzing::identity::recovery_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::identity::recovery_key(data));
