//! The files in `vectors/`: what they hold, how they are made, and how an implementation is checked by them.
//!
//! Each topic is a module with a type that is the file. `generate` makes it from fixed inputs, without randomness or clock; `check` goes
//! through a file entry by entry and panics where Keyfold does not do what the entry says. Not part of the product.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::struct_field_names,
    clippy::assigning_clones,
    reason = "a vector that does not hold must stop, and fields are named as the protocol names them"
)]

mod cbor;
mod hex;
mod people;

mod account_id;
mod content;
mod device_certificate;
mod device_removal;
mod envelope;
mod exporter;
mod file;
mod handle;
mod invitation;
mod key_package;
mod labels;
mod leave_proof;
mod link_request;
mod padding;
mod recovery_key;
mod registration;
mod roster;
mod safety_number;
mod signal;
mod state;
mod welcome;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use hex::Hex;

/// What one file holds.
trait Topic: Serialize + DeserializeOwned {
    /// Makes it.
    fn generate() -> Self;

    /// Goes through it entry by entry. Panics where Keyfold does something else than an entry says.
    fn check(&self);
}

/// One file of the folder.
#[derive(Clone, Copy)]
pub struct File {
    /// Its name without `.json`.
    pub name: &'static str,
    generate: fn() -> String,
    check: fn(&str),
}

const fn file<T: Topic>(name: &'static str) -> File {
    File {
        name,
        generate: written::<T>,
        check: checked::<T>,
    }
}

fn written<T: Topic>() -> String {
    let mut text = serde_json::to_string_pretty(&T::generate()).unwrap();
    text.push('\n');
    text
}

fn checked<T: Topic>(text: &str) {
    serde_json::from_str::<T>(text).unwrap().check();
}

/// All files.
pub const FILES: [File; 21] = [
    file::<account_id::AccountIds>("account-id"),
    file::<content::Contents>("content"),
    file::<device_certificate::Certificates>("device-certificate"),
    file::<device_removal::Removals>("device-removal"),
    file::<envelope::Envelopes>("envelope"),
    file::<exporter::Exports>("exporter"),
    file::<file::SealedFiles>("file"),
    file::<handle::Handles>("handle"),
    file::<invitation::Invitations>("invitation"),
    file::<key_package::KeyPackages>("key-package"),
    file::<labels::Labels>("labels"),
    file::<leave_proof::LeaveProofs>("leave-proof"),
    file::<link_request::LinkRequests>("link-request"),
    file::<padding::Paddings>("padding"),
    file::<recovery_key::RecoveryKeys>("recovery-key"),
    file::<registration::Registrations>("registration"),
    file::<roster::Rosters>("roster"),
    file::<safety_number::SafetyNumbers>("safety-number"),
    file::<signal::Signals>("signal"),
    file::<state::States>("state"),
    file::<welcome::Welcomes>("welcome"),
];

impl File {
    /// What it should hold.
    pub fn generate(&self) -> String {
        (self.generate)()
    }

    /// Goes through what it holds. Panics where Keyfold does something else than an entry says.
    pub fn check(&self, text: &str) {
        (self.check)(text);
    }

    /// Where it lies below the repository's root.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join("vectors").join(format!("{}.json", self.name))
    }
}

/// The repository's root, as it was when this was built.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// How a file names an error: the variant in lower case with underscores, without what is in it.
fn reason(error: &impl Debug) -> String {
    let shown = format!("{error:?}");
    let name = shown
        .split(|letter: char| !letter.is_alphanumeric())
        .next()
        .unwrap();
    let mut reason = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !reason.is_empty() {
            reason.push('_');
        }
        reason.extend(letter.to_lowercase());
    }
    reason
}

/// Asserts that something is refused for this reason.
fn refused<T, E: Debug>(what: &str, outcome: Result<T, E>, expected: &str) {
    match outcome {
        Ok(_) => panic!("{what}: was taken"),
        Err(error) => assert_eq!(reason(&error), expected, "{what}"),
    }
}
