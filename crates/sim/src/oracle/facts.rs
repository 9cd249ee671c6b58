//! What the oracle learns while the world goes on.

use std::collections::hash_map::Entry;

use keyfold_engine::Event;
use keyfold_protocol::content::{self, ContentId};
use keyfold_wire::ids::{ConversationId, MailboxId};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::past::Entered;
use super::{Check, Handle, Leaving, MessageId, Moved, Oracle, Outgoing, Parting, Placed, Said};
use crate::device::Device;
use crate::server::Server;

impl Oracle {
    /// Somebody typed a text, and the device took it.
    pub(crate) fn says(
        &mut self,
        device: usize,
        conversation: ConversationId,
        id: ContentId,
        text: String,
        at: u64,
    ) {
        let said = Said {
            number: self.said.len(),
            text,
            device,
            conversation,
            messages: Vec::new(),
            at,
        };
        self.said.insert(id, said);
        self.order_said.push(id);
        self.settles();
    }

    pub(crate) fn texts(&self) -> usize {
        self.said.len()
    }

    /// Somebody says on this device that they leave.
    pub(crate) fn says_to_leave(&mut self, device: usize, conversation: ConversationId, at: u64) {
        let leaving = Leaving {
            device,
            conversation,
            at,
            messages: Vec::new(),
        };
        self.leavings.push(leaving);
        self.settles();
    }

    /// A device says that it is not in a conversation any more, or has lost or found its place there.
    pub(crate) fn parts(&mut self, device: usize, devices: &[Device], events: &[Event], now: u64) {
        for event in events {
            self.hears_of_change(&devices[device], event);
            match event {
                Event::RolledBack => self.notices_restoring(device, now),
                Event::CaughtUp => self.catches_up(device, now),
                Event::ServerRolledBack => {
                    self.noticed_server.insert(device, now);
                }
                Event::Rejoining(conversation, _) => {
                    self.loses_place(device, *conversation, now);
                    self.loses_group(&devices[device], *conversation, now);
                    self.moves_about(device, *conversation, (now, true));
                }
                Event::Removed(conversation) => {
                    self.moves_about(device, *conversation, (now, true));
                }
                Event::Back(conversation) | Event::Moved(conversation) => {
                    self.has_its_place(device, *conversation, now);
                    self.finds_group(&devices[device], *conversation, now);
                    self.moves_about(device, *conversation, (now, false));
                }
                _ => {}
            }
            if *event == Event::DeviceRemoved {
                self.is_removed(device, devices, now);
            }
            if let Event::Ready(conversation)
            | Event::Back(conversation)
            | Event::Moved(conversation) = event
            {
                let entered = self.entered.entry((device, *conversation)).or_default();
                entered.push(now);
            }
            let out = match event {
                Event::Removed(conversation) => Some((*conversation, true)),
                Event::Ready(conversation) | Event::Back(conversation) => {
                    Some((*conversation, false))
                }
                _ => None,
            };
            if let Some((conversation, out)) = out {
                let outs = self.outs.entry((device, conversation)).or_default();
                outs.push((now, out));
            }
            if let Event::Removed(conversation) = event {
                self.parted.insert((device, conversation.as_ref().to_vec()));
                self.follows_leavings(device, devices, *conversation);
            }
        }
    }

    /// A device is out of a conversation: if its person has said so on any of theirs, that is why.
    fn follows_leavings(
        &mut self,
        device: usize,
        devices: &[Device],
        conversation: ConversationId,
    ) {
        let said = self.leavings.iter().filter(|leaving| {
            devices[leaving.device].person == devices[device].person
                && leaving.conversation == conversation
        });
        let messages = said.flat_map(|leaving| &leaving.messages);
        let left = messages.filter_map(|id| self.parting(id, conversation));
        let left: Vec<_> = left.collect();
        self.leaves.entry(device).or_default().extend(left);
    }

    fn parting(&self, id: &MessageId, conversation: ConversationId) -> Option<Parting> {
        let placed = self.placed.get(id)?;
        Some(Parting {
            conversation,
            message: id.clone(),
            handle: placed.handle.clone(),
            order: placed.order,
            epoch: placed.epoch,
        })
    }

    /// The person of these devices left this conversation with one of these items. Which is a text, and in which conversation it is, may
    /// not be known yet.
    pub(crate) fn left(
        &mut self,
        device: usize,
        own: &[usize],
        items: &[v1::Item],
        conversation: ConversationId,
    ) {
        for item in items {
            let Some(v1::item::Content::Message(message)) = &item.content else {
                continue;
            };
            let id = message.message_id.to_vec();
            let by = self.asked.get(&id);
            if let (true, Some(parting)) = (
                by.is_some_and(|by| own.contains(by)),
                self.parting(&id, conversation),
            ) {
                self.leaves.entry(device).or_default().push(parting);
            }
        }
    }

