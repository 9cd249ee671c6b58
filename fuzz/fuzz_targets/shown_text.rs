//! Fuzzes `keyfold_fuzzing::text::shown_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::text::shown_text(data));
