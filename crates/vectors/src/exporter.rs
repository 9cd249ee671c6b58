//! `exporter.json`: from an epoch's exporter secret to roster key, envelope key and signal key (RFC 9420 section 8.5), suites with SHA-256.
//!
//! The formula is written out here: the product leaves it to `openmls`. A test of `keyfold-protocol` compares it with a group's keys.

use hkdf::Hkdf;
use keyfold_protocol::{envelope, roster, signal};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct Exports {
    valid: Vec<Valid>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    exporter_secret: Hex,
    label: String,
    context: Hex,
    length: u16,
    derived_secret: Hex,
    exported: Hex,
}

const SECRETS: [[u8; 32]; 2] = [[0; 32], [0xe5; 32]];
const LENGTH: u16 = 32;

impl Topic for Exports {
    fn generate() -> Self {
        let labels = [
            roster::EXPORTER_LABEL,
            envelope::EXPORTER_LABEL,
            signal::EXPORTER_LABEL,
        ];
        let valid = SECRETS.iter().flat_map(|secret| {
            labels.map(|label| Valid {
                exporter_secret: secret.into(),
                label: label.to_owned(),
                context: Hex::default(),
                length: LENGTH,
                derived_secret: expand(secret, label, &[], LENGTH).into(),
                exported: export(secret, label, &[], LENGTH).into(),
            })
        });
        Self {
            valid: valid.collect(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let exported = export(&one.exporter_secret, &one.label, &one.context, one.length);
            assert_eq!(exported, *one.exported);
            let derived = expand(&one.exporter_secret, &one.label, &[], LENGTH);
            assert_eq!(derived, *one.derived_secret);
        }
    }
}

/// `MLS-Exporter(label, context, length)`.
fn export(exporter_secret: &[u8], label: &str, context: &[u8], length: u16) -> Vec<u8> {
    let derived = expand(exporter_secret, label, &[], LENGTH);
    expand(&derived, "exported", &Sha256::digest(context), length)
}

/// `ExpandWithLabel(secret, label, context, length)` of RFC 9420 section 8, for what is shorter than 64 bytes.
fn expand(secret: &[u8], label: &str, context: &[u8], length: u16) -> Vec<u8> {
    let label = format!("MLS 1.0 {label}");
    let short = |bytes: &[u8]| {
        vec![
            u8::try_from(bytes.len())
                .ok()
                .filter(|length| *length < 64)
                .unwrap(),
        ]
    };
    let info = [
        length.to_be_bytes().to_vec(),
        short(label.as_bytes()),
        label.into_bytes(),
        short(context),
        context.to_vec(),
    ]
    .concat();
    let mut out = vec![0; length.into()];
    Hkdf::<Sha256>::from_prk(secret)
        .unwrap()
        .expand(&info, &mut out)
        .unwrap();
    out
}
