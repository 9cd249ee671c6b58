//! Runs a target over files, on stable Rust: `cargo run -p keyfold-fuzzing --example replay -- TARGET FILE...`.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(target) = keyfold_fuzzing::target(&name) else {
        eprintln!("there is no target {name:?}");
        return ExitCode::FAILURE;
    };
    for file in arguments {
        match std::fs::read(&file) {
            Ok(bytes) => (target.run)(&bytes),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
        eprintln!("{file}: nothing found");
    }
    ExitCode::SUCCESS
}
