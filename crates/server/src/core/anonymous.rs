//! Requests of nobody: the directory's answers, and everything on conversations.
//!
//! A roster is opened here, in memory, for the one request that brings its key, and forgotten with it.

use std::collections::HashSet;

use bytes::Bytes;
use keyfold_wire::ids::{Epoch, Timestamp};
use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1::Accepted;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{limits, v1};
use sha2::{Digest as _, Sha256};

use super::lane::{Subject, Turn};
use super::{Core, Lane};
use crate::clock::Clock;
use crate::directory::Handle;
use crate::refusal::Refusal;
use crate::request::{AnonymousRequest, Commit, Create, Grace, Probe, Send, WelcomeItem};
use crate::seal::{self, Target};
use crate::store::operation::{Advance, Append, NewConversation, Welcomes};
use crate::store::{Account, ConversationKey, OnceKey, Operation, Outcome, Store};

/// An opened roster.
pub(super) struct Roster {
    pub(super) targets: Vec<Target>,
    /// Whether there are addresses under a former key of the server, which lead nowhere.
    strange: bool,
}

impl<S: Store, C: Clock> Core<S, C> {
    /// A request of somebody who has shown nothing but what is in it.
    ///
    /// # Errors
    /// Whatever the request can meet.
    pub async fn anonymous(&self, request: AnonymousRequest) -> Result<Content, Refusal> {
        self.anonymous_in(&Lane::default(), request).await
    }

    /// The same for one of many requests of a socket: those of one lane that append to one conversation are carried out in the
    /// order in which they are first polled. Where one is put off, so are those behind it, until it has come again.
    ///
    /// # Errors
    /// Whatever the request can meet.
    pub async fn anonymous_in(
        &self,
        lane: &Lane,
        request: AnonymousRequest,
    ) -> Result<Content, Refusal> {
        match request {
            AnonymousRequest::Send(send) => {
                let mut turn = lane.turn(Subject::from(&send)).await;
                let outcome = self.send(&mut turn, send).await;
                turn.over(&outcome, self.clock.now());
                outcome.map(Content::Accepted)
            }
            AnonymousRequest::Commit(commit) => {
                let mut turn = lane.turn(Subject::from(&commit)).await;
                let outcome = self.commit(&mut turn, commit).await;
                turn.over(&outcome, self.clock.now());
                outcome.map(Content::Accepted)
            }
            AnonymousRequest::Create(create) => self.create(create).await.map(Content::Accepted),
            AnonymousRequest::Probe(probe) => self.probe(&probe).await,
            AnonymousRequest::Signal(signal) => self.signal(&signal).await,
            AnonymousRequest::LookupHandle(typed) => {
                let handle = Handle::parse(&typed).map_err(|_| Refusal::NotFound)?;
                found(self.store.account_by_handle(handle.normal()).await?)
            }
            AnonymousRequest::LookupAccount(account) => found(self.store.account(account).await?),
            AnonymousRequest::FetchKeyPackages { account, suite } => {
                let fetch = Operation::FetchKeyPackages {
                    account,
                    suite,
                    vouched: self.vouched.clone(),
                };
                match self.store(fetch).await? {
                    Outcome::KeyPackages { devices, .. } => {
                        Ok(Content::KeyPackages(v1::KeyPackages { devices }))
                    }
                    _ => Err(Refusal::Unavailable),
                }
            }
        }
    }

    /// For a request of a lane that is refused before it came to the core, e.g. since there are too many: those behind it wait for
    /// it as if the core had. Gives the refusal.
    pub async fn refused_in(
        &self,
        lane: &Lane,
        request: &AnonymousRequest,
        refusal: Refusal,
    ) -> Refusal {
        if let Some(subject) = Subject::of(request) {
            let turn = lane.turn(subject).await;
            turn.over(&Err::<(), _>(refusal), self.clock.now());
        }
        refusal
    }

    async fn send(&self, turn: &mut Turn<'_>, send: Send) -> Result<Accepted, Refusal> {
        turn.may_go(self.clock.now())?;
        let key = ConversationKey::of(&send.handle);
        let once = OnceKey::new(&send.handle, &send.message_id, send.digest());
        let conversation = self
            .store
            .conversation(key)
            .await?
            .ok_or(Refusal::NotFound)?;
        let sealed = match conversation.roster_for_send(send.epoch, self.clock.now()) {
            Ok(sealed) => sealed,
            Err(refusal) => return self.repeat_or(key, once, refusal).await,
        };
        let Roster { targets, strange } = self.open(&send.roster_key, sealed)?;
        let append = Append {
            key,
            conversation: conversation.id,
            once,
            epoch: send.epoch,
            message_id: send.message_id,
            body: send.body,
            targets,
        };
        let outcome = self
            .store_in_turn(turn, Operation::Send(Box::new(append)))
            .await?;
        self.accepted(outcome, strange, &send.roster_key, sealed)
    }

