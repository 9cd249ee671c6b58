//! `labels.json`: every label that is signed, hashed or derived with, and the numbers for private use.

use keyfold_protocol::rules::ADDRESS_EXTENSION_TYPE;
use keyfold_protocol::state::EXTENSION_TYPE;
use keyfold_protocol::{envelope, roster, signal};
use serde::{Deserialize, Serialize};

use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct Labels {
    labels: Vec<Label>,
    extension_types: Vec<ExtensionType>,
}

/// `bytes` is what begins the input, with the zero byte where there is one.
#[derive(Serialize, Deserialize)]
struct Label {
    label: String,
    used: String,
    bytes: Hex,
}

#[derive(Serialize, Deserialize)]
struct ExtensionType {
    number: u16,
    used: String,
}

const SIGNED: [&str; 7] = [
    "keyfold join request v1",
    "keyfold signal v1",
    "keyfold device certificate v1",
    "keyfold registration v1",
    "keyfold device removal v1",
    "keyfold device link v1",
    "keyfold leave v1",
];

const HASHED: [&str; 4] = [
    "keyfold account v1",
    "keyfold file v1",
    "keyfold roster v1",
    "keyfold roster key v1",
];

impl Topic for Labels {
    fn generate() -> Self {
        let label = |label: &str, used: &str, ending: &[u8]| Label {
            label: label.to_owned(),
            used: used.to_owned(),
            bytes: [label.as_bytes(), ending].concat().into(),
        };
        let signed = SIGNED.map(|name| label(name, "signed", &[0]));
        let hashed = HASHED.map(|name| label(name, "hashed", &[]));
        let others = [
            label("keyfold envelope v1", "authenticated data", &[0]),
            label("keyfold signal body v1", "authenticated data", &[0]),
            label("keyfold signal place v1", "derived", &[0]),
            label("keyfold join request body v1", "authenticated data", &[0]),
            label("keyfold join request key v1", "derived", &[]),
            label("keyfold invitation link v1", "checksum", &[0]),
            label("keyfold invitation id v1", "derived", &[]),
            label("keyfold recovery key v1", "salt", &[]),
            label(roster::EXPORTER_LABEL, "exporter", &[]),
            label(envelope::EXPORTER_LABEL, "exporter", &[]),
            label(signal::EXPORTER_LABEL, "exporter", &[]),
        ];
        let number = |number, used: &str| ExtensionType {
            number,
            used: used.to_owned(),
        };
        Self {
            labels: signed.into_iter().chain(hashed).chain(others).collect(),
            extension_types: vec![
                number(EXTENSION_TYPE, "group context: the conversation's state"),
                number(ADDRESS_EXTENSION_TYPE, "leaf node: the delivery address"),
            ],
        }
    }

    /// The table of the documentation has these labels and no other, and no two have the same bytes.
    fn check(&self) {
        let page = crate::root().join("docs/protocol/README.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, table) = page.split_once("## Labels").unwrap();
        let (table, numbers) = table.split_once("## Numbers for private use").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let mut documented: Vec<(String, bool)> = rows
            .map(|row| {
                (
                    row.split('`').nth(1).unwrap().to_owned(),
                    row.contains("`0x00`"),
                )
            })
            .collect();
        let mut here: Vec<(String, bool)> = self
            .labels
            .iter()
            .map(|one| (one.label.clone(), one.bytes.ends_with(&[0])))
            .collect();
        documented.sort();
        here.sort();
        assert_eq!(documented, here);
        here.dedup();
        assert_eq!(here.len(), self.labels.len(), "two labels are the same");
        for one in &self.extension_types {
            assert!(numbers.contains(&format!("`{:#06X}`", one.number).replace("0X", "0x")));
        }
    }
}
