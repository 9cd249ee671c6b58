//! Operations: what a store is asked to change, already judged as far as a request alone can be.

use std::sync::Arc;

use bytes::Bytes;
use keyfold_wire::ids::{
    AccountId, DeviceId, Epoch, MailboxId, MessageId, Sequence, Serial, Timestamp,
};
use keyfold_wire::v1;

use super::Answer;
use super::file::{FilePlace, FileRecord};
use super::record::{ConversationKey, OnceKey};
use super::report::{NewReport, ReportId};
use crate::core::{Device, Vouched};
use crate::directory::Handle;
use crate::refusal::Refusal;
use crate::request::{Grace, KeyPackage};
use crate::seal::Target;

/// One change.
pub enum Operation {
    /// A new account with its first device. Known again by its digest: [`Outcome::Device`], as long as the device is
    /// there and has the token that it was registered with, else [`Refusal::Unauthenticated`].
    Register(Box<NewAccount>),
    /// A further device. The same one again is [`Outcome::Done`]; the same device or token with other bytes is
    /// [`Refusal::Conflict`]; one too many is [`Refusal::TooManyDevices`].
    AddDevice {
        /// Whose.
        account: AccountId,
        /// The device.
        device: NewDevice,
    },
    /// The certificate of a device gives way to a newer one; that is all that changes. The same again is [`Outcome::Done`]; where
    /// it has another than `former` by now: [`Refusal::Conflict`]; where it is gone: [`Refusal::NotFound`].
    RenewCertificate {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
        /// The certificate that it was judged against.
        former: Bytes,
        /// Encoded.
        certificate: Bytes,
    },
    /// Deletes a device, its token, mailbox and key packages: [`Outcome::Removed`].
    RemoveDevice {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
    },
    /// A device's token gives way to another; the one that it has already is [`Outcome::Done`], one of another device
    /// is [`Refusal::Conflict`].
    ReplaceToken {
        /// The device's.
        mailbox: MailboxId,
        /// SHA-256 of the new token.
        token_hash: [u8; 32],
    },
    /// Key packages of a device. One that it had published before (also one handed out since) is passed over; a
    /// last-resort one replaces the former one of its suite. Over the limit: [`Refusal::TooLarge`], nothing changes.
    Publish {
        /// The device's.
        mailbox: MailboxId,
        /// What.
        packages: Vec<KeyPackage>,
        /// Whether those that are left are deleted first.
        replace: bool,
    },
    /// One key package of each device of an account: [`Outcome::KeyPackages`]. The oldest one-time one, else the one of last resort; the
    /// other way round for a device that is not vouched for.
    FetchKeyPackages {
        /// Whose.
        account: AccountId,
        /// MLS cipher suite.
        suite: u16,
        /// Whose one-time ones may be handed out.
        vouched: Arc<Vouched>,
    },
    /// Serials for fresh addresses, see [`next_number`](super::record::next_number): [`Outcome::Serials`].
    TakeSerials {
        /// Of which mailbox.
        mailbox: MailboxId,
        /// How many.
        count: u32,
    },
    /// Drops what comes for these serials. Those that may still be given are passed over.
    Revoke {
        /// Of which mailbox.
        mailbox: MailboxId,
        /// Which.
        serials: Vec<Serial>,
    },
    /// A new conversation. [`Refusal::Exists`] unless it is an exact repeat.
    Create(Box<NewConversation>),
    /// One body for a roster.
    Send(Box<Append>),
    /// From one epoch to the next.
    Commit(Box<Advance>),
    /// Deletes everything up to `sequence` (or the newest, when that is less).
    Acknowledge {
        /// Of which mailbox.
        mailbox: MailboxId,
        /// Up to and with.
        sequence: Sequence,
    },
    /// An invitation, by the SHA-256 of its code.
    Invite([u8; 32]),
    /// Deletes at most about `portion` rows of what is past its retention: [`Outcome::Swept`].
    Sweep {
        /// How many.
        portion: u32,
    },
    /// Begins an upload: [`Outcome::File`]. The same again says how far it has come.
    BeginFile {
        /// Where it is to lie.
        place: FilePlace,
        /// Bytes of the whole.
        length: u64,
    },
    /// So many more bytes of an upload are durable: [`Outcome::File`], see [`FileRecord::extend`].
    ExtendFile {
        /// Which.
        place: FilePlace,
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// The bytes of a file are gone.
    ForgetFile(FilePlace),
    /// A signal for a roster: [`Outcome::Signalled`].
    Signal(Box<NewSignal>),
    /// Deletes signals up to this number.
    AcknowledgeSignals {
        /// Of which mailbox.
        mailbox: MailboxId,
        /// Up to and with.
        number: u64,
    },
    /// A report for the operator. The same id of the same account with the same hash is [`Outcome::Done`] again, any other [`Refusal::Conflict`]; past a
    /// limit ([`super::report::room`]) it is [`Refusal::Busy`].
    Report(Box<NewReport>),
    /// Deletes a report; [`Refusal::NotFound`] where there is none.
    ForgetReport(ReportId),
}

impl Operation {
    /// The conversation whose order it has a place in.
    pub const fn appends_to(&self) -> Option<ConversationKey> {
        match self {
            Self::Send(append) => Some(append.key),
            Self::Commit(advance) => Some(advance.append.key),
            _ => None,
        }
    }
}

/// A new account.
#[derive(Debug)]
pub struct NewAccount {
    /// Hash of its key.
    pub account: AccountId,
    /// What it is called.
    pub handle: Handle,
    /// Ed25519.
    pub account_key: [u8; 32],
    /// Ed25519.
    pub recovery_key: [u8; 32],
    /// SHA-256 of the whole request: by this a repeat is known.
    pub digest: [u8; 32],
    /// Its first device.
    pub device: NewDevice,
    /// Whether it may come in.
    pub admission: Admission,
}

impl NewAccount {
    /// The answer to a repeat, when `holder` is who holds now the token that the account was registered with. A token
    /// that was given up may have become another device's.
    pub fn recognise(&self, holder: Device) -> Answer {
        if holder.account == self.account && holder.id == self.device.id {
            Ok(Outcome::Device(holder))
        } else {
            Err(Refusal::Unauthenticated)
        }
    }
}

/// Whether an account may be made, unless the request is a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Free,
    /// If there is an invitation with this hash, which is used up by it.
    Invited([u8; 32]),
    /// It may not.
    Refused(Refusal),
}

