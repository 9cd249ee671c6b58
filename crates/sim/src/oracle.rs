//! Who said what, who was in which epoch, and hence what every screen must show.
//!
//! The oracle sees three things that no part of the product sees together: what people typed, which request of which
//! device the server accepted at which epoch, and whose mailboxes the roster of that epoch named. From these follows, for
//! each text, on which devices it must be, exactly once and in the server's order, and on which it must not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_engine::Event;
use keyfold_engine::view::{Entry, Standing, State, What};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{ConversationId, MailboxId};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use crate::device::Device;
use crate::server::Server;

type Handle = Vec<u8>;
type MessageId = Vec<u8>;

/// Something that somebody typed.
struct Said {
    number: usize,
    text: String,
    device: usize,
    conversation: ConversationId,
    message: Option<MessageId>,
}

/// A message as the server placed it.
struct Placed {
    handle: Handle,
    epoch: u64,
    order: u64,
}

#[derive(Default)]
pub(crate) struct Oracle {
    said: HashMap<ContentId, Said>,
    order_said: Vec<ContentId>,
    placed: HashMap<MessageId, Placed>,
    /// Whose request a message was.
    asked: HashMap<MessageId, usize>,
    /// Messages whose acceptance their sender has learned of.
    known: BTreeSet<MessageId>,
    rosters: BTreeMap<(Handle, u64), BTreeSet<MailboxId>>,
    epochs: BTreeMap<Handle, u64>,
    /// Devices whose person has said that they leave, with the place and epoch of that: what comes until somebody takes them
    /// out is theirs no more.
    leaves: HashMap<usize, Vec<(Handle, u64, u64)>>,
    /// Devices that were out of a conversation at some time: what waited to be sent then has failed.
    parted: BTreeSet<(usize, Vec<u8>)>,
    pub(crate) violations: Vec<String>,
}

impl Oracle {
    /// Somebody typed a text, and the device took it.
    pub(crate) fn says(
        &mut self,
        device: usize,
        conversation: ConversationId,
        id: ContentId,
        text: String,
    ) {
        let said = Said {
            number: self.said.len(),
            text,
            device,
            conversation,
            message: None,
        };
        self.said.insert(id, said);
        self.order_said.push(id);
    }

    pub(crate) fn texts(&self) -> usize {
        self.said.len()
    }

    /// A device is not in a conversation any more.
    pub(crate) fn parts(&mut self, device: usize, events: &[Event]) {
        for event in events {
            if let Event::Removed(conversation) = event {
                self.parted.insert((device, conversation.as_ref().to_vec()));
            }
        }
    }

    /// The person of these devices left with one of these items.
    pub(crate) fn left(&mut self, device: usize, own: &[usize], items: &[v1::Item]) {
        for item in items {
            let Some(v1::item::Content::Message(message)) = &item.content else {
                continue;
            };
            let id = message.message_id.to_vec();
            let by = self.asked.get(&id);
            if let (true, Some(placed)) =
                (by.is_some_and(|by| own.contains(by)), self.placed.get(&id))
            {
                let leave = (placed.handle.clone(), placed.order, placed.epoch);
                self.leaves.entry(device).or_default().push(leave);
            }
        }
    }

    /// Whether a device's person had left before this was placed, and nobody had taken them out yet.
    fn has_left(&self, device: &Device, placed: &Placed) -> bool {
        let leaves = self.leaves.get(&device.number);
        let still_in = |from: u64| {
            (from..=placed.epoch).all(|epoch| {
                let roster = self.rosters.get(&(placed.handle.clone(), epoch));
                roster.is_some_and(|roster| device.box_id.is_some_and(|it| roster.contains(&it)))
            })
        };
        leaves.into_iter().flatten().any(|(handle, order, epoch)| {
            *handle == placed.handle && *order <= placed.order && still_in(*epoch)
        })
    }

    /// A device has put a request on the wire.
    pub(crate) fn asks(&mut self, device: usize, body: &Body) {
        if let Body::Send(send) = body {
            self.asked.insert(send.message_id.to_vec(), device);
        }
    }

