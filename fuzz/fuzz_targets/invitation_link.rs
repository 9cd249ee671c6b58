//! Fuzzes `keyfold_fuzzing::link::invitation_link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::link::invitation_link(data));
