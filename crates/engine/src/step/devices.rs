//! Devices of the own account: linking a new one, removing one, in the directory and in every conversation.

use keyfold_protocol::identity::{DeviceKeys, DeviceToken, LinkRequest};
use keyfold_protocol::rules::{GroupView, LeafView};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId};
use keyfold_wire::limits::MAX_DEVICES;
use keyfold_wire::{Message as _, v1};

use super::Step;
use super::certificate;
use super::command::Answered;
use super::errand::leaf_of;
use super::gather::asked;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{CERTIFICATE_LIFETIME, MAX_REMOVED};
use crate::outcome::Event;
use crate::table::conversation::{self, Row};
use crate::table::intent::{self, Progress, Wish};
use crate::table::outbox::{Kind, Waiting};
use crate::table::setting::{self, Setting};
use crate::table::{linked, request};
use crate::view::Standing;

impl Step<'_> {
    /// On a new device: makes its keys, and says what a primary device is to certify.
    pub(super) fn request_link(&mut self, suites: &[Suite]) -> Result<Answered, Fault> {
        if self.identity.is_some() {
            return Ok(Err(Complaint::AlreadyRegistered));
        }
        let keys = self.rng.with(|rng| DeviceKeys::generate(rng));
        let token = self.rng.with(|rng| DeviceToken::generate(rng));
        setting::put(
            self.tx,
            Setting::DeviceKeys,
            keys.to_secret_bytes().as_slice(),
        )?;
        setting::put(self.tx, Setting::Token, token.to_secret_bytes().as_slice())?;
        Ok(Ok(Answer::LinkRequest(LinkRequest::encode(
            &keys, suites, &token,
        ))))
    }

    /// On the new device: takes the certificate.
    pub(super) fn accept_link(&mut self, encoded: &[u8]) -> Result<Answered, Fault> {
        if self.identity.is_some() {
            return Ok(Err(Complaint::AlreadyRegistered));
        }
        let (Some(keys), Some(token)) = (
            setting::get(self.tx, Setting::DeviceKeys)?,
            setting::get(self.tx, Setting::Token)?,
        ) else {
            return Ok(Err(Complaint::Link(
                "ask for a link on this device first".to_owned(),
            )));
        };
        let unreadable = |_| Fault::corrupt("the device's keys do not read");
        let keys = DeviceKeys::from_secret_bytes(&keys).map_err(unreadable)?;
        let token = DeviceToken::from_secret_bytes(&token).map_err(unreadable)?;
        let certificate = match Certificate::verify(encoded) {
            Ok(certificate) => certificate,
            Err(error) => return Ok(Err(Complaint::Link(error.to_string()))),
        };
        if certificate.signature_key != keys.public() || certificate.device != keys.device() {
            return Ok(Err(Complaint::Link("it is for another device".to_owned())));
        }
        setting::put(self.tx, Setting::Registered, &[1])?;
        self.keep_device(&keys, &token, encoded)?;
        Ok(Ok(Answer::Taken))
    }

    /// On a primary device: certifies a new one.
    pub(super) fn add_device(&mut self, link_request: &[u8]) -> Result<Answered, Fault> {
        let me = self.me()?;
        let Some(account_key) = &me.account_key else {
            return Ok(Err(Complaint::NotPrimary));
        };
        let request = match LinkRequest::verify(link_request) {
            Ok(request) => request,
            Err(error) => return Ok(Err(Complaint::Link(error.to_string()))),
        };
        let expires = self.now.after(CERTIFICATE_LIFETIME);
        let handle = &me.certificate.handle;
        let added = match request.accept(account_key, handle, self.now, expires) {
            Ok(added) => added,
            Err(error) => return Ok(Err(Complaint::Link(error.to_string()))),
        };
        let certificate = added.device_certificate.to_vec();
        let device = request.device;
        linked::add(self.tx, &device, &added.encode_to_vec())?;
        let waiting = Waiting::new(Kind::AddDevice, None, 0);
        self.request(waiting, v1::client_frame::Request::AddDevice(added))?;
        Ok(Ok(Answer::Certificate(certificate)))
    }

    /// The directory has the new device: it comes into every conversation.
    pub(super) fn device_added(&mut self, added: &v1::AddDevice) -> Result<(), Fault> {
        let Ok(certificate) = Certificate::verify(&added.device_certificate) else {
            return Ok(());
        };
        self.tell(Event::DeviceAdded(certificate.device));
        // Who was asked before may not have known it yet.
        self.stop_adding(&certificate.device)?;
        for row in conversation::active(self.tx)? {
            self.wish_device(row, &certificate.device)?;
        }
        Ok(())
    }

    /// What the server may have already stays.
    fn stop_adding(&mut self, device: &DeviceId) -> Result<(), Fault> {
        let add = Wish::AddDevice(*device.as_bytes());
        for row in conversation::begun(self.tx)? {
            self.forget_unasked(row, &add)?;
        }
        Ok(())
    }

    fn wish_device(&mut self, row: Row, device: &DeviceId) -> Result<(), Fault> {
        let wish = Wish::AddDevice(*device.as_bytes());
        // What waits to be accepted they come into when it is.
        let waits = request::holds(self.tx, row)?;
        if waits || intent::of(self.tx, row)?.iter().any(|one| one.wish == wish) {
            return Ok(());
        }
        let now = self.now;
        let intent = self.intend(row, &wish, Progress::Gathering, now)?;
        self.gather_own_devices(intent)
    }

    /// A conversation has begun here, or goes on elsewhere: own devices that are not in it come in, e.g. one that had published no
    /// key package yet; and those that were removed, and had come in meanwhile, go. A linked device begins with that only where it is the only one
    /// of its account, and after a while: where another one is in, that may be the one that has removed them.
    pub(super) fn bring_own_devices(&mut self, row: Row, view: &GroupView) -> Result<(), Fault> {
        self.see_own_devices(row, view)?;
        if self.me()?.account_key.is_some() {
            return self.wish_own_devices(row, view);
        }
        let me = self.me()?.account();
        let own = view.leaves.iter().filter(|leaf| leaf.account() == me);
        if own.count() > 1 || self.own_devices_out_of(view)?.is_empty() {
            return Ok(());
        }
        self.bring_later(row)
    }

    pub(super) fn wish_own_devices(&mut self, row: Row, view: &GroupView) -> Result<(), Fault> {
        for device in self.own_devices_out_of(view)? {
            self.wish_device(row, &device)?;
        }
        Ok(())
    }

    /// Devices that this one has linked, or that the directory has listed beside it and that it has not seen taken out.
    pub(super) fn own_devices(&self) -> Result<Vec<DeviceId>, Fault> {
        if self.me()?.account_key.is_some() {
            let linked = linked::all(self.tx)?.into_iter();
            return Ok(linked.map(|(device, _)| device).collect());
        }
        let listed = self.ids(Setting::ListedDevices)?.into_iter();
        let removed = self.removed_devices()?;
        Ok(listed.filter(|device| !removed.contains(device)).collect())
    }

    /// Those of them that are not in a group.
    pub(super) fn own_devices_out_of(&self, view: &GroupView) -> Result<Vec<DeviceId>, Fault> {
        let me = self.me()?.account();
        let mut others = self.own_devices()?;
        others.retain(|device| leaf_of(view, me, *device).is_none());
        Ok(others)
    }

    /// A device of this account was taken out of a conversation by another one: a linked device brings it into no other.
    pub(super) fn note_removed(
        &mut self,
        before: &GroupView,
        after: &GroupView,
        committer: Option<AccountId>,
    ) -> Result<(), Fault> {
        let me = self.me()?;
        if committer != Some(me.account()) || me.account_key.is_some() {
            return Ok(());
        }
        let me = me.account();
        let own = before.leaves.iter().filter(|leaf| leaf.account() == me);
        for device in own.map(LeafView::device) {
            if leaf_of(after, me, device).is_none() {
                self.remember_removed(device)?;
                self.stop_adding(&device)?;
            }
        }
        Ok(())
    }

    /// Devices that this one has removed go out of a conversation that they have come into all the same: the directory may have handed out a
    /// key package of theirs before it knew. And one that it does not know is noticed.
    pub(super) fn see_own_devices(&mut self, row: Row, view: &GroupView) -> Result<(), Fault> {
        if self.me()?.account_key.is_none() {
            return Ok(());
        }
        let me = self.me()?.account();
        let removed = self.removed_devices()?;
        for device in &removed {
            if leaf_of(view, me, *device).is_some() {
                self.wish_without(row, *device)?;
            }
        }
        self.notice_unknown(view, &removed)
    }

    /// A device of this account is in a conversation which this primary one does not know to have linked: its database is an older copy, though
    /// nothing at the server shows that. The directory says which devices there are.
    fn notice_unknown(&mut self, view: &GroupView, removed: &[DeviceId]) -> Result<(), Fault> {
        let me = self.me()?;
        let (account, own) = (me.account(), me.device());
        for leaf in view.leaves.iter().filter(|leaf| leaf.account() == account) {
            let device = leaf.device();
            if device != own && !removed.contains(&device) && !linked::has(self.tx, &device)? {
                return self.look_up_others();
            }
        }
        Ok(())
    }

    /// The directory has these devices of the account, whose primary device was put back: it may have linked some in the time that is lost.
    /// It knows of them again, without their tokens, and brings them in.
    pub(super) fn know_again(&mut self, account: &v1::Account) -> Result<(), Fault> {
        let removed = self.removed_devices()?;
        let mut any = false;
        for (device, encoded) in self.listed_beside(account)? {
            if !removed.contains(&device) && !linked::has(self.tx, &device)? {
                let added = v1::AddDevice {
                    device_certificate: encoded.clone(),
                    token_hash: bytes::Bytes::new(),
                };
                linked::add(self.tx, &device, &added.encode_to_vec())?;
                any = true;
            }
        }
        if any {
            self.bring_everywhere()?;
            self.ask_own_devices()?;
        }
        Ok(())
    }

    /// Other devices of this account, of which it did not know when it lost its place, are asked before it moves.
    fn ask_own_devices(&mut self) -> Result<(), Fault> {
        for row in conversation::begun(self.tx)? {
            let mut loaded = self.expect(row)?;
            if let Standing::Rejoining(_) = loaded.row.standing {
                self.forget_unasked(row, &Wish::Move)?;
                self.asks_anew(&mut loaded);
            }
            self.put(loaded);
        }
        Ok(())
    }

    /// The directory has these devices of the account beside this one, which has linked none: it brings them in where that which has linked
    /// them can't, since it is not in itself.
    pub(super) fn know_listed(&mut self, account: &v1::Account) -> Result<(), Fault> {
        let listed = self.listed_beside(account)?.into_iter();
        let listed: Vec<DeviceId> = listed.map(|(device, _)| device).collect();
        self.put_ids(Setting::ListedDevices, &listed)?;
        if listed.is_empty() {
            return Ok(());
        }
        self.bring_everywhere()
    }

    /// Which other devices of this account the directory lists, each with its certificate.
    fn listed_beside<'a>(
        &self,
        account: &'a v1::Account,
    ) -> Result<Vec<(DeviceId, &'a bytes::Bytes)>, Fault> {
        let own = &self.me()?.certificate;
        let listed = account.device_certificates.iter().filter_map(|encoded| {
            let found = Certificate::verify(encoded).ok()?;
            let is_ours = found.account_key == own.account_key && found.is_valid_at(self.now);
            (is_ours && found.device != own.device).then_some((found.device, encoded))
        });
        Ok(listed.take(MAX_DEVICES).collect())
    }

    fn bring_everywhere(&mut self) -> Result<(), Fault> {
        let is_linked = self.me()?.account_key.is_none();
        for row in conversation::active(self.tx)? {
            if is_linked && self.has_other_devices(row)? {
                continue;
            }
            let mut loaded = self.expect(row)?;
            if self.load_group(&mut loaded)? {
                let view = loaded.group.as_ref().map(|current| current.group.view());
                if let Some(view) = view.cloned() {
                    self.bring_own_devices(row, &view)?;
                }
            }
            self.put(loaded);
        }
        Ok(())
    }

    /// The server may have forgotten the devices that this one has added.
    pub(super) fn add_devices_again(&mut self) -> Result<(), Fault> {
        for (_, frame) in linked::all(self.tx)? {
            let added = certificate::read(&frame)?;
            if !added.token_hash.is_empty() {
                let waiting = Waiting::new(Kind::AddDevice, None, 0);
                self.request(waiting, v1::client_frame::Request::AddDevice(added))?;
            }
        }
        Ok(())
    }

    /// The server may have forgotten that this device has removed others: they would be greeted again.
    pub(super) fn remove_devices_again(&mut self) -> Result<(), Fault> {
        for device in self.removed_devices()? {
            let Some(account_key) = &self.me()?.account_key else {
                return Ok(());
            };
            let body = v1::client_frame::Request::RemoveDevice(account_key.remove(device));
            self.request(Waiting::new(Kind::RemoveDevice, None, 0), body)?;
        }
        Ok(())
    }

    /// What would put a device into the directory, and still waits: behind its removal it would bring it back.
    fn forget_additions(&mut self, device: &DeviceId) -> Result<(), Fault> {
        let requests = self.memory.outbox.iter();
        let adds = requests
            .filter(|(_, one)| matches!(one.kind, Kind::AddDevice | Kind::RenewCertificate));
        let adds: Vec<i64> = adds.map(|(id, _)| *id).collect();
        for request in adds {
            if let Some(v1::client_frame::Request::AddDevice(added)) = asked(self.tx, request)?
                && Certificate::verify(&added.device_certificate)
                    .is_ok_and(|certificate| certificate.device == *device)
            {
                self.drop_request(request)?;
            }
        }
        Ok(())
    }

    /// Devices that this one has removed, or, where it can't, has seen taken out by another one of its account: a conversation that it comes into only
    /// now may have them.
    pub(super) fn removed_devices(&self) -> Result<Vec<DeviceId>, Fault> {
        self.ids(Setting::RemovedDevices)
    }

    fn ids(&self, of: Setting) -> Result<Vec<DeviceId>, Fault> {
        let stored = setting::get(self.tx, of)?;
        let (ids, _) = stored.as_deref().map_or(&[][..], Vec::as_slice).as_chunks();
        Ok(ids.iter().copied().map(DeviceId::new).collect())
    }

    fn put_ids(&self, of: Setting, devices: &[DeviceId]) -> Result<(), Fault> {
        let ids = devices.iter().flat_map(|one| *one.as_bytes());
        setting::put(self.tx, of, &ids.collect::<Vec<u8>>())
    }

    fn remember_removed(&self, device: DeviceId) -> Result<(), Fault> {
        let mut removed = self.removed_devices()?;
        removed.retain(|one| *one != device);
        removed.push(device);
        let surplus = removed.len().saturating_sub(MAX_REMOVED);
        let newest = removed.get(surplus..).unwrap_or_default();
        self.put_ids(Setting::RemovedDevices, newest)
    }

    fn wish_without(&mut self, row: Row, device: DeviceId) -> Result<(), Fault> {
        let wish = Wish::RemoveDevice(*device.as_bytes());
        let now = self.now;
        self.intend(row, &wish, Progress::Ready, now)?;
        Ok(())
    }

    /// On a primary device: removes a device of the own account everywhere.
    pub(super) fn remove_device(&mut self, device: DeviceId) -> Result<Answered, Fault> {
        if device == self.me()?.device() {
            return Ok(Err(Complaint::Link(
                "a device can't remove itself".to_owned(),
            )));
        }
        let Some(account_key) = &self.me()?.account_key else {
            return Ok(Err(Complaint::NotPrimary));
        };
        let body = v1::client_frame::Request::RemoveDevice(account_key.remove(device));
        linked::remove(self.tx, &device)?;
        self.remember_removed(device)?;
        self.forget_additions(&device)?;
        self.request(Waiting::new(Kind::RemoveDevice, None, 0), body)?;
        // What the server may have already is undone by the removal behind it.
        self.stop_adding(&device)?;
        for row in conversation::active(self.tx)? {
            self.wish_without(row, device)?;
            self.touched.insert(row);
        }
        Ok(Ok(Answer::Taken))
    }
}
