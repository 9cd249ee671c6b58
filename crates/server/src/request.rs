//! Requests, parsed at the edge: from protobuf messages to types whose lengths and numbers are within limits.
//!
//! Pure: looks at nothing but the request. What depends on accounts or conversations is the core's.

use bytes::Bytes;
use keyfold_wire::Message as _;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, ConversationHandle, DeviceId, Epoch, MessageId, Serial};
use keyfold_wire::limits;
use keyfold_wire::roster::RosterKey;
use keyfold_wire::v1::{self, client_frame};

use crate::refusal::Refusal;

/// A request on the mailbox socket, after the first frame. Acknowledgements go to [`crate::Core::acknowledge`].
#[derive(Debug)]
pub enum DeviceRequest {
    /// Puts key packages into the directory.
    PublishKeyPackages(PublishKeyPackages),
    /// Fresh delivery addresses.
    TakeAddresses {
        /// How many, at most [`limits::MAX_ADDRESSES_AT_ONCE`].
        count: u32,
    },
    /// Drops what comes in for these from now on.
    RevokeAddresses(Vec<Serial>),
    /// Adds a device to the sender's account.
    AddDevice(Box<AddDevice>),
    /// Removes a device of the sender's account.
    RemoveDevice {
        /// Which.
        device: DeviceId,
        /// By the account key.
        signature: bytes::Bytes,
    },
    /// Gives the sender's device another token.
    ReplaceToken {
        /// SHA-256 of it.
        token_hash: [u8; 32],
    },
    /// Hands something to the operator.
    Report(Box<Report>),
}

/// What a person hands to the operator. Does not print: it holds what people have said.
pub struct Report {
    /// By which it is known again.
    pub id: [u8; 16],
    /// The request within its limits, encoded as the schema of today has it.
    pub encoded: Bytes,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<what was reported>")
    }
}

/// A request on the anonymous socket.
#[derive(Debug)]
pub enum AnonymousRequest {
    /// Who has this handle, as typed?
    LookupHandle(String),
    /// Who is this account?
    LookupAccount(AccountId),
    /// One key package of each device of an account.
    FetchKeyPackages {
        /// Whose.
        account: AccountId,
        /// Of which MLS cipher suite.
        suite: u16,
    },
    /// A new conversation.
    Create(Create),
    /// Appends one body to the roster.
    Send(Send),
    /// Moves a conversation to its next epoch.
    Commit(Commit),
    /// Asks whether a conversation is where its members think.
    Probe(Probe),
    /// Hands a signal on to the roster.
    Signal(Signal),
}

/// Key packages for the directory.
#[derive(Debug)]
pub struct PublishKeyPackages {
    /// At most [`limits::MAX_KEY_PACKAGES_AT_ONCE`].
    pub packages: Vec<KeyPackage>,
    /// Whether all earlier ones of the device are deleted first.
    pub replace: bool,
}

/// A key package, unread: only devices judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPackage {
    /// MLS cipher suite.
    pub suite: u16,
    /// At most [`limits::MAX_KEY_PACKAGE`].
    pub data: Bytes,
    /// Handed out again and again when no other is left.
    pub last_resort: bool,
}

/// A further device of an account.
#[derive(Debug)]
pub struct AddDevice {
    /// Verified.
    pub certificate: Certificate,
    /// Its bytes.
    pub encoded: Bytes,
    /// SHA-256 of the device's token.
    pub token_hash: [u8; 32],
}

/// One joiner's part of a welcome.
#[derive(Debug)]
pub struct WelcomeItem {
    /// Where to.
    pub address: Bytes,
    /// At most [`limits::MAX_WELCOME_SECRETS`].
    pub secrets: Bytes,
}

/// A new conversation at the server.
#[derive(Debug)]
pub struct Create {
    /// Its random handle.
    pub handle: ConversationHandle,
    /// The epoch that it starts at.
    pub epoch: Epoch,
    /// Addresses in leaf order, at least one.
    pub roster: Vec<Bytes>,
    /// Seals the roster at rest.
    pub roster_key: RosterKey,
    /// Of this request.
    pub message_id: MessageId,
    /// To whom the welcomes go.
    pub welcomes: Vec<WelcomeItem>,
    /// Shared by the welcomes.
    pub group_info: Bytes,
}

/// A member's idea of a conversation.
#[derive(Debug)]
pub struct Probe {
    /// Of the conversation.
    pub handle: ConversationHandle,
    /// The member's epoch.
    pub epoch: Epoch,
    /// The epoch's.
    pub roster_key: RosterKey,
}

/// One body for the whole roster.
#[derive(Debug)]
pub struct Send {
    /// Of the conversation.
    pub handle: ConversationHandle,
    /// The epoch in which the body was sealed.
    pub epoch: Epoch,
    /// The epoch's.
    pub roster_key: RosterKey,
    /// Of this request.
    pub message_id: MessageId,
    /// Sealed.
    pub body: Bytes,
}