    async fn commit(&self, turn: &mut Turn<'_>, commit: Commit) -> Result<Accepted, Refusal> {
        turn.may_go(self.clock.now())?;
        let key = ConversationKey::of(&commit.handle);
        let once = OnceKey::new(&commit.handle, &commit.message_id, commit.digest());
        let conversation = self
            .store
            .conversation(key)
            .await?
            .ok_or(Refusal::NotFound)?;
        let sealed = match conversation.roster_for_commit(commit.epoch) {
            Ok(sealed) => sealed,
            Err(refusal) => return self.repeat_or(key, once, refusal).await,
        };
        let Roster { targets, strange } = self.open(&commit.roster_key, sealed)?;
        let next_roster = self.seal(&commit.next_roster_key, &commit.next_roster)?;
        let check = v1::CommitCheck {
            roster_hash: copy(roster::hash(&commit.next_roster)),
            roster_key_hash: copy(roster::key_hash(&commit.next_roster_key)),
        };
        let advance = Advance {
            append: Append {
                key,
                conversation: conversation.id,
                once,
                epoch: commit.epoch,
                message_id: commit.message_id,
                body: commit.body,
                targets,
            },
            check,
            next_roster,
            welcomes: self.welcomes(commit.welcomes, commit.group_info)?,
            grace: commit.grace,
        };
        let outcome = self
            .store_in_turn(turn, Operation::Commit(Box::new(advance)))
            .await?;
        self.accepted(outcome, strange, &commit.roster_key, sealed)
    }

    async fn probe(&self, probe: &Probe) -> Result<Content, Refusal> {
        let key = ConversationKey::of(&probe.handle);
        let conversation = self
            .store
            .conversation(key)
            .await?
            .ok_or(Refusal::NotFound)?;
        let sealed = conversation.roster_for_commit(probe.epoch)?;
        self.open(&probe.roster_key, sealed)?;
        Ok(self.done())
    }

