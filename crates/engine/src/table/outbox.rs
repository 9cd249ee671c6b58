//! Requests on their way: byte for byte as they go out, until they are answered.
//!
//! A mirror without the bytes is kept in memory ([`Waiting`]), so that choosing the next request reads one row.

use std::time::Duration;

use keyfold_wire::ids::{Epoch, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use super::{from_sql, id, instant, is_due, to_sql};
use crate::Fault;
use crate::limits::{RETRY_FIRST, RETRY_MOST};
use crate::outcome::Channel;

/// What a request is for; `reference` in [`Waiting`] says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Fresh addresses.
    TakeAddresses,
    /// Key packages to the directory.
    PublishKeyPackages,
    /// Addresses out of use.
    RevokeAddresses,
    /// A handle of an intent (reference: the intent; zero: asked by a person).
    Lookup,
    /// An account that was met: is its handle its own?
    Confirm,
    /// Key packages for an intent (reference).
    Fetch,
    /// A new conversation (reference: the intent).
    Create,
    /// A message (reference: its place on the timeline).
    Send,
    /// A commit (reference: the intent).
    Commit,
    /// A device to the directory (reference: zero).
    AddDevice,
    /// A device out of the directory.
    RemoveDevice,
    /// Nothing: its answer shows that the mailbox socket lives, so that what came before it has arrived (reference: the
    /// conversation whose grace is over).
    Barrier,
    /// A message to a member about the way back, in a group that nobody stays in (reference: the conversation).
    Errand,
    /// A new token of this device.
    ReplaceToken,
    /// Whether a conversation is where this device thinks (reference: the conversation).
    Probe,
    /// A message in a line of a conversation that this device has left since, with all its lines: it does not come back, and the
    /// server's answer alone says whether it was sent (reference: its place on the timeline).
    Parting,
    /// A newer certificate of this device, or of one that it has linked, to the directory.
    RenewCertificate,
    /// The own account: whether the directory has a newer certificate of this device.
    OwnCertificate,
    /// To be let in by an invitation link (reference: the link that was opened).
    JoinRequest,
    /// What a person reports to the operator (reference: the conversation).
    Report,
}

const KINDS: [Kind; 20] = [
    Kind::TakeAddresses,
    Kind::PublishKeyPackages,
    Kind::RevokeAddresses,
    Kind::Lookup,
    Kind::Confirm,
    Kind::Fetch,
    Kind::Create,
    Kind::Send,
    Kind::Commit,
    Kind::AddDevice,
    Kind::RemoveDevice,
    Kind::Barrier,
    Kind::Errand,
    Kind::ReplaceToken,
    Kind::Probe,
    Kind::Parting,
    Kind::RenewCertificate,
    Kind::OwnCertificate,
    Kind::JoinRequest,
    Kind::Report,
];

impl Kind {
    const fn number(self) -> i64 {
        self as i64
    }

    /// The socket that such a request belongs on.
    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::TakeAddresses
            | Self::PublishKeyPackages
            | Self::RevokeAddresses
            | Self::AddDevice
            | Self::RemoveDevice
            | Self::Barrier
            | Self::ReplaceToken
            | Self::RenewCertificate
            | Self::Report => Channel::Mailbox,
            Self::Lookup
            | Self::Confirm
            | Self::Fetch
            | Self::Create
            | Self::Send
            | Self::Commit
            | Self::Errand
            | Self::Probe
            | Self::Parting
            | Self::OwnCertificate
            | Self::JoinRequest => Channel::Anonymous,
        }
    }
}

fn kind(number: i64) -> Result<Kind, Fault> {
    usize::try_from(number)
        .ok()
        .and_then(|index| KINDS.get(index).copied())
        .ok_or_else(|| Fault::corrupt("an unknown kind of request"))
}

/// A request without its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) kind: Kind,
    pub(crate) conversation: Option<Row>,
    pub(crate) reference: i64,
    pub(crate) message_id: Option<MessageId>,
    pub(crate) body_hash: Option<[u8; 32]>,
    /// The epoch that a message was encrypted in.
    pub(crate) epoch: Epoch,
    /// The server has it; the item has not come back through the mailbox yet.
    pub(crate) accepted: bool,
    pub(crate) attempts: u32,
    pub(crate) not_before: Timestamp,
}

