//! Accounts, devices and key packages in memory.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use keyfold_wire::ids::{AccountId, DeviceId, MailboxId, Serial, Timestamp};
use keyfold_wire::{limits, v1};

use super::super::operation::{Admission, NewAccount, NewDevice};
use super::super::record::{Account, day, next_number};
use super::super::{Answer, Outcome};
use super::{AccountRow, Mailbox, Package, State};
use crate::core::{Device, Vouched};
use crate::refusal::Refusal;
use crate::request::KeyPackage;

impl State {
    pub(super) fn register(&mut self, new: NewAccount) -> Answer {
        if let Some(row) = self.accounts.get(&new.account) {
            return self.registered_before(row, &new);
        }
        match new.admission {
            Admission::Refused(refusal) => return Err(refusal),
            Admission::Invited(code) if !self.invitations.contains(&code) => {
                return Err(Refusal::InvitationInvalid);
            }
            Admission::Free | Admission::Invited(_) => {}
        }
        if self.skeletons.contains(new.handle.skeleton()) {
            return Err(Refusal::HandleTaken);
        }
        if self.tokens.contains_key(&new.device.token_hash) {
            return Err(Refusal::Conflict);
        }
        if let Admission::Invited(code) = new.admission {
            self.invitations.remove(&code);
        }
        self.handles
            .insert(new.handle.normal().to_owned(), new.account);
        self.skeletons.insert(new.handle.skeleton().to_owned());
        let account = Account {
            id: new.account,
            handle: new.handle.normal().to_owned(),
            account_key: new.account_key,
            recovery_key: new.recovery_key,
            certificates: Vec::new(),
        };
        let row = AccountRow {
            account,
            digest: new.digest,
            first_token: new.device.token_hash,
            devices: Vec::new(),
        };
        self.accounts.insert(new.account, row);
        Ok(Outcome::Device(self.insert_device(new.account, new.device)))
    }

    fn registered_before(&self, row: &AccountRow, new: &NewAccount) -> Answer {
        if row.digest != new.digest {
            return Err(Refusal::Conflict);
        }
        let holder = self
            .device(&row.first_token)
            .ok_or(Refusal::Unauthenticated)?;
        new.recognise(holder)
    }

    pub(super) fn device(&self, token_hash: &[u8; 32]) -> Option<Device> {
        let mailbox = *self.tokens.get(token_hash)?;
        let row = self.mailboxes.get(&mailbox)?;
        Some(Device {
            account: row.account,
            id: row.device,
            mailbox,
        })
    }

    fn insert_device(&mut self, account: AccountId, device: NewDevice) -> Device {
        let mailbox = device.mailbox;
        self.tokens.insert(device.token_hash, mailbox);
        if let Some(row) = self.accounts.get_mut(&account) {
            row.devices.push(mailbox);
        }
        let id = device.id;
        let row = Mailbox {
            account,
            device: id,
            certificate: device.certificate,
            token_hash: device.token_hash,
            packages: Vec::new(),
            given: 0,
            revoked: BTreeSet::new(),
            acknowledged: 0,
            newest: 0,
            expired: 0,
            signals: super::signals::Waiting::default(),
            items: BTreeMap::new(),
        };
        self.mailboxes.insert(mailbox, row);
        Device {
            account,
            id,
            mailbox,
        }
    }

    fn find_device(&self, account: AccountId, device: DeviceId) -> Option<MailboxId> {
        let devices = &self.accounts.get(&account)?.devices;
        let is_it = |mailbox: &&MailboxId| {
            self.mailboxes
                .get(mailbox)
                .is_some_and(|row| row.device == device)
        };
        devices.iter().find(is_it).copied()
    }

    pub(super) fn add_device(&mut self, account: AccountId, device: NewDevice) -> Answer {
        let devices = self
            .accounts
            .get(&account)
            .ok_or(Refusal::Unauthenticated)?
            .devices
            .len();
        if let Some(mailbox) = self.find_device(account, device.id) {
            let is_same = self.mailboxes.get(&mailbox).is_some_and(|row| {
                row.certificate == device.certificate && row.token_hash == device.token_hash
            });
            return if is_same {
                Ok(Outcome::Done)
            } else {
                Err(Refusal::Conflict)
            };
        }
        if self.tokens.contains_key(&device.token_hash) {
            return Err(Refusal::Conflict);
        }
        if devices >= limits::MAX_DEVICES {
            return Err(Refusal::TooManyDevices);
        }
        self.insert_device(account, device);
        Ok(Outcome::Done)
    }

    pub(super) fn renew_certificate(
        &mut self,
        account: AccountId,
        device: DeviceId,
        former: &Bytes,
        certificate: Bytes,
    ) -> Answer {
        let mailbox = self.find_device(account, device);
        let row = mailbox.and_then(|mailbox| self.mailboxes.get_mut(&mailbox));
        let row = row.ok_or(Refusal::NotFound)?;
        if row.certificate != certificate && row.certificate != *former {
            return Err(Refusal::Conflict);
        }
        row.certificate = certificate;
        Ok(Outcome::Done)
    }

    pub(super) fn remove_device(&mut self, account: AccountId, device: DeviceId) -> Outcome {
        let Some(mailbox) = self.find_device(account, device) else {
            return Outcome::Removed(None);
        };
        if let Some(row) = self.mailboxes.remove(&mailbox) {
            self.tokens.remove(&row.token_hash);
        }
        if let Some(row) = self.accounts.get_mut(&account) {
            row.devices.retain(|one| *one != mailbox);
        }
        Outcome::Removed(Some(mailbox))
    }

