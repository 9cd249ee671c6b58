//! Fuzzes `keyfold_fuzzing::server::sealed_roster`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::server::sealed_roster(data));
