//! Fuzzes `keyfold_fuzzing::mls::group_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::mls::group_message(data));
