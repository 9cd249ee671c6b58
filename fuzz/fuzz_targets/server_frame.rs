//! Fuzzes `keyfold_fuzzing::wire::server_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::wire::server_frame(data));
