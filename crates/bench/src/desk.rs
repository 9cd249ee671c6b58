//! What engines need of a server, inside this process and without its cost: a directory, addresses, mailboxes.
//!
//! It checks nothing and forgets nothing; the real server is measured elsewhere.

use std::collections::{BTreeMap, HashMap, VecDeque};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use keyfold_protocol::group::CheckedKeyPackage;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::roster::RosterKey;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, roster, v1};

use crate::bare::{NOW, told};

/// Somebody at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Who(pub(crate) u32);

/// What the directory knows of an account with one device.
struct Listed {
    account: v1::Account,
    device: Bytes,
    packages: HashMap<u32, VecDeque<Bytes>>,
}

/// The desk.
#[derive(Default)]
pub(crate) struct Desk {
    listed: Vec<Listed>,
    by_handle: HashMap<String, usize>,
    by_account: HashMap<Bytes, usize>,
    owners: HashMap<Who, usize>,
    mailboxes: BTreeMap<Who, Vec<v1::Item>>,
    sequence: u64,
    serial: u64,
    /// The addresses of the one conversation in leaf order.
    pub(crate) roster: Vec<Bytes>,
    pub(crate) epoch: u64,
    /// Every joiner's part of the last Welcome, and the part that they share.
    pub(crate) welcomes: HashMap<Who, Bytes>,
    pub(crate) group_info: Bytes,
    /// The encoded length of the last request of each kind.
    pub(crate) request_bytes: HashMap<&'static str, usize>,
}

/// An address of somebody: as long as the server's.
pub(crate) fn address(who: Who, serial: u64) -> Bytes {
    let mut address = vec![0; 56];
    for (place, byte) in address
        .iter_mut()
        .zip(who.0.to_be_bytes().into_iter().chain(serial.to_be_bytes()))
    {
        *place = byte;
    }
    address.into()
}

/// Whose an address is, and its serial.
pub(crate) fn owner(address: &[u8]) -> Result<(Who, u64)> {
    let (who, rest) = address.split_first_chunk().context("a short address")?;
    let serial = rest.first_chunk().context("a short address")?;
    Ok((Who(u32::from_be_bytes(*who)), u64::from_be_bytes(*serial)))
}

impl Desk {
    /// Lists somebody by their certificate.
    pub(crate) fn list(&mut self, who: Who, certificate: &[u8]) -> Result<()> {
        let read = told(Certificate::verify(certificate))?;
        let place = self.listed.len();
        self.by_handle.insert(read.handle.clone(), place);
        self.by_account.insert(read.account.to_wire(), place);
        self.owners.insert(who, place);
        self.listed.push(Listed {
            account: v1::Account {
                account: read.account.to_wire(),
                handle: read.handle,
                account_key: read.account_key.to_vec().into(),
                device_certificates: vec![certificate.to_vec().into()],
            },
            device: read.device.to_wire(),
            packages: HashMap::new(),
        });
        Ok(())
    }

    /// Puts a key package of somebody into the directory.
    pub(crate) fn publish(&mut self, who: Who, suite: u32, package: Bytes) -> Result<()> {
        let place = *self.owners.get(&who).context("not listed")?;
        let listed = self.listed.get_mut(place).context("not listed")?;
        listed.packages.entry(suite).or_default().push_back(package);
        Ok(())
    }

    /// What waits for somebody.
    pub(crate) fn take(&mut self, who: Who) -> Vec<v1::Item> {
        self.mailboxes.remove(&who).unwrap_or_default()
    }

