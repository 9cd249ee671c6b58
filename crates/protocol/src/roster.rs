//! The roster: the delivery addresses of a group's leaves in leaf order, and the check of what a server opened.

use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1;

use crate::rules::LeafView;

/// The exporter label of the roster key (RFC 9420 section 8.5; empty context, 32 bytes).
pub const EXPORTER_LABEL: &str = "keyfold roster";

/// A group's delivery addresses in leaf order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster(Vec<Vec<u8>>);

/// How what the server opened differs from what the group agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RosterMismatch {
    /// The item carries no check, though it is a commit.
    #[error("the server did not say which roster it opened: the commit is refused")]
    Missing,
    /// A hash has a wrong length.
    #[error("the server's roster check is malformed: the commit is refused")]
    Malformed,
    /// Other addresses, or another order.
    #[error("the server got another roster than the group's: the commit is refused")]
    Roster,
    /// Sealed under another key than the members'.
    #[error("the server got another roster key than the group's: the commit is refused")]
    Key,
}

impl Roster {
    /// The roster of these leaves, in whichever order they are given.
    pub fn of(leaves: &[LeafView]) -> Self {
        let mut ordered: Vec<&LeafView> = leaves.iter().collect();
        ordered.sort_by_key(|leaf| leaf.index);
        Self(
            ordered
                .into_iter()
                .map(|leaf| leaf.address.clone())
                .collect(),
        )
    }

    /// The addresses in leaf order.
    pub fn addresses(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Its hash, as the server hands it out.
    pub fn hash(&self) -> [u8; 32] {
        roster::hash(&self.0)
    }

    /// Compares what the server opened with this roster (the next epoch's) and its key.
    ///
    /// # Errors
    /// [`RosterMismatch`]: the commit must be refused.
    pub fn check(
        &self,
        key: &RosterKey,
        opened: Option<&v1::CommitCheck>,
    ) -> Result<(), RosterMismatch> {
        let opened = opened.ok_or(RosterMismatch::Missing)?;
        if opened.roster_hash.len() != 32 || opened.roster_key_hash.len() != 32 {
            return Err(RosterMismatch::Malformed);
        }
        if opened.roster_hash != self.hash().as_slice() {
            return Err(RosterMismatch::Roster);
        }
        if opened.roster_key_hash != roster::key_hash(key).as_slice() {
            return Err(RosterMismatch::Key);
        }
        Ok(())
    }
}