impl Waiting {
    /// A new request of this kind.
    pub(crate) const fn new(kind: Kind, conversation: Option<Row>, reference: i64) -> Self {
        Self {
            kind,
            conversation,
            reference,
            message_id: None,
            body_hash: None,
            epoch: Epoch(0),
            accepted: false,
            attempts: 0,
            not_before: Timestamp(0),
        }
    }

    /// Whether it may go now. A barrier is about time that has passed, so after a clock has moved back it waits anew.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        if self.kind == Kind::Barrier {
            return self.not_before <= now;
        }
        is_due(self.not_before, now)
    }

    /// How long to wait after the attempts so far, before the next one.
    pub(crate) fn pause(&self) -> Duration {
        let doubled = RETRY_FIRST.saturating_mul(1 << self.attempts.min(10));
        doubled.min(RETRY_MOST)
    }
}

/// Puts a request in; its number tells its place.
pub(crate) fn insert(
    tx: &Connection,
    number: i64,
    request: &Waiting,
    frame: &[u8],
) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO outbox (id, kind, conversation, reference, message_id, body_hash, frame,
           accepted, attempts, not_before, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10)",
    )?
    .execute((
        number,
        request.kind.number(),
        request.conversation.map(|row| row.0),
        request.reference,
        request.message_id.as_ref().map(AsRef::<[u8]>::as_ref),
        request.body_hash.as_ref().map(<[u8; 32]>::as_slice),
        frame,
        request.attempts,
        instant(request.not_before),
        to_sql(request.epoch.0)?,
    ))?;
    Ok(())
}

/// All of them, oldest first.
pub(crate) fn all(tx: &Connection) -> Result<Vec<(i64, Waiting)>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT id, kind, conversation, reference, message_id, body_hash, accepted, attempts,
           not_before, epoch FROM outbox ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        let conversation: Option<i64> = row.get(2)?;
        let message_id: Option<Vec<u8>> = row.get(4)?;
        let body_hash: Option<Vec<u8>> = row.get(5)?;
        requests.push((
            row.get(0)?,
            Waiting {
                kind: kind(row.get(1)?)?,
                conversation: conversation.map(Row),
                reference: row.get(3)?,
                message_id: message_id.as_deref().map(id).transpose()?,
                body_hash: body_hash.as_deref().map(id).transpose()?,
                accepted: row.get(6)?,
                attempts: row.get(7)?,
                not_before: Timestamp(from_sql(row.get(8)?)),
                epoch: Epoch(from_sql(row.get(9)?)),
            },
        ));
    }
    Ok(requests)
}

/// A request's bytes.
pub(crate) fn frame(tx: &Connection, request: i64) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx
        .prepare_cached("SELECT frame FROM outbox WHERE id = ?1")?
        .query_row([request], |row| row.get(0))
        .optional()?)
}

/// Writes what changes of a request.
pub(crate) fn update(tx: &Connection, request: i64, waiting: &Waiting) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE outbox SET accepted = ?2, attempts = ?3, not_before = ?4 WHERE id = ?1",
    )?
    .execute((
        request,
        waiting.accepted,
        waiting.attempts,
        instant(waiting.not_before),
    ))?;
    Ok(())
}

/// It belongs to another row of conversations now, or is for something else.
pub(crate) fn rehome(tx: &Connection, request: i64, waiting: &Waiting) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE outbox SET kind = ?2, conversation = ?3, reference = ?4 WHERE id = ?1",
    )?
    .execute((
        request,
        waiting.kind.number(),
        waiting.conversation.map(|row| row.0),
        waiting.reference,
    ))?;
    Ok(())
}

/// What it refers to has another number now.
pub(crate) fn refer(tx: &Connection, request: i64, reference: i64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE outbox SET reference = ?2 WHERE id = ?1")?
        .execute((request, reference))?;
    Ok(())
}

/// Takes a request out.
pub(crate) fn remove(tx: &Connection, request: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM outbox WHERE id = ?1")?
        .execute([request])?;
    Ok(())
}