    /// Whether a device's person had left before this was placed, and nobody had taken them out yet.
    pub(super) fn has_left(&self, device: &Device, placed: &Placed) -> bool {
        let leaves = self.leaves.get(&device.number);
        let still_in = |from: u64| {
            (from..=placed.epoch)
                .all(|epoch| self.was_in_epoch(device, &placed.handle, epoch, placed.accepted))
        };
        leaves.into_iter().flatten().any(|leave| {
            leave.handle == placed.handle
                && leave.order <= placed.order
                && still_in(leave.epoch)
                && self.is_parting(leave)
        })
    }

    /// Whether it is no text, and of that conversation, as is known in the end.
    pub(super) fn is_parting(&self, leave: &Parting) -> bool {
        let by = self.asked.get(&leave.message);
        let shown = by.and_then(|by| self.shows_in.get(&(*by, leave.handle.clone())));
        !self.texts.contains(&leave.message)
            && shown.is_none_or(|shown| *shown == leave.conversation)
    }

    /// Wherever the server has placed a text.
    pub(super) fn places_of<'a>(&'a self, said: &'a Said) -> impl Iterator<Item = &'a Placed> {
        said.messages.iter().flat_map(|id| {
            let again = self.placed_again.get(id).into_iter().flatten();
            self.placed.get(id).into_iter().chain(again)
        })
    }

    /// Whether a device was in the epoch that this was placed in.
    pub(super) fn was_in(&self, device: &Device, placed: &Placed) -> bool {
        self.was_in_epoch(device, &placed.handle, placed.epoch, placed.accepted)
    }

    /// Whether a device was in this epoch, as the server knew it when it had accepted so many requests.
    pub(super) fn was_in_epoch(
        &self,
        device: &Device,
        handle: &Handle,
        epoch: u64,
        when: u64,
    ) -> bool {
        let rosters = self.rosters.get(&(handle.clone(), epoch));
        let mut rosters = rosters.into_iter().flatten();
        let roster = rosters.find(|entered| self.had(entered.order, when));
        roster.is_some_and(|entered| entered.members.contains(&device.number))
    }

    /// The server has greeted a device.
    pub(crate) fn is_greeted(
        &mut self,
        devices: &[Device],
        device: usize,
        mailbox: MailboxId,
        now: u64,
    ) {
        self.first_greeted.entry(device).or_insert(now);
        self.is_not_turned_away(device, now);
        let owners = self.boxes.entry(mailbox).or_default();
        owners.retain(|owner| devices[*owner].id == devices[device].id);
        owners.insert(device);
    }

    /// From now on there are two of a device: the copy was in each epoch as well.
    pub(super) fn was_in_as_well(&mut self, original: usize, copy: usize) {
        let rosters = self.rosters.values_mut().flatten();
        let rosters = rosters.map(|entered| &mut entered.members);
        let rosters = rosters.chain(self.boxes.values_mut());
        for roster in rosters.filter(|roster| roster.contains(&original)) {
            roster.insert(copy);
        }
    }

    /// A device has put a request on the wire.
    pub(crate) fn asks(&mut self, device: &Device, body: &Body) {
        let Body::Send(send) = body else {
            return;
        };
        let message = send.message_id.to_vec();
        let before = self.asked.insert(message.clone(), device.number);
        if before.is_none()
            && let Some(sent) = outgoing(device, message)
        {
            let group = (device.number, send.handle.to_vec());
            self.shows_in.entry(group).or_insert(sent.shown);
            if !sent.leaves {
                self.texts.insert(sent.message.clone());
            }
            self.unsettled.push(sent);
            self.settles();
        }
    }

    /// Finds out which text, or which leaving, a message is of. It may be on the wire before the oracle hears what was said.
    pub(super) fn settles(&mut self) {
        for sent in std::mem::take(&mut self.unsettled) {
            let found = if sent.leaves {
                // It is made anew for each group, with an id of its own.
                let by = (sent.device, sent.shown);
                let leavings = self.leavings.iter_mut();
                let leavings =
                    leavings.filter(|leaving| (leaving.device, leaving.conversation) == by);
                leavings
                    .map(|leaving| leaving.messages.push(sent.message.clone()))
                    .count()
                    > 0
            } else {
                let said = self.said.get_mut(&sent.id);
                said.map(|said| said.messages.push(sent.message.clone()))
                    .is_some()
                    || self.amendment_is(&sent.id, &sent.message)
            };
            if !found {
                self.unsettled.push(sent);
            }
        }
    }

