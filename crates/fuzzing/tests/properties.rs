//! The fuzzer's functions as property tests: over random bytes, over the committed seeds, and over seeds that are damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyfold_fuzzing::bend::Bend;
use keyfold_fuzzing::draw::Blob;
use keyfold_fuzzing::{TARGETS, Target, Weight, target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Cases of each kind: all targets together take some seconds.
const fn cases(weight: Weight) -> u32 {
    match weight {
        Weight::Light => 2_000,
        Weight::Heavy => 200,
        Weight::Sequence => 16,
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let files = files(&fuzz().join("seeds").join(target.name));
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn bend() -> impl Strategy<Value = Bend> {
    let few = || vec(any::<u8>(), 0..24).prop_map(Blob);
    prop_oneof![
        any::<u16>().prop_map(Bend::Cut),
        (any::<u16>(), 1_u8..).prop_map(|(at, bits)| Bend::Flip(at, bits)),
        (any::<u16>(), few()).prop_map(|(at, more)| Bend::Insert(at, more)),
        (any::<u16>(), few()).prop_map(|(at, others)| Bend::Replace(at, others)),
        Just(Bend::Twice),
    ]
}

/// Random bytes, and seeds that were damaged.
fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damaged = (prop::sample::select(seeds), vec(bend(), 1..4))
        .prop_map(|(seed, bends)| Bend::all(&bends, &seed));
    let text = any::<String>().prop_map(String::into_bytes);
    prop_oneof![
        2 => vec(any::<u8>(), 0..600),
        1 => text,
        4 => damaged,
    ]
}

fn holds(name: &str) {
    let target = target(name).expect("there is such a target");
    let seeds = seeds(target);
    for seed in &seeds {
        (target.run)(seed);
    }
    let config = Config {
        cases: cases(target.weight),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let count = std::cell::Cell::new(0);
    let run = |input: Vec<u8>| {
        count.set(count.get() + 1);
        (target.run)(&input);
        Ok(())
    };
    let result = TestRunner::new(config).run(&inputs(seeds), run);
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    assert_eq!(count.get(), cases(target.weight));
}

macro_rules! properties {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

properties![
    address,
    certificate,
    client_frame,
    content,
    engine_sequence,
    envelope,
    forwarded,
    frame_boundary,
    group_message,
    handle,
    ids,
    invitation,
    invitation_link,
    join_request,
    key_package,
    leave_proofs,
    link_request,
    name,
    padding,
    recovery_key,
    registration,
    safety_number,
    sealed_roster,
    server_frame,
    server_sequence,
    server_url,
    shown_text,
    signal,
    state,
    welcome,
];

#[test]
fn every_target_is_tested_built_and_has_a_dictionary_that_is_listed() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|one| one.name.to_owned()).collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let files = files(&fuzz().join(folder));
        let stem = |file: &PathBuf| file.file_stem().unwrap().to_string_lossy().into_owned();
        files.iter().map(stem).collect()
    };
    let tested: BTreeSet<String> = TESTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(tested, targets);
    assert_eq!(stems("fuzz_targets"), targets);
    assert_eq!(stems("seeds"), targets);
    assert!(stems("dictionaries").is_subset(&targets));
    let read = |name: &str| std::fs::read_to_string(fuzz().join(name)).unwrap();
    let (manifest, page) = (read("Cargo.toml"), read("README.md"));
    for name in &targets {
        let listed = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&listed), "{name} is a binary");
        assert!(page.contains(&format!("`{name}`")), "{name} has its line");
    }
}

#[test]
fn every_seed_that_can_be_made_lies_with_the_others() {
    for seed in keyfold_fuzzing::seeds::seeds() {
        let file = fuzz().join("seeds").join(seed.target).join(&seed.name);
        assert!(file.is_file(), "{}: write the seeds again", file.display());
    }
}
