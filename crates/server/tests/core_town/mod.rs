//! A town of people on a server's core: no sockets, a clock that stands still until it is told.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::sync::Arc;

use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::seal::AddressKey;
use keyfold_server::store::Store;
use keyfold_server::{Core, Device, Refusal, Settings};
use keyfold_wire::certificate::{account_id, certificate_input, registration_input, removal_input};
use keyfold_wire::ids::{DeviceId, Sequence, Timestamp};
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, client_frame::Request};
use keyfold_wire::{Message as _, limits};
use sha2::{Digest as _, Sha256};

pub const START: Timestamp = Timestamp(1_780_056_000_000);

/// Runs a story on both stores.
#[macro_export]
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(keyfold_server::store::memory::MemoryStore::new()).await;
            })*
        }
        mod in_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("keyfold.sqlite");
                super::$name(keyfold_server::store::sqlite::SqliteStore::open(&path).unwrap()).await;
            })*
        }
    };
}

pub struct Town<S: Store> {
    pub core: Arc<Core<S, ManualClock>>,
    pub clock: ManualClock,
}

impl<S: Store> Town<S> {
    pub fn new(store: S) -> Self {
        Self::with(store, Settings::default())
    }

    pub fn with(store: S, settings: Settings) -> Self {
        Self::made(store, settings, AddressKey::new(1, &[42; 32]))
    }

    /// Under this address key.
    pub fn under(store: S, key: AddressKey) -> Self {
        Self::made(store, Settings::default(), key)
    }

    fn made(store: S, settings: Settings, key: AddressKey) -> Self {
        let clock = ManualClock::at(START);
        let (core, committer) = Core::new(store, clock.clone(), key, settings);
        tokio::spawn(committer.run());
        Self { core, clock }
    }

    pub async fn person(&self, name: &str) -> Person<S> {
        let papers = Papers::of(name);
        let (device, _) = self.core.register(papers.registration()).await.unwrap();
        let mut person = Person {
            core: self.core.clone(),
            device,
            papers,
            addresses: Vec::new(),
        };
        person.take_addresses(8).await;
        person
    }

    pub async fn ask(&self, request: Request) -> Result<Content, Refusal> {
        ask(&self.core, request).await
    }
}

pub async fn ask<S: Store>(
    core: &Core<S, ManualClock>,
    request: Request,
) -> Result<Content, Refusal> {
    core.anonymous(AnonymousRequest::parse(request)?).await
}

/// Keys of an account with one device; all of them follow from the name.
pub struct Papers {
    pub name: String,
    pub account: SigningKey,
    pub token: [u8; 32],
    pub device: [u8; 16],
}

impl Papers {
    pub fn of(name: &str) -> Self {
        let seed: [u8; 32] = Sha256::digest(name).into();
        Self {
            name: name.to_owned(),
            account: SigningKey::from_bytes(&seed),
            token: Sha256::digest(seed).into(),
            device: seed[..16].try_into().unwrap(),
        }
    }

    pub fn certificate(&self, change: impl FnOnce(&mut v1::DeviceCertificateBody)) -> Bytes {
        let key = self.account.verifying_key().to_bytes();
        let mut body = v1::DeviceCertificateBody {
            account: account_id(&key).to_wire(),
            account_key: Bytes::copy_from_slice(&key),
            handle: self.name.clone(),
            device: Bytes::copy_from_slice(&self.device),
            signature_key: Bytes::copy_from_slice(&key),
            suites: vec![1],
            created_ms: START.0,
            expires_ms: START.0 + 1_000_000_000,
        };
        change(&mut body);
        let body = body.encode_to_vec();
        let signature = self.account.sign(&certificate_input(&body)).to_bytes();
        let certificate = v1::DeviceCertificate {
            body: body.into(),
            signature: Bytes::copy_from_slice(&signature),
        };
        certificate.encode_to_vec().into()
    }

    pub fn registration(&self) -> v1::Register {
        self.registration_with(|_| ())
    }

    pub fn registration_with(&self, change: impl FnOnce(&mut v1::Register)) -> v1::Register {
        let mut register = v1::Register {
            handle: self.name.clone(),
            account_key: Bytes::copy_from_slice(&self.account.verifying_key().to_bytes()),
            recovery_key: Bytes::copy_from_slice(&[5; 32]),
            device_certificate: self.certificate(|_| ()),
            token_hash: Bytes::copy_from_slice(&Sha256::digest(self.token)),
            invitation: String::new(),
            signature: Bytes::new(),
        };
        change(&mut register);
        let signature = self.account.sign(&registration_input(&register)).to_bytes();
        register.signature = Bytes::copy_from_slice(&signature);
        register
    }

    pub fn removal(&self, device: [u8; 16]) -> v1::RemoveDevice {
        let account = account_id(&self.account.verifying_key().to_bytes());
        let signed = removal_input(&account, &DeviceId::new(device));
        v1::RemoveDevice {
            device: Bytes::copy_from_slice(&device),
            signature: Bytes::copy_from_slice(&self.account.sign(&signed).to_bytes()),
        }
    }

    pub fn hello(&self, after: u64) -> v1::Hello {
        v1::Hello {
            token: Bytes::copy_from_slice(&self.token),
            after,
        }
    }
}

pub struct Person<S: Store> {
    pub core: Arc<Core<S, ManualClock>>,
    pub device: Device,
    pub papers: Papers,
    pub addresses: Vec<v1::Address>,
}

impl<S: Store> Person<S> {
    pub async fn ask(&self, request: Request) -> Result<Content, Refusal> {
        let request = DeviceRequest::parse(request)?;
        self.core.device_request(&self.device, request).await
    }