    /// The server has answered a request.
    pub(crate) fn answered(&mut self, server: &Server, body: &Body, answer: &Content) {
        if !matches!(answer, Content::Accepted(_)) {
            return;
        }
        match body {
            Body::Create(create) => {
                self.enters(server, &create.handle, create.epoch, &create.roster);
            }
            Body::Commit(commit) => {
                let next = commit.epoch + 1;
                if self.epochs.get(commit.handle.as_ref()).copied() < Some(next) {
                    self.enters(server, &commit.handle, next, &commit.next_roster);
                }
            }
            Body::Send(send) => {
                let order = self.placed.len() as u64;
                let placed = || Placed {
                    handle: send.handle.to_vec(),
                    epoch: send.epoch,
                    order,
                };
                self.placed
                    .entry(send.message_id.to_vec())
                    .or_insert_with(placed);
            }
            _ => {}
        }
    }

    fn enters(&mut self, server: &Server, handle: &[u8], epoch: u64, roster: &[bytes::Bytes]) {
        let members = roster
            .iter()
            .filter_map(|address| server.mailbox_of(address))
            .collect();
        self.rosters
            .entry((handle.to_vec(), epoch))
            .or_insert(members);
        let newest = self.epochs.entry(handle.to_vec()).or_insert(epoch);
        *newest = (*newest).max(epoch);
    }

    /// A device has heard that its request was accepted, and told what that was.
    pub(crate) fn hears(&mut self, body: &Body, events: &[Event]) {
        if let Body::Send(send) = body {
            self.learns(vec![send.message_id.to_vec()], events);
        }
    }

    /// Items have come back to the device that sent them.
    pub(crate) fn takes_in(&mut self, device: usize, items: &[v1::Item], events: &[Event]) {
        let own = items.iter().filter_map(|item| match &item.content {
            Some(v1::item::Content::Message(message)) => Some(message.message_id.to_vec()),
            _ => None,
        });
        let mine = |id: &MessageId| self.asked.get(id) == Some(&device);
        let own = own
            .filter(mine)
            .filter(|id| !self.known.contains(id))
            .collect();
        self.learns(own, events);
    }

    /// Which message each text became: the device tells its texts in the order of its messages.
    fn learns(&mut self, messages: Vec<MessageId>, events: &[Event]) {
        let sent: Vec<ContentId> = events
            .iter()
            .filter_map(|event| match event {
                Event::Sent(_, id) => Some(*id),
                _ => None,
            })
            .collect();
        if sent.len() != messages.len() {
            return;
        }
        for (id, message) in sent.into_iter().zip(messages) {
            self.known.insert(message.clone());
            if let Some(said) = self.said.get_mut(&id) {
                said.message = Some(message);
            }
        }
    }

    pub(crate) fn violated(&mut self, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }

    /// Judges the world after everything has healed and come to rest.
    pub(crate) fn judges(&mut self, devices: &[Device]) {
        let screens: Vec<Screen> = devices.iter().map(Screen::of).collect();
        let mut found = Vec::new();
        for screen in screens.iter().zip(devices) {
            found.extend(at_rest(screen.0, screen.1));
        }
        for id in &self.order_said {
            found.extend(self.judge_text(*id, devices, &screens));
        }
        for screen in &screens {
            found.extend(self.judge_order(screen));
        }
        for (screen, device) in screens.iter().zip(devices) {
            if !device.unlinked {
                found.extend(self.judge_gaps(screen));
            }
        }
        found.extend(self.judge_ends(devices, &screens));
        for what in found {
            self.violated(what);
        }
    }

