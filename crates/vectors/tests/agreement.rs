//! The files and the code agree, both ways: the code makes the files, and does what each of their entries says.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use keyfold_vectors::{FILES, File, root};

fn text(file: &File) -> String {
    let path = file.path(&root());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_code_makes_the_files_as_they_are() {
    for file in FILES {
        assert!(
            file.generate() == text(&file),
            "vectors/{}.json is not what the code makes: if that is meant, `cargo xtask vectors` writes it anew",
            file.name
        );
    }
}

#[test]
fn the_code_does_what_each_entry_says() {
    for file in FILES {
        file.check(&text(&file));
    }
}

#[test]
fn no_file_is_without_a_check_and_each_is_described() {
    let folder = root().join("vectors");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    let known = FILES.map(|file| file.name.to_owned());
    assert_eq!(found, BTreeSet::from(known));
    for name in found {
        assert!(readme.contains(&format!("## {name}.json")), "{name}");
    }
}
