//! From leaf nodes to what the rules see, and where new leaves will stand.

use std::collections::BTreeSet;

use openmls::prelude::{CredentialType, LeafNode};
use openmls::treesync::LeafNodeSource;

use super::config;
use super::error::Reject;
use crate::rules::{ADDRESS_EXTENSION_TYPE, LeafIndex, LeafView};

/// A leaf node that comes in from outside: certificate, signature key, delivery address, unbounded lifetime, and no
/// extension beside the address. Its MLS signature has been verified by `openmls`.
pub(super) fn verify(index: LeafIndex, node: &LeafNode) -> Result<LeafView, Reject> {
    if node.credential().credential_type() != CredentialType::Basic {
        return Err(Reject::Leaf("its credential is of an unknown type"));
    }
    if let LeafNodeSource::KeyPackage(lifetime) = node.leaf_node_source()
        && *lifetime != config::lifetime()
    {
        return Err(Reject::Leaf("its MLS lifetime is bounded"));
    }
    if node.extensions().iter().count() > 1 {
        return Err(Reject::Leaf("it has unknown extensions"));
    }
    let credential = node.credential().serialized_content();
    Ok(LeafView::verify(
        index,
        credential,
        node.signature_key().as_slice(),
        address(node),
    )?)
}

/// A leaf node of a tree whose leaves were verified when they came in.
pub(super) fn known(index: LeafIndex, node: &LeafNode) -> Result<LeafView, Reject> {
    Ok(LeafView::known(
        index,
        node.credential().serialized_content(),
        address(node),
    )?)
}

fn address(node: &LeafNode) -> Option<&[u8]> {
    node.extensions()
        .unknown(ADDRESS_EXTENSION_TYPE)
        .map(|address| address.0.as_slice())
}

/// Where leaves are added, one after the other: each at the leftmost blank leaf, or behind the last
/// (RFC 9420 section 12.1.1), once the removed ones are gone (section 12.3).
pub(super) struct Places(BTreeSet<u32>);

impl Places {
    pub(super) fn new(leaves: &[LeafView], removed: &[LeafIndex]) -> Self {
        let stay = leaves
            .iter()
            .map(|leaf| leaf.index)
            .filter(|index| !removed.contains(index));
        Self(stay.map(|index| index.0).collect())
    }

    pub(super) fn take(&mut self) -> LeafIndex {
        let mut place = 0;
        for taken in &self.0 {
            if *taken != place {
                break;
            }
            place += 1;
        }
        self.0.insert(place);
        LeafIndex(place)
    }
}