    async fn create(&self, create: Create) -> Result<Accepted, Refusal> {
        let new = NewConversation {
            key: ConversationKey::of(&create.handle),
            once: OnceKey::new(&create.handle, &create.message_id, create.digest()),
            epoch: create.epoch,
            roster: self.seal(&create.roster_key, &create.roster)?,
            welcomes: self.welcomes(create.welcomes, create.group_info)?,
        };
        match self.store(Operation::Create(Box::new(new))).await? {
            Outcome::Appended(appended) => Ok(accepted(appended.received)),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// The answer to what was put into the mailboxes of a roster, in which there are `strange` addresses or not.
    fn accepted(
        &self,
        outcome: Outcome,
        strange: bool,
        key: &RosterKey,
        sealed: &Bytes,
    ) -> Result<Accepted, Refusal> {
        let Outcome::Appended(appended) = outcome else {
            return Err(Refusal::Unavailable);
        };
        let none = appended.repeated || appended.missed.is_empty() && !strange;
        let unreachable = if none {
            Vec::new()
        } else {
            self.unreachable(key, sealed, &appended.missed)?
        };
        Ok(Accepted {
            unreachable,
            ..accepted(appended.received)
        })
    }

    /// Addresses of a roster that lead nowhere, not too many: under a former key of the server, or those of these targets.
    fn unreachable(
        &self,
        key: &RosterKey,
        sealed: &Bytes,
        missed: &[usize],
    ) -> Result<Vec<Bytes>, Refusal> {
        let (mut found, mut place) = (Vec::new(), 0);
        seal::open_roster(key, sealed, |address| {
            let own = self.key.open(address).is_some();
            // They are in the order of the roster.
            let leads = own && missed.binary_search(&place).is_err();
            place += usize::from(own);
            if !leads {
                found.push(Bytes::copy_from_slice(address));
            }
        })
        .map_err(|_| Refusal::Forbidden)?;
        // Others each time, so that some which nobody can invite again do not hide the rest.
        if found.len() > limits::MAX_UNREACHABLE {
            let number = u64::from_be_bytes(seal::random().map_err(|_| Refusal::Unavailable)?);
            let first = usize::try_from(number % found.len() as u64).unwrap_or(0);
            found.rotate_left(first);
            found.truncate(limits::MAX_UNREACHABLE);
        }
        Ok(found)
    }

    /// An exact repeat gets its first answer, whatever has become of the epoch since.
    async fn repeat_or(
        &self,
        key: ConversationKey,
        once: OnceKey,
        refusal: Refusal,
    ) -> Result<Accepted, Refusal> {
        let received = self.store.accepted(key, once).await?.ok_or(refusal)?;
        Ok(accepted(received))
    }

    pub(super) fn open(&self, key: &RosterKey, sealed: &Bytes) -> Result<Roster, Refusal> {
        let mut roster = Roster {
            targets: Vec::with_capacity(sealed.len() / limits::MAX_ADDRESS + 2),
            strange: false,
        };
        seal::open_roster(key, sealed, |address| match self.key.open(address) {
            Some(target) => roster.targets.push(target),
            None => roster.strange = true,
        })
        .map_err(|_| Refusal::Forbidden)?;
        Ok(roster)
    }

    /// Seals a roster, when each address in it is the server's own and in it once.
    fn seal(&self, key: &RosterKey, addresses: &[Bytes]) -> Result<Bytes, Refusal> {
        let mut targets = HashSet::with_capacity(addresses.len());
        for address in addresses {
            let target = self.key.open(address).ok_or(Refusal::AddressInvalid)?;
            if !targets.insert((target.mailbox, target.serial)) {
                return Err(Refusal::AddressInvalid);
            }
        }
        seal::seal_roster(key, addresses).map_err(|_| Refusal::Unavailable)
    }

    /// Each address once: one request must not make a device fetch the shared part thousands of times.
    fn welcomes(&self, items: Vec<WelcomeItem>, group_info: Bytes) -> Result<Welcomes, Refusal> {
        let mut seen = HashSet::with_capacity(items.len());
        let joiner = |item: WelcomeItem| {
            let target = self
                .key
                .open(&item.address)
                .filter(|target| seen.insert((target.mailbox, target.serial)))
                .ok_or(Refusal::AddressInvalid)?;
            Ok((target, item.secrets))
        };
        let joiners = items.into_iter().map(joiner).collect::<Result<_, _>>()?;
        Ok(Welcomes {
            joiners,
            group_info,
        })
    }
}

fn found(account: Option<Account>) -> Result<Content, Refusal> {
    let account = account.ok_or(Refusal::NotFound)?;
    Ok(Content::Account(v1::Account {
        account: account.id.to_wire(),
        handle: account.handle,
        account_key: copy(account.account_key),
        device_certificates: account.certificates,
    }))
}

fn accepted(received: Timestamp) -> Accepted {
    Accepted {
        received_ms: received.0,
        unreachable: Vec::new(),
    }
}

fn copy(bytes: [u8; 32]) -> Bytes {
    Bytes::copy_from_slice(&bytes)
}

/// Hashes everything in a request, so that a repeat is known from another request with the same id.
struct RequestHash(Sha256);

impl RequestHash {
    fn new(kind: u8, epoch: Epoch) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([kind]);
        hasher.update(epoch.0.to_be_bytes());
        Self(hasher)
    }

    fn part(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    fn addresses(self, addresses: &[Bytes]) -> Self {
        let counted = self.part(&(addresses.len() as u64).to_be_bytes());
        addresses
            .iter()
            .fold(counted, |hash, address| hash.part(address))
    }

    fn welcomes(self, items: &[WelcomeItem]) -> Self {
        let counted = self.part(&(items.len() as u64).to_be_bytes());
        items.iter().fold(counted, |hash, item| {
            hash.part(&item.address).part(&item.secrets)
        })
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Send {
    fn digest(&self) -> [u8; 32] {
        RequestHash::new(1, self.epoch)
            .part(self.roster_key.as_bytes())
            .part(&self.body)
            .finish()
    }
}

impl Commit {
    fn digest(&self) -> [u8; 32] {
        RequestHash::new(2, self.epoch)
            .part(self.roster_key.as_bytes())
            .part(&self.body)
            .part(self.next_roster_key.as_bytes())
            .part(&[u8::from(self.grace == Grace::Granted)])
            .addresses(&self.next_roster)
            .welcomes(&self.welcomes)
            .part(&self.group_info)
            .finish()
    }
}

impl Create {
    fn digest(&self) -> [u8; 32] {
        RequestHash::new(3, self.epoch)
            .part(self.roster_key.as_bytes())
            .addresses(&self.roster)
            .welcomes(&self.welcomes)
            .part(&self.group_info)
            .finish()
    }
}