    pub(super) fn replace_token(&mut self, mailbox: MailboxId, token_hash: [u8; 32]) -> Answer {
        let holder = self.tokens.get(&token_hash).copied();
        let row = self.mailbox_mut(mailbox)?;
        match holder {
            Some(holder) if holder == mailbox => return Ok(Outcome::Done),
            Some(_) => return Err(Refusal::Conflict),
            None => {}
        }
        let former = std::mem::replace(&mut row.token_hash, token_hash);
        self.tokens.remove(&former);
        self.tokens.insert(token_hash, mailbox);
        Ok(Outcome::Done)
    }

    fn mailbox_mut(&mut self, mailbox: MailboxId) -> Result<&mut Mailbox, Refusal> {
        self.mailboxes
            .get_mut(&mailbox)
            .ok_or(Refusal::Unauthenticated)
    }

    pub(super) fn publish(
        &mut self,
        mailbox: MailboxId,
        packages: Vec<KeyPackage>,
        replace: bool,
    ) -> Answer {
        let mailbox = self.mailbox_mut(mailbox)?;
        let mut kept: Vec<_> = mailbox
            .packages
            .iter()
            .map(|one| (one.content.clone(), one.spent))
            .collect();
        if replace {
            kept.retain(|(_, spent)| spent.is_some());
        }
        for package in packages {
            if kept.iter().any(|(one, _)| one.data == package.data) {
                continue;
            }
            if package.last_resort {
                kept.retain(|(one, spent)| {
                    spent.is_some() || !one.last_resort || one.suite != package.suite
                });
            }
            kept.push((package, None));
        }
        let packages: Vec<_> = kept
            .into_iter()
            .map(|(content, spent)| Package { content, spent })
            .collect();
        if supply(&packages)
            .suites
            .iter()
            .any(|one| one.one_time as usize > limits::MAX_ONE_TIME_KEY_PACKAGES)
        {
            return Err(Refusal::TooLarge);
        }
        mailbox.packages = packages;
        Ok(Outcome::Done)
    }

    pub(super) fn fetch(
        &mut self,
        account: AccountId,
        suite: u16,
        vouched: &Vouched,
        now: Timestamp,
    ) -> Answer {
        let mailboxes = self
            .accounts
            .get(&account)
            .ok_or(Refusal::NotFound)?
            .devices
            .clone();
        let mut devices = Vec::new();
        let mut low = Vec::new();
        for mailbox in mailboxes {
            let Some(row) = self.mailboxes.get_mut(&mailbox) else {
                continue;
            };
            let (handed, is_low) = row.hand_out(suite, vouched.has(mailbox), now);
            devices.push(handed);
            if is_low {
                low.push((mailbox, row.supply()));
            }
        }
        Ok(Outcome::KeyPackages { devices, low })
    }

    pub(super) fn take_serials(
        &mut self,
        mailbox: MailboxId,
        count: u32,
        now: Timestamp,
    ) -> Answer {
        let mailbox = self.mailbox_mut(mailbox)?;
        let first = next_number(mailbox.given, now);
        mailbox.given = first - 1 + u64::from(count);
        Ok(Outcome::Serials(Serial(first)))
    }

    pub(super) fn revoke(
        &mut self,
        mailbox: MailboxId,
        serials: &[Serial],
        now: Timestamp,
    ) -> Answer {
        let mailbox = self.mailbox_mut(mailbox)?;
        let next = next_number(mailbox.given, now);
        mailbox
            .revoked
            .extend(serials.iter().map(|one| one.0).filter(|one| *one < next));
        Ok(Outcome::Done)
    }
}

impl Mailbox {
    /// The highest sequence up to a position that it has given.
    pub(super) fn known(&self, position: u64) -> u64 {
        let last = self.items.range(..=position).next_back();
        let last = last.map_or(0, |(sequence, _)| *sequence);
        last.max(self.acknowledged).max(self.expired).min(position)
    }

    pub(super) fn supply(&self) -> v1::Supply {
        supply(&self.packages)
    }

    /// The oldest one-time key package, else the last resort (the other way round where it is not vouched for); and whether few are left
    /// because of it.
    fn hand_out(
        &mut self,
        suite: u16,
        vouched: bool,
        now: Timestamp,
    ) -> (v1::DeviceKeyPackage, bool) {
        let mut handed = v1::DeviceKeyPackage {
            device: self.device.to_wire(),
            ..Default::default()
        };
        let mut usable: Vec<_> = self
            .packages
            .iter_mut()
            .filter(|one| one.spent.is_none() && one.content.suite == suite)
            .collect();
        usable.sort_by_key(|one| one.content.last_resort == vouched);
        let left = usable.iter().filter(|one| !one.content.last_resort).count();
        let Some(package) = usable.first_mut() else {
            return (handed, false);
        };
        handed.key_package = package.content.data.clone();
        handed.last_resort = package.content.last_resort;
        if handed.last_resort {
            return (handed, false);
        }
        package.spent = Some(day(now));
        (handed, left <= limits::LOW_KEY_PACKAGES)
    }
}

fn supply(packages: &[Package]) -> v1::Supply {
    let mut suites = BTreeMap::new();
    for package in packages.iter().filter(|one| one.spent.is_none()) {
        let suite = u32::from(package.content.suite);
        let one = suites.entry(suite).or_insert(v1::SuiteSupply {
            suite,
            ..Default::default()
        });
        if package.content.last_resort {
            one.last_resort = true;
        } else {
            one.one_time += 1;
        }
    }
    v1::Supply {
        suites: suites.into_values().collect(),
    }
}