    fn judge_text(&self, id: ContentId, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let said = &self.said[&id];
        let sender = &screens[said.device];
        let state = sender.states.get(&id);
        let Some(placed) = said
            .message
            .as_ref()
            .and_then(|message| self.placed.get(message))
        else {
            return self.judge_unsent(said, state.copied(), devices, screens);
        };
        let mut found = Vec::new();
        let roster = self.rosters.get(&(placed.handle.clone(), placed.epoch));
        let person = devices[said.device].person;
        let mut own = devices.iter().filter(|device| device.person == person);
        // Said on one device after another had said that the person leaves.
        let void = own.any(|device| self.has_left(device, placed));
        for (device, screen) in devices.iter().zip(screens) {
            let member = device
                .box_id
                .is_some_and(|mailbox| roster.is_some_and(|roster| roster.contains(&mailbox)));
            let shown = screen.count(&said.text);
            let wanted = usize::from(member);
            let excused =
                shown < wanted && (void || device.unlinked || self.has_left(device, placed));
            if shown != wanted && !excused {
                found.push(format!(
                    "{:?} of epoch {} is shown {shown} times instead of {wanted} on device {} (sent by device {})",
                    said.text, placed.epoch, screen.device, said.device
                ));
            }
        }
        found
    }

    /// A text that the server never placed, as far as its sender has learned.
    fn judge_unsent(
        &self,
        said: &Said,
        state: Option<State>,
        devices: &[Device],
        screens: &[Screen],
    ) -> Vec<String> {
        let elsewhere: usize = screens
            .iter()
            .filter(|screen| screen.device != said.device)
            .map(|screen| screen.count(&said.text))
            .sum();
        let gone = devices[said.device].unlinked;
        let home = (said.device, said.conversation.as_ref().to_vec());
        let active =
            screens[said.device].is_active(said.conversation) && !self.parted.contains(&home);
        match state {
            Some(State::Failed) if elsewhere > 0 => {
                vec![format!("{:?} failed, and is shown to others", said.text)]
            }
            Some(State::Failed) if active && !gone => {
                vec![format!(
                    "{:?} failed though its sender is a member",
                    said.text
                )]
            }
            Some(State::Waiting) if !gone => {
                vec![format!(
                    "{:?} waits for ever on device {}",
                    said.text, said.device
                )]
            }
            None => vec![format!("{:?} is gone", said.text)],
            _ => Vec::new(),
        }
    }

    /// A gap is right where an earlier text of the same device never got to the server, because the device was removed.
    fn judge_gaps(&self, screen: &Screen) -> Vec<String> {
        let right = |gap: &&Gap| {
            let Some(after) = gap.before.and_then(|id| self.said.get(&id)) else {
                return false;
            };
            self.said.values().any(|said| {
                let placed = said.message.as_ref().and_then(|id| self.placed.get(id));
                said.device == after.device
                    && said.conversation == after.conversation
                    && said.number < after.number
                    && placed.is_none()
            })
        };
        let wrong = screen.gaps.iter().filter(|gap| !right(gap));
        wrong
            .map(|gap| format!("device {} shows {}", screen.device, gap.words))
            .collect()
    }

    /// What is shown of one conversation has the server's order.
    fn judge_order(&self, screen: &Screen) -> Vec<String> {
        let mut last: BTreeMap<&Handle, u64> = BTreeMap::new();
        let mut found = Vec::new();
        for (id, text) in &screen.shown {
            let message = self.said.get(id).and_then(|said| said.message.as_ref());
            let Some(placed) = message.and_then(|message| self.placed.get(message)) else {
                continue;
            };
            let before = last.insert(&placed.handle, placed.order);
            if before.is_some_and(|before| before > placed.order) {
                found.push(format!(
                    "{text:?} is out of order on device {}",
                    screen.device
                ));
            }
        }
        found
    }

    /// All members of a conversation's last epoch agree.
    fn judge_ends(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let mut found = Vec::new();
        let mut homes: BTreeMap<&Handle, ConversationId> = BTreeMap::new();
        for said in self.said.values() {
            let message = said.message.as_ref();
            if let Some(placed) = message.and_then(|message| self.placed.get(message)) {
                homes.insert(&placed.handle, said.conversation);
            }
        }
        for (handle, conversation) in homes {
            let epoch = self.epochs[handle];
            let roster = &self.rosters[&(handle.clone(), epoch)];
            let mut seen: Option<(&String, &Vec<String>)> = None;
            for (device, screen) in devices.iter().zip(screens) {
                if device.unlinked || !device.box_id.is_some_and(|it| roster.contains(&it)) {
                    continue;
                }
                let Some(shown) = screen.conversations.get(&conversation) else {
                    continue;
                };
                // Where all others are gone as well, nobody takes out who has left.
                if shown.standing == Standing::Left {
                    continue;
                }
                if !shown.direct && (shown.standing != Standing::Active || shown.epoch != epoch) {
                    found.push(format!(
                        "device {} is at epoch {} ({:?}) of a group at {epoch}",
                        screen.device, shown.epoch, shown.standing
                    ));
                }
                let view = (&shown.name, &shown.members);
                if !shown.direct && *seen.get_or_insert(view) != view {
                    found.push(format!(
                        "device {} sees another group than others do: {view:?} instead of {seen:?}",
                        screen.device
                    ));
                }
            }
        }
        found
    }
}

