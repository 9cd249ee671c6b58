//! Fuzzes `keyfold_fuzzing::agreed::leave_proofs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfold_fuzzing::agreed::leave_proofs(data));