    pub async fn take_addresses(&mut self, count: u32) {
        let taken = self
            .ask(Request::TakeAddresses(v1::TakeAddresses { count }))
            .await;
        let Content::Addresses(addresses) = taken.unwrap() else {
            panic!("no addresses")
        };
        self.addresses.extend(addresses.addresses);
    }

    pub fn address(&self, index: usize) -> Bytes {
        self.addresses[index].address.clone()
    }

    pub fn listens(&self, after: u64) -> Feed<S, ManualClock> {
        self.core.subscribe(&self.device, Sequence(after))
    }

    /// Texts of all that waits.
    pub async fn reads(&self) -> Vec<String> {
        let items = all_of(&mut self.listens(0)).await;
        items.iter().map(text).collect()
    }

    /// Sequences of all that waits.
    pub async fn sequences(&self) -> Vec<u64> {
        let items = all_of(&mut self.listens(0)).await;
        items.iter().map(|item| item.sequence).collect()
    }

    pub async fn publishes(&self, packages: &[(u8, bool)]) -> Result<Content, Refusal> {
        self.has_published(packages, false).await
    }

    /// In place of all that it has at the server.
    pub async fn replaces(&self, packages: &[(u8, bool)]) -> Result<Content, Refusal> {
        self.has_published(packages, true).await
    }

    async fn has_published(
        &self,
        packages: &[(u8, bool)],
        replace: bool,
    ) -> Result<Content, Refusal> {
        let key_packages = packages.iter().map(|(number, last_resort)| v1::KeyPackage {
            suite: 1,
            data: vec![*number; 40].into(),
            last_resort: *last_resort,
        });
        self.ask(Request::PublishKeyPackages(v1::PublishKeyPackages {
            key_packages: key_packages.collect(),
            replace,
        }))
        .await
    }
}

/// Everything until the feed says that it has caught up.
pub async fn all_of<S: Store>(feed: &mut Feed<S, ManualClock>) -> Vec<v1::Item> {
    let mut items = Vec::new();
    loop {
        let Content::Deliveries(deliveries) = feed.next().await.unwrap() else {
            continue;
        };
        assert!(deliveries.items.len() <= limits::MAX_ITEMS_PER_PUSH);
        items.extend(deliveries.items);
        if deliveries.caught_up {
            return items;
        }
    }
}

pub fn text(item: &v1::Item) -> String {
    match item.content.as_ref().unwrap() {
        v1::item::Content::Message(message) => String::from_utf8_lossy(&message.body).into(),
        v1::item::Content::Welcome(welcome) => {
            format!("welcome {}", String::from_utf8_lossy(&welcome.secrets))
        }
    }
}

/// A conversation as its members know it.
#[derive(Clone)]
pub struct Group {
    pub handle: Bytes,
    pub epoch: u64,
    pub roster: Vec<Bytes>,
}

impl Group {
    pub async fn of<S: Store>(name: &str, members: &[&Person<S>]) -> Self {
        let handle: [u8; 32] = Sha256::digest(name).into();
        let group = Self {
            handle: Bytes::copy_from_slice(&handle),
            epoch: 1,
            roster: members.iter().map(|member| member.address(0)).collect(),
        };
        let created = ask(&members[0].core, Request::Create(group.create(name))).await;
        assert!(matches!(created, Ok(Content::Accepted(_))));
        group
    }

    pub fn key(&self, epoch: u64) -> Bytes {
        let key: [u8; 32] =
            Sha256::digest([&self.handle[..], &epoch.to_be_bytes()].concat()).into();
        Bytes::copy_from_slice(&key)
    }

    pub fn create(&self, id: &str) -> v1::Create {
        v1::Create {
            handle: self.handle.clone(),
            epoch: self.epoch,
            roster: self.roster.clone(),
            roster_key: self.key(self.epoch),
            message_id: message_id(id),
            welcomes: Vec::new(),
            group_info: Bytes::new(),
        }
    }

    /// A message whose id and body follow from the text.
    pub fn send(&self, text: &str) -> v1::Send {
        v1::Send {
            handle: self.handle.clone(),
            epoch: self.epoch,
            roster_key: self.key(self.epoch),
            message_id: message_id(text),
            body: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    pub fn commit(&self, text: &str, next_roster: &[Bytes]) -> v1::Commit {
        v1::Commit {
            handle: self.handle.clone(),
            epoch: self.epoch,
            roster_key: self.key(self.epoch),
            message_id: message_id(text),
            body: Bytes::copy_from_slice(text.as_bytes()),
            next_roster: next_roster.to_vec(),
            next_roster_key: self.key(self.epoch + 1),
            welcomes: Vec::new(),
            group_info: Bytes::new(),
            removes: false,
        }
    }

    pub async fn says<S: Store>(&self, town: &Town<S>, text: &str) -> Result<u64, Refusal> {
        received(town.ask(Request::Send(self.send(text))).await)
    }

    /// Commits, and follows when it is accepted.
    pub async fn commits<S: Store>(
        &mut self,
        town: &Town<S>,
        commit: v1::Commit,
    ) -> Result<u64, Refusal> {
        let roster = commit.next_roster.clone();
        let received = received(town.ask(Request::Commit(commit)).await)?;
        self.epoch += 1;
        self.roster = roster;
        Ok(received)
    }
}

pub fn received(content: Result<Content, Refusal>) -> Result<u64, Refusal> {
    match content? {
        Content::Accepted(accepted) => Ok(accepted.received_ms),
        _ => panic!("not the answer to a conversation's request"),
    }
}

pub fn message_id(text: &str) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(text)[..16])
}