/// One signal for the whole roster.
#[derive(Debug)]
pub struct Signal {
    /// Of the conversation.
    pub handle: ConversationHandle,
    /// The epoch in which the body was sealed.
    pub epoch: Epoch,
    /// The epoch's.
    pub roster_key: RosterKey,
    /// Whose place it takes.
    pub replace_key: [u8; 32],
    /// Sealed; [`limits::SIGNAL_BODY`] bytes.
    pub body: Bytes,
}

/// From one epoch to the next.
#[derive(Debug)]
pub struct Commit {
    /// Of the conversation.
    pub handle: ConversationHandle,
    /// The epoch that it ends.
    pub epoch: Epoch,
    /// That epoch's.
    pub roster_key: RosterKey,
    /// Of this request.
    pub message_id: MessageId,
    /// Sealed, for the whole old roster.
    pub body: Bytes,
    /// The next epoch's addresses in leaf order, at least one.
    pub next_roster: Vec<Bytes>,
    /// The next epoch's.
    pub next_roster_key: RosterKey,
    /// For those who join.
    pub welcomes: Vec<WelcomeItem>,
    /// Shared by the welcomes.
    pub group_info: Bytes,
    /// What happens to the epoch that ends.
    pub grace: Grace,
}

/// Whether Sends for the epoch that a commit ends are taken for [`limits::EPOCH_GRACE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// They are.
    Granted,
    /// They are not: the commit removes somebody.
    None,
}

type Request = client_frame::Request;

impl DeviceRequest {
    /// Reads a request that came on a mailbox socket.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::TooLarge`], [`Refusal::CertificateInvalid`]; [`Refusal::WrongSocket`] for
    /// an anonymous one, a second first frame, or an acknowledgement.
    pub fn parse(request: Request) -> Result<Self, Refusal> {
        match request {
            Request::PublishKeyPackages(message) => publish(message),
            Request::TakeAddresses(message) => take(message),
            Request::RevokeAddresses(message) => revoke(message),
            Request::AddDevice(message) => add_device(message),
            Request::ReplaceToken(message) => Ok(Self::ReplaceToken {
                token_hash: fixed(&message.token_hash)?,
            }),
            Request::RemoveDevice(message) => Ok(Self::RemoveDevice {
                device: id(&message.device)?,
                signature: message.signature,
            }),
            Request::Report(message) => report(&message),
            _ => Err(Refusal::WrongSocket),
        }
    }
}

impl AnonymousRequest {
    /// Reads a request that came on an anonymous socket.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::TooLarge`]; [`Refusal::WrongSocket`] for one that belongs on the mailbox's.
    pub fn parse(request: Request) -> Result<Self, Refusal> {
        match request {
            Request::Lookup(message) => lookup(message),
            Request::FetchKeyPackages(message) => Ok(Self::FetchKeyPackages {
                account: id(&message.account)?,
                suite: suite(message.suite)?,
            }),
            Request::Create(message) => create(message).map(Self::Create),
            Request::Send(message) => send(message).map(Self::Send),
            Request::Commit(message) => commit(message).map(Self::Commit),
            Request::Probe(message) => Ok(Self::Probe(Probe {
                handle: id(&message.handle)?,
                epoch: Epoch(message.epoch),
                roster_key: id(&message.roster_key)?,
            })),
            Request::Signal(message) => signal(message).map(Self::Signal),
            _ => Err(Refusal::WrongSocket),
        }
    }
}

fn publish(message: v1::PublishKeyPackages) -> Result<DeviceRequest, Refusal> {
    at_most(message.key_packages.len(), limits::MAX_KEY_PACKAGES_AT_ONCE)?;
    let packages = message
        .key_packages
        .into_iter()
        .map(key_package)
        .collect::<Result<_, _>>()?;
    Ok(DeviceRequest::PublishKeyPackages(PublishKeyPackages {
        packages,
        replace: message.replace,
    }))
}

fn key_package(message: v1::KeyPackage) -> Result<KeyPackage, Refusal> {
    let data = filled(message.data, limits::MAX_KEY_PACKAGE)?;
    Ok(KeyPackage {
        suite: suite(message.suite)?,
        data,
        last_resort: message.last_resort,
    })
}

fn take(message: v1::TakeAddresses) -> Result<DeviceRequest, Refusal> {
    at_most(message.count as usize, limits::MAX_ADDRESSES_AT_ONCE)?;
    Ok(DeviceRequest::TakeAddresses {
        count: message.count,
    })
}

fn revoke(message: v1::RevokeAddresses) -> Result<DeviceRequest, Refusal> {
    at_most(message.serials.len(), limits::MAX_REVOKED_AT_ONCE)?;
    Ok(DeviceRequest::RevokeAddresses(
        message.serials.into_iter().map(Serial).collect(),
    ))
}

fn add_device(message: v1::AddDevice) -> Result<DeviceRequest, Refusal> {
    let encoded = message.device_certificate;
    let certificate = Certificate::verify(&encoded).map_err(|_| Refusal::CertificateInvalid)?;
    let token_hash = fixed(&message.token_hash)?;
    Ok(DeviceRequest::AddDevice(Box::new(AddDevice {
        certificate,
        encoded,
        token_hash,
    })))
}