/// A new device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// Encoded.
    pub certificate: Bytes,
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// A fresh, random one.
    pub mailbox: MailboxId,
}

/// A welcome with everybody that it is for.
#[derive(Debug, Default)]
pub struct Welcomes {
    /// Who, and each one's part.
    pub joiners: Vec<(Target, Bytes)>,
    /// The shared part.
    pub group_info: Bytes,
}

/// A new conversation.
#[derive(Debug)]
pub struct NewConversation {
    /// Its name at rest.
    pub key: ConversationKey,
    /// By what a repeat is known.
    pub once: OnceKey,
    /// The epoch that it starts at.
    pub epoch: Epoch,
    /// Sealed.
    pub roster: Bytes,
    /// What is delivered.
    pub welcomes: Welcomes,
}

/// One body for a roster that was opened before.
#[derive(Debug)]
pub struct Append {
    /// The conversation.
    pub key: ConversationKey,
    /// [`super::Conversation::id`] of the one whose roster was opened; [`Refusal::NotFound`] when it is another by now.
    pub conversation: i64,
    /// By what a repeat is known.
    pub once: OnceKey,
    /// The epoch of the roster that was opened.
    pub epoch: Epoch,
    /// Chosen by the sender.
    pub message_id: MessageId,
    /// Sealed.
    pub body: Bytes,
    /// The opened roster.
    pub targets: Vec<Target>,
}

