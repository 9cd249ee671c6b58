//! What the oracle learns while the world goes on.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use keyfold_engine::Event;
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{ConversationId, MailboxId};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::past::Entered;
use super::{Check, Handle, Leaving, MessageId, Moved, Oracle, Parting, Placed, Said};
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
    }

    /// A device says that it is not in a conversation any more, or has lost or found its place there.
    pub(crate) fn parts(&mut self, device: usize, devices: &[Device], events: &[Event], now: u64) {
        for event in events {
            match event {
                Event::RolledBack => self.notices_restoring(device, now),
                Event::CaughtUp => self.catches_up(device, now),
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
    fn is_parting(&self, leave: &Parting) -> bool {
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
        if let Body::Send(send) = body {
            let (message, handle) = (send.message_id.to_vec(), send.handle.to_vec());
            self.asked.insert(message.clone(), device.number);
            self.goes_to.insert(message, handle.clone());
            if let Entry::Vacant(group) = self.shows_in.entry((device.number, handle)) {
                let shown = shown_in(device, &group.key().1);
                shown.map(|shown| group.insert(shown));
            }
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

    /// A device has heard that its request was accepted, and told what that was.
    pub(crate) fn hears(&mut self, device: usize, body: &Body, events: &[Event]) {
        if let Body::Send(send) = body {
            self.learns(device, vec![send.message_id.to_vec()], events);
        }
    }

    /// Items have come back to the device that sent them.
    pub(crate) fn takes_in(&mut self, device: usize, items: &[v1::Item], events: &[Event]) {
        let messages = items.iter().filter_map(|item| match &item.content {
            Some(v1::item::Content::Message(message)) => Some(message.message_id.to_vec()),
            _ => None,
        });
        let own: Vec<MessageId> = messages.collect();
        for message in &own {
            self.past.takes_in(device, message.clone());
        }
        self.learns_of_another(&own, events);
        let mine = |id: &MessageId| self.asked.get(id) == Some(&device);
        let own: Vec<MessageId> = own.into_iter().filter(mine).collect();
        let fresh = own.iter().filter(|id| !self.known.contains(*id));
        let fresh: Vec<MessageId> = fresh.cloned().collect();
        // What is known may be told once more, where the answer had come before.
        let told = events.iter().filter(|one| matches!(one, Event::Sent(..)));
        let told = told.count();
        let again = told != fresh.len() && told == own.len();
        self.learns(device, if again { own } else { fresh }, events);
    }

    /// A text that arrives alone, by one message: its sender may never hear that the server had it there.
    fn learns_of_another(&mut self, messages: &[MessageId], events: &[Event]) {
        let arrived = events.iter().filter_map(|event| match event {
            Event::Arrived(_, id) => Some(*id),
            _ => None,
        });
        let arrived: Vec<_> = arrived.collect();
        let ([message], [id]) = (messages, arrived.as_slice()) else {
            return;
        };
        let sender = self.said.get(id).map(|said| said.device);
        if sender.is_some_and(|sender| self.asked.get(message) == Some(&sender))
            && self.placed.contains_key(message)
        {
            // Its sender may tell of it later, in its turn.
            self.texts.insert(message.clone());
            let said = self.said.get_mut(id);
            if let Some(said) = said.filter(|said| !said.messages.contains(message)) {
                said.messages.push(message.clone());
            }
        }
    }

    /// Which message each text became: the device tells its texts in the order of its messages. Not all are of use where it has lost
    /// its place: then those of each group are looked at by themselves.
    fn learns(&mut self, device: usize, messages: Vec<MessageId>, events: &[Event]) {
        let sent: Vec<(ConversationId, ContentId)> = events
            .iter()
            .filter_map(|event| match event {
                Event::Sent(conversation, id) => Some((*conversation, *id)),
                _ => None,
            })
            .collect();
        if sent.len() == messages.len() {
            for ((conversation, id), message) in sent.into_iter().zip(messages) {
                if let Some(handle) = self.goes_to.get(&message) {
                    let group = (device, handle.clone());
                    self.shows_in.insert(group, conversation);
                }
                self.became((device, conversation), id, message);
            }
            return;
        }
        let mut groups: BTreeMap<ConversationId, Vec<MessageId>> = BTreeMap::new();
        for message in messages {
            let group = self.goes_to.get(&message);
            let group = group.map(|handle| (device, handle.clone()));
            if let Some(shown) = group.and_then(|group| self.shows_in.get(&group)) {
                groups.entry(*shown).or_default().push(message);
            }
        }
        for (shown, messages) in groups {
            let sent = sent
                .iter()
                .filter(|(conversation, _)| *conversation == shown);
            let sent: Vec<ContentId> = sent.map(|(_, id)| *id).collect();
            if sent.len() == messages.len() {
                for (id, message) in sent.into_iter().zip(messages) {
                    self.became((device, shown), id, message);
                }
            }
        }
    }

    fn became(&mut self, by: (usize, ConversationId), id: ContentId, message: MessageId) {
        self.known.insert(message.clone());
        if let Some(said) = self.said.get_mut(&id) {
            self.texts.insert(message.clone());
            if !said.messages.contains(&message) {
                said.messages.push(message);
            }
            return;
        }
        // That somebody leaves is made anew for each group, with an id of its own.
        for leaving in &mut self.leavings {
            if (leaving.device, leaving.conversation) == by {
                leaving.messages.push(message.clone());
            }
        }
    }
}

/// In which conversation a device shows what is said in a group.
fn shown_in(device: &Device, handle: &[u8]) -> Option<ConversationId> {
    let select = "SELECT shown.public_id FROM conversation AS one
                  JOIN conversation AS shown ON shown.id = one.shown_in WHERE one.handle = ?1";
    let copied = device.copied()?;
    let shown = copied
        .database
        .query_row(select, [handle], |row| row.get(0));
    let shown: Vec<u8> = shown.ok()?;
    ConversationId::try_from(shown.as_slice()).ok()
}
