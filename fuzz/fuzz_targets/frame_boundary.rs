//! Fuzzes `keyfold_fuzzing::server::frame_boundary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::server::frame_boundary(data));