/// What a device shows of a conversation.
struct Shown {
    name: String,
    direct: bool,
    standing: Standing,
    epoch: u64,
    members: Vec<String>,
}

/// What a device shows.
struct Screen {
    device: usize,
    counts: HashMap<String, usize>,
    states: HashMap<ContentId, State>,
    shown: Vec<(ContentId, String)>,
    conversations: HashMap<ConversationId, Shown>,
    gaps: Vec<Gap>,
    refused: Vec<String>,
}

/// A line that says that something is missing.
struct Gap {
    words: String,
    /// The text that came instead.
    before: Option<ContentId>,
}

impl Screen {
    fn of(device: &Device) -> Self {
        let engine = &device.engine;
        let mut screen = Self {
            device: device.number,
            counts: HashMap::new(),
            states: HashMap::new(),
            shown: Vec::new(),
            conversations: HashMap::new(),
            gaps: Vec::new(),
            refused: Vec::new(),
        };
        for conversation in engine.conversations().unwrap() {
            for entry in engine.timeline(conversation.id, None, usize::MAX).unwrap() {
                screen.take(entry);
            }
            let members = conversation
                .members
                .iter()
                .map(|member| {
                    format!(
                        "{} {:?} {}",
                        member.contact.handle, member.role, member.devices
                    )
                })
                .collect();
            let shown = Shown {
                name: conversation.name,
                direct: conversation.direct,
                standing: conversation.standing,
                epoch: conversation.epoch.0,
                members,
            };
            screen.conversations.insert(conversation.id, shown);
        }
        screen
    }

    fn take(&mut self, entry: Entry) {
        match entry.what {
            What::Text(text) => {
                let Some(id) = entry.id else { return };
                self.states.insert(id, entry.state);
                if matches!(entry.state, State::Sent | State::Received) {
                    if let Some(gap) = self.gaps.last_mut()
                        && gap.before.is_none()
                    {
                        gap.before = Some(id);
                    }
                    *self.counts.entry(text.clone()).or_default() += 1;
                    self.shown.push((id, text));
                }
            }
            What::Gap(missing) if missing > 0 => {
                let from = entry.from.map(|from| from.handle).unwrap_or_default();
                let words = format!("a gap of {missing} from {from}");
                self.gaps.push(Gap {
                    words,
                    before: None,
                });
            }
            What::Refused(why) => self.refused.push(why),
            _ => {}
        }
    }

    fn count(&self, text: &str) -> usize {
        self.counts.get(text).copied().unwrap_or(0)
    }

    fn is_active(&self, conversation: ConversationId) -> bool {
        self.conversations
            .get(&conversation)
            .is_some_and(|shown| shown.standing == Standing::Active)
    }
}

/// Nothing is missing, held or waiting on a device that its account still has.
fn at_rest(screen: &Screen, device: &Device) -> Vec<String> {
    if device.unlinked || !device.is_registered() {
        return Vec::new();
    }
    let number = device.number;
    let mut found: Vec<String> = screen
        .refused
        .iter()
        .map(|why| format!("device {number} has refused: {why}"))
        .collect();
    for shown in screen.conversations.values() {
        if let Standing::Held(why) = &shown.standing {
            found.push(format!(
                "device {number} holds {:?} at epoch {}: {why}",
                shown.name, shown.epoch
            ));
        }
    }
    let waiting = device.engine.waiting().unwrap();
    if waiting > 0 {
        found.push(format!("{waiting} things wait for ever on device {number}"));
    }
    found
}
