//! Roster key, envelope key and signal key are what RFC 9420 section 8.5 makes of the exporter secret; `vectors/exporter.json` is made by this formula.

use hkdf::Hkdf;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::people::Person;
use crate::suite::Suite;
use crate::{envelope, roster, signal};

#[test]
fn the_keys_of_an_epoch_are_those_of_the_mls_exporter() {
    for suite in Suite::ALL {
        let mut ada = Person::new(1);
        let group = ada.creates(suite);
        let (roster_key, envelope_key) = ada.with(|mls, _| {
            let keys = (group.roster_key(mls), group.envelope_key(mls));
            (keys.0.unwrap(), keys.1.unwrap())
        });
        let signal_key = ada.with(|mls, _| group.signal_key(mls).unwrap());
        let secret = exporter_secret(&ada);
        assert_eq!(
            roster_key.as_bytes(),
            &export(&secret, roster::EXPORTER_LABEL)
        );
        assert_eq!(
            *envelope_key.to_secret_bytes(),
            export(&secret, envelope::EXPORTER_LABEL)
        );
        assert_eq!(
            *signal_key.to_secret_bytes(),
            export(&secret, signal::EXPORTER_LABEL)
        );
    }
}

/// What `openmls` keeps of the epoch in its storage.
fn exporter_secret(person: &Person) -> Vec<u8> {
    let values = person.storage.written.values.read().unwrap();
    let mut secrets = values.values().filter_map(|stored| {
        let stored: Value = serde_json::from_slice(stored).ok()?;
        let bytes = stored.pointer("/exporter_secret/secret/value/vec")?;
        serde_json::from_value(bytes.clone()).ok()
    });
    secrets.next().expect("an exporter secret")
}

/// `MLS-Exporter(label, "", 32)`.
fn export(exporter_secret: &[u8], label: &str) -> [u8; 32] {
    let derived = expand(exporter_secret, label, &[]);
    expand(&derived, "exported", &Sha256::digest([]))
}

/// `ExpandWithLabel(secret, label, context, 32)`.
fn expand(secret: &[u8], label: &str, context: &[u8]) -> [u8; 32] {
    let label = format!("MLS 1.0 {label}");
    let length = |bytes: &[u8]| [u8::try_from(bytes.len()).unwrap()];
    let info = [
        &[0, 32],
        length(label.as_bytes()).as_slice(),
        label.as_bytes(),
        &length(context),
        context,
    ]
    .concat();
    let mut out = [0; 32];
    let expanded = Hkdf::<Sha256>::from_prk(secret).map(|prk| prk.expand(&info, &mut out));
    assert!(matches!(expanded, Ok(Ok(()))));
    out
}
