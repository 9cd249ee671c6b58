//! Fuzzes `keyfold_fuzzing::server::forwarded`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::server::forwarded(data));