fn report(message: &v1::Report) -> Result<DeviceRequest, Refusal> {
    at_most(message.messages.len(), limits::MAX_REPORTED)?;
    at_most(message.about.len(), limits::MAX_REPORT_ABOUT)?;
    at_most(message.encoded_len(), limits::MAX_REPORT)?;
    let _account: AccountId = id(&message.account)?;
    for one in &message.messages {
        let _sender: AccountId = id(&one.sender)?;
    }
    let id = <[u8; 16]>::try_from(&*message.id).map_err(|_| Refusal::Malformed)?;
    Ok(DeviceRequest::Report(Box::new(Report {
        id,
        encoded: message.encode_to_vec().into(),
    })))
}

fn lookup(message: v1::Lookup) -> Result<AnonymousRequest, Refusal> {
    match message.by.ok_or(Refusal::Malformed)? {
        v1::lookup::By::Handle(handle) => {
            at_most(handle.len(), limits::MAX_HANDLE)?;
            Ok(AnonymousRequest::LookupHandle(handle))
        }
        v1::lookup::By::Account(account) => Ok(AnonymousRequest::LookupAccount(id(&account)?)),
    }
}

fn create(message: v1::Create) -> Result<Create, Refusal> {
    Ok(Create {
        handle: id(&message.handle)?,
        epoch: Epoch(message.epoch),
        roster: roster(message.roster)?,
        roster_key: id(&message.roster_key)?,
        message_id: id(&message.message_id)?,
        group_info: group_info(message.group_info, &message.welcomes)?,
        welcomes: welcomes(message.welcomes)?,
    })
}

fn send(message: v1::Send) -> Result<Send, Refusal> {
    Ok(Send {
        handle: id(&message.handle)?,
        epoch: Epoch(message.epoch),
        roster_key: id(&message.roster_key)?,
        message_id: id(&message.message_id)?,
        body: filled(message.body, limits::MAX_SEND_BODY)?,
    })
}

/// A body of another size would tell its kind from the others: it is refused.
fn signal(message: v1::Signal) -> Result<Signal, Refusal> {
    at_most(message.body.len(), limits::SIGNAL_BODY)?;
    if message.body.len() != limits::SIGNAL_BODY {
        return Err(Refusal::Malformed);
    }
    Ok(Signal {
        handle: id(&message.handle)?,
        epoch: Epoch(message.epoch),
        roster_key: id(&message.roster_key)?,
        replace_key: fixed(&message.replace_key)?,
        body: message.body,
    })
}

fn commit(message: v1::Commit) -> Result<Commit, Refusal> {
    if message.epoch == u64::MAX {
        return Err(Refusal::Malformed);
    }
    Ok(Commit {
        handle: id(&message.handle)?,
        epoch: Epoch(message.epoch),
        roster_key: id(&message.roster_key)?,
        message_id: id(&message.message_id)?,
        body: filled(message.body, limits::MAX_COMMIT_BODY)?,
        next_roster: roster(message.next_roster)?,
        next_roster_key: id(&message.next_roster_key)?,
        group_info: group_info(message.group_info, &message.welcomes)?,
        welcomes: welcomes(message.welcomes)?,
        grace: if message.removes {
            Grace::None
        } else {
            Grace::Granted
        },
    })
}

fn roster(addresses: Vec<Bytes>) -> Result<Vec<Bytes>, Refusal> {
    at_most(addresses.len(), limits::MAX_ROSTER)?;
    if addresses.is_empty() {
        return Err(Refusal::Malformed);
    }
    addresses
        .into_iter()
        .map(|address| filled(address, limits::MAX_ADDRESS))
        .collect()
}

fn welcomes(items: Vec<v1::WelcomeItem>) -> Result<Vec<WelcomeItem>, Refusal> {
    at_most(items.len(), limits::MAX_ROSTER)?;
    let item = |item: v1::WelcomeItem| {
        Ok(WelcomeItem {
            address: filled(item.address, limits::MAX_ADDRESS)?,
            secrets: filled(item.secrets, limits::MAX_WELCOME_SECRETS)?,
        })
    };
    items.into_iter().map(item).collect()
}

/// There is a shared part exactly when there is somebody to share it.
fn group_info(bytes: Bytes, welcomes: &[v1::WelcomeItem]) -> Result<Bytes, Refusal> {
    at_most(bytes.len(), limits::MAX_GROUP_INFO)?;
    if bytes.is_empty() == welcomes.is_empty() {
        Ok(bytes)
    } else {
        Err(Refusal::Malformed)
    }
}

fn suite(number: u32) -> Result<u16, Refusal> {
    u16::try_from(number).map_err(|_| Refusal::Malformed)
}

fn filled(bytes: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    at_most(bytes.len(), limit)?;
    if bytes.is_empty() {
        Err(Refusal::Malformed)
    } else {
        Ok(bytes)
    }
}

fn at_most(size: usize, limit: usize) -> Result<(), Refusal> {
    if size > limit {
        Err(Refusal::TooLarge)
    } else {
        Ok(())
    }
}

fn id<'a, T: TryFrom<&'a [u8]>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    T::try_from(bytes).map_err(|_| Refusal::Malformed)
}

fn fixed(bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| Refusal::Malformed)
}