/// A signal for a roster that was opened before.
#[derive(Debug)]
pub struct NewSignal {
    /// The conversation.
    pub key: ConversationKey,
    /// [`super::Conversation::id`] of the one whose roster was opened; [`Refusal::NotFound`] when it is another by now.
    pub conversation: i64,
    /// The epoch of the roster that was opened; [`Refusal::Stale`] when it is over by now.
    pub epoch: Epoch,
    /// One for each address.
    pub copies: Vec<SignalCopy>,
}

/// A signal as it waits at one address. Sealed by the server for this mailbox: two copies of one signal have nothing in common at rest.
#[derive(Debug)]
pub struct SignalCopy {
    /// Where it goes.
    pub target: Target,
    /// What it takes the place of, see [`super::record::signal_place`].
    pub place: [u8; 16],
    /// Serial and body.
    pub sealed: Bytes,
}

/// A commit.
pub struct Advance {
    /// Its body, for the old roster.
    pub append: Append,
    /// What members compare.
    pub check: v1::CommitCheck,
    /// The next roster, sealed.
    pub next_roster: Bytes,
    /// For those who join.
    pub welcomes: Welcomes,
    /// What happens to the epoch that ends.
    pub grace: Grace,
}

/// What an operation came to.
#[derive(Clone, PartialEq)]
pub enum Outcome {
    /// Carried out.
    Done,
    /// Registered.
    Device(Device),
    /// Gone; its mailbox, if there was one.
    Removed(Option<MailboxId>),
    /// The first of the serials; the others follow it.
    Serials(Serial),
    /// Key packages, and the devices that run low.
    KeyPackages {
        /// One for each device, empty where it has none.
        devices: Vec<v1::DeviceKeyPackage>,
        /// Mailboxes whose supply of a suite has fallen under the limit.
        low: Vec<(MailboxId, v1::Supply)>,
    },
    /// In the mailboxes.
    Appended(Appended),
    /// A portion is deleted.
    Swept {
        /// Whether more is left.
        more: bool,
    },
    /// How far a file has come.
    File(FileRecord),
    /// A signal waits in these mailboxes.
    Signalled {
        /// Which.
        mailboxes: Vec<MailboxId>,
        /// How many addresses lead nowhere any more.
        dropped: u64,
    },
}

/// An accepted Create, Send or Commit.
#[derive(Clone, PartialEq, Default)]
pub struct Appended {
    /// When it was accepted (the first time).
    pub received: Timestamp,
    /// Every item that was put into a mailbox, in order. Empty for a repeat.
    pub items: Vec<(MailboxId, v1::Item)>,
    /// How many went nowhere since their address leads nowhere any more.
    pub dropped: u64,
    /// Which of the targets of the message these were, by their place among them.
    pub missed: Vec<usize>,
    /// Whether it was accepted before.
    pub repeated: bool,
}

impl Appended {
    /// The answer to an exact repeat.
    pub fn repeat(received: Timestamp) -> Outcome {
        Outcome::Appended(Self {
            received,
            repeated: true,
            ..Self::default()
        })
    }
}

impl Operation {
    /// About how many bytes it holds while it waits.
    pub fn weight(&self) -> usize {
        match self {
            Self::Publish { packages, .. } => packages.iter().map(|one| one.data.len() + 64).sum(),
            Self::Revoke { serials, .. } => serials.len() * 8,
            Self::Create(new) => new.roster.len() + new.welcomes.weight(),
            Self::Send(append) => append.weight(),
            Self::Commit(advance) => {
                advance.append.weight() + advance.next_roster.len() + advance.welcomes.weight()
            }
            Self::Signal(signal) => {
                let copies = signal.copies.iter();
                copies.map(|copy| copy.sealed.len() + 96).sum()
            }
            Self::Report(report) => report.sealed.len() + 512,
            _ => 512,
        }
    }
}

impl Append {
    fn weight(&self) -> usize {
        self.body.len() + self.targets.len() * 64 + 256
    }
}

impl Welcomes {
    fn weight(&self) -> usize {
        let parts: usize = self
            .joiners
            .iter()
            .map(|(_, secrets)| secrets.len() + 64)
            .sum();
        self.group_info.len() + parts
    }
}
