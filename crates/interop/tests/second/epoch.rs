//! One epoch of a conversation: its leaves, and the keys that come from the MLS exporter.

use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_protocol::roster::{self, Roster};
use keyfold_protocol::rules::{GroupView, LeafIndex, LeafView};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids;
use keyfold_wire::roster::RosterKey;

use super::mls::{self, MlsGroup};

pub struct Epoch {
    pub view: GroupView,
    pub roster: Roster,
    pub roster_key: RosterKey,
    pub envelope_key: EnvelopeKey,
}

impl Epoch {
    /// The group's present one. What must be true of it is checked.
    pub fn of(group: &MlsGroup) -> Self {
        let export = |label: &str| -> [u8; 32] {
            let secret = group.export_secret(label.as_bytes(), &[], 32).unwrap();
            secret.as_bytes().try_into().unwrap()
        };
        let mut leaves: Vec<LeafView> = group
            .roster()
            .members_iter()
            .map(|member| {
                let address = member.extensions.get(mls::ADDRESS);
                LeafView::verify(
                    LeafIndex(member.index),
                    &member
                        .signing_identity
                        .credential
                        .as_basic()
                        .unwrap()
                        .identifier,
                    member.signing_identity.signature_key.as_bytes(),
                    address.as_ref().map(mls_rs::Extension::extension_data),
                )
                .unwrap()
            })
            .collect();
        leaves.sort_by_key(|leaf| leaf.index);
        let view = GroupView {
            group_id: group.group_id().to_vec(),
            epoch: ids::Epoch(group.current_epoch()),
            suite: Suite::Classic,
            state: mls::state(group.context()),
            leaves,
        };
        view.judge_whole().unwrap();
        Self {
            roster: Roster::of(&view.leaves),
            roster_key: RosterKey::new(export(roster::EXPORTER_LABEL)),
            envelope_key: EnvelopeKey::new(export(envelope::EXPORTER_LABEL)),
            view,
        }
    }

    pub fn number(&self) -> ids::Epoch {
        self.view.epoch
    }

    pub fn addresses(&self) -> Vec<bytes::Bytes> {
        let addresses = self.roster.addresses().iter();
        addresses.map(|address| address.clone().into()).collect()
    }

    /// The handles of the accounts that have a leaf.
    pub fn handles(&self) -> Vec<&str> {
        let mut handles: Vec<&str> = self
            .view
            .leaves
            .iter()
            .map(|leaf| leaf.certificate.handle.as_str())
            .collect();
        handles.sort_unstable();
        handles.dedup();
        handles
    }
}