    /// An item for somebody, in its place.
    pub(crate) fn item(&mut self, address: &[u8], content: v1::item::Content) -> Result<v1::Item> {
        let (_, serial) = owner(address)?;
        self.sequence += 1;
        Ok(v1::Item {
            sequence: self.sequence,
            serial,
            received_ms: NOW.0,
            content: Some(content),
        })
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, who: Who, request: Request) -> Result<Content> {
        let length = |message: &Request| {
            let frame = v1::ClientFrame {
                id: 1,
                request: Some(message.clone()),
            };
            frame.encoded_len()
        };
        match request {
            Request::TakeAddresses(take) => Ok(self.addresses(who, take.count)),
            Request::PublishKeyPackages(publish) => {
                for package in publish.key_packages {
                    self.publish(who, package.suite, package.data)?;
                }
                Ok(Content::Done(v1::Done::default()))
            }
            Request::Lookup(lookup) => self.look_up(&lookup),
            Request::FetchKeyPackages(fetch) => self.fetch(&fetch),
            Request::Create(ref create) => {
                self.request_bytes.insert("create", length(&request));
                self.roster.clone_from(&create.roster);
                self.epoch = create.epoch;
                let (welcomes, shared) = (create.welcomes.clone(), create.group_info.clone());
                self.welcome(welcomes, shared)?;
                Ok(accepted())
            }
            Request::Send(ref send) => {
                self.request_bytes.insert("send", length(&request));
                self.append(&v1::Message {
                    message_id: send.message_id.clone(),
                    epoch: send.epoch,
                    body: send.body.clone(),
                    commit: None,
                })?;
                Ok(accepted())
            }
            Request::Commit(ref commit) => {
                self.request_bytes.insert("commit", length(&request));
                self.commit(commit.clone())?;
                Ok(accepted())
            }
            // What a member hears of others beside their messages is measured nowhere.
            Request::RevokeAddresses(_) | Request::Signal(_) => {
                Ok(Content::Done(v1::Done::default()))
            }
            _ => bail!("the desk does not know this request"),
        }
    }

    fn addresses(&mut self, who: Who, count: u32) -> Content {
        let addresses = (0..count).map(|_| {
            self.serial += 1;
            v1::Address {
                serial: self.serial,
                address: address(who, self.serial),
            }
        });
        Content::Addresses(v1::Addresses {
            addresses: addresses.collect(),
        })
    }

    fn look_up(&self, lookup: &v1::Lookup) -> Result<Content> {
        let place = match lookup.by.as_ref().context("whom?")? {
            v1::lookup::By::Handle(handle) => self.by_handle.get(handle),
            v1::lookup::By::Account(account) => self.by_account.get(account),
        };
        let place = *place.context("nobody of that name")?;
        let listed = self.listed.get(place).context("not listed")?;
        Ok(Content::Account(listed.account.clone()))
    }

    fn fetch(&mut self, fetch: &v1::FetchKeyPackages) -> Result<Content> {
        let place = *self.by_account.get(&fetch.account).context("nobody")?;
        let listed = self.listed.get_mut(place).context("not listed")?;
        let package = listed.packages.get_mut(&fetch.suite);
        let package = package.and_then(VecDeque::pop_front).unwrap_or_default();
        Ok(Content::KeyPackages(v1::KeyPackages {
            devices: vec![v1::DeviceKeyPackage {
                device: listed.device.clone(),
                key_package: package,
                last_resort: false,
            }],
        }))
    }

    fn welcome(&mut self, welcomes: Vec<v1::WelcomeItem>, group_info: Bytes) -> Result<()> {
        for welcome in welcomes {
            let (who, _) = owner(&welcome.address)?;
            self.welcomes.insert(who, welcome.secrets.clone());
            let content = v1::item::Content::Welcome(v1::Welcome {
                secrets: welcome.secrets,
                group_info: group_info.clone(),
            });
            let item = self.item(&welcome.address, content)?;
            self.mailboxes.entry(who).or_default().push(item);
        }
        self.group_info = group_info;
        Ok(())
    }

    fn append(&mut self, message: &v1::Message) -> Result<()> {
        for address in self.roster.clone() {
            let (who, _) = owner(&address)?;
            let item = self.item(&address, v1::item::Content::Message(message.clone()))?;
            self.mailboxes.entry(who).or_default().push(item);
        }
        Ok(())
    }

    fn commit(&mut self, commit: v1::Commit) -> Result<()> {
        let key = told(RosterKey::try_from(&*commit.next_roster_key))?;
        self.append(&v1::Message {
            message_id: commit.message_id,
            epoch: commit.epoch,
            body: commit.body,
            commit: Some(v1::CommitCheck {
                roster_hash: roster::hash(&commit.next_roster).to_vec().into(),
                roster_key_hash: roster::key_hash(&key).to_vec().into(),
            }),
        })?;
        self.roster = commit.next_roster;
        self.epoch = commit.epoch + 1;
        self.welcome(commit.welcomes, commit.group_info)
    }

    /// Whether the directory's key packages read: a mistake in this benchmark would show late.
    pub(crate) fn check(package: &[u8]) -> Result<()> {
        let crypto = keyfold_protocol::group::Crypto::default();
        told(CheckedKeyPackage::check(&crypto, package, NOW)).map(drop)
    }
}

fn accepted() -> Content {
    Content::Accepted(v1::Accepted {
        received_ms: NOW.0,
        ..v1::Accepted::default()
    })
}
