//! Writes the files in `vectors/` anew: `cargo xtask vectors`.

#![allow(clippy::print_stdout, reason = "a command says what it did")]

use keyfold_vectors::{FILES, root};

fn main() -> std::io::Result<()> {
    let root = root();
    for file in FILES {
        let (path, text) = (file.path(&root), file.generate());
        let same = std::fs::read_to_string(&path).is_ok_and(|old| old == text);
        if !same {
            std::fs::write(&path, text)?;
            println!("vectors/{}.json is new", file.name);
        }
    }
    println!("{} files are as the code is", FILES.len());
    Ok(())
}
