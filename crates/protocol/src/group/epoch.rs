//! An epoch's keys and roster: what envelopes are sealed under, and what the server is told.

use keyfold_wire::ids::Epoch;
use keyfold_wire::roster::RosterKey;
use zeroize::Zeroizing;

use crate::envelope::{self, EnvelopeKey};
use crate::roster::{self, Roster};

/// The epoch that a commit leads to, before it is merged.
#[derive(Debug)]
pub struct NextEpoch {
    /// Its number.
    pub epoch: Epoch,
    /// Its delivery addresses in leaf order.
    pub roster: Roster,
    /// The key that the roster is sealed under.
    pub roster_key: RosterKey,
    /// The key that its bodies are sealed under.
    pub envelope_key: EnvelopeKey,
}

/// Both keys from an exporter (RFC 9420 section 8.5) that is given label and length; the context is empty.
pub(super) fn keys<E>(
    export: impl Fn(&str, usize) -> Result<Vec<u8>, E>,
) -> Option<(RosterKey, EnvelopeKey)> {
    let roster_key = key(&export, roster::EXPORTER_LABEL)?;
    let envelope_key = key(&export, envelope::EXPORTER_LABEL)?;
    Some((RosterKey::new(*roster_key), EnvelopeKey::new(*envelope_key)))
}

/// One key of 32 bytes.
pub(super) fn key<E>(
    export: &impl Fn(&str, usize) -> Result<Vec<u8>, E>,
    label: &str,
) -> Option<Zeroizing<[u8; 32]>> {
    let secret = Zeroizing::new(export(label, 32).ok()?);
    secret.as_slice().try_into().ok().map(Zeroizing::new)
}