    /// Key packages that the server hands out or is given, and tokens.
    fn keys_are_handed_on(&mut self, device: usize, body: &Body, answer: &Content, at: u64) {
        if let Content::KeyPackages(packages) = answer {
            for one in &packages.devices {
                *self.handed_out.entry(one.device.to_vec()).or_default() += 1;
                let used = !self.packages.insert(one.key_package.to_vec());
                if used && !one.last_resort {
                    let again = self.handed_again.entry(one.device.to_vec()).or_default();
                    again.push(at);
                }
            }
        }
        if matches!(body, Body::ReplaceToken(_)) {
            self.has_another_token(device, at);
        }
        if let (Body::PublishKeyPackages(publish), Content::Done(_)) = (body, answer)
            && publish.replace
        {
            self.replaced.entry(device).or_default().push(at);
        }
    }

    /// The server has answered a request.
    pub(crate) fn answered(
        &mut self,
        server: &Server,
        device: usize,
        body: &Body,
        answer: &Content,
        at: u64,
    ) {
        self.keys_are_handed_on(device, body, answer, at);
        if !matches!(answer, Content::Accepted(_)) {
            return;
        }
        self.accepted += 1;
        match body {
            Body::Create(create) => {
                self.created += 1;
                self.enters(server, (&create.handle, create.epoch), &create.roster, at);
            }
            Body::Commit(commit) => {
                let next = commit.epoch + 1;
                let moved = Moved {
                    device,
                    message: commit.message_id.to_vec(),
                    order: self.accepted as u64,
                    at,
                };
                self.moves(&commit.handle, commit.epoch, moved);
                self.enters(server, (&commit.handle, next), &commit.next_roster, at);
            }
            Body::Send(send) => {
                let order = self.placed.len() as u64;
                let placed = || Placed {
                    handle: send.handle.to_vec(),
                    epoch: send.epoch,
                    order,
                    at,
                    accepted: self.accepted as u64,
                };
                let id = send.message_id.to_vec();
                match self.placed.entry(id.clone()) {
                    Entry::Vacant(place) => {
                        place.insert(placed());
                    }
                    Entry::Occupied(first) => {
                        let again = self.placed_again.entry(id).or_default();
                        let last = again.last().unwrap_or(first.get());
                        if !self.past.had(last.accepted, self.accepted as u64) {
                            again.push(placed());
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The server has accepted a commit.
    fn moves(&mut self, handle: &[u8], epoch: u64, moved: Moved) {
        let known = self.moved_by(handle, epoch, moved.order);
        match known.map(|known| known.message == moved.message) {
            None => {
                let place = (handle.to_vec(), epoch);
                self.moved.entry(place).or_default().push(moved);
            }
            Some(true) => {}
            Some(false) => {
                let words = format!("the server has accepted two commits for epoch {epoch}");
                self.violated(Check::Epochs, &words);
            }
        }
    }

    fn enters(
        &mut self,
        server: &Server,
        (handle, epoch): (&[u8], u64),
        roster: &[bytes::Bytes],
        at: u64,
    ) {
        let boxes = roster
            .iter()
            .filter_map(|address| self.boxes.get(&server.mailbox_of(address)?));
        let members = boxes.flatten().copied().collect();
        let order = self.accepted as u64;
        let entered = Entered { members, order, at };
        let rosters = self.rosters.entry((handle.to_vec(), epoch)).or_default();
        if !rosters
            .iter()
            .any(|known| self.past.had(known.order, order))
        {
            rosters.push(entered);
        }
        let newest = self.epochs.entry(handle.to_vec()).or_insert(epoch);
        *newest = (*newest).max(epoch);
    }

    /// Items have come to a device.
    pub(crate) fn takes_in(&mut self, device: usize, items: &[v1::Item]) {
        for item in items {
            if let Some(v1::item::Content::Message(message)) = &item.content {
                self.past.takes_in(device, message.message_id.to_vec());
            }
        }
    }
}

/// What a message in a device's outbox says.
fn outgoing(device: &Device, message: MessageId) -> Option<Outgoing> {
    let select = "SELECT content_id, body, shown.public_id FROM outbox
                  JOIN timeline ON timeline.id = reference
                  JOIN conversation AS one ON one.id = origin
                  JOIN conversation AS shown ON shown.id = one.shown_in WHERE message_id = ?1";
    let copied = device.copied()?;
    let row = copied.database.query_row(select, [&message], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    let (id, body, shown): (Vec<u8>, Vec<u8>, Vec<u8>) = row.ok()?;
    Some(Outgoing {
        message,
        device: device.number,
        id: ContentId::try_from(id.as_slice()).ok()?,
        leaves: content::is_leaving(&body).unwrap_or(false),
        shown: ConversationId::try_from(shown.as_slice()).ok()?,
    })
}
