//! Writes the seeds of every target to `fuzz/seeds`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let seeds = keyfold_fuzzing::seeds::seeds();
    for seed in &seeds {
        let folder = folder.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&seed.name), &seed.bytes)?;
    }
    println!("{} seeds written", seeds.len());
    Ok(())
}
