//! What people do, as their devices' shells carry it out.

use keyfold_engine::view::{Audience, What};
use keyfold_engine::{Answer, Command};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;

use super::World;
use super::scenes::Cast;
use crate::device::Device;
use crate::oracle::Change;
use crate::script::{Act, How, Scene, handle};

/// Devices that a person has at most.
const MAX_DEVICES: usize = 3;
/// Of so many of the newest lines people do something to one.
const NEWEST: usize = 30;
/// How often somebody repeats themselves who talks at length: enough for a body of several pages.
const AT_LENGTH: usize = 800;

impl World {
    /// Plays one scene, if it can be played.
    pub(super) fn plays_scene(&mut self, scene: &Scene) {
        let Some(cast) = self.casts(scene) else {
            return;
        };
        self.trace.note(
            self.now(),
            "scene",
            &[cast.device as u64, self.next_scene as u64],
        );
        if scene.act.is_fault() {
            self.befalls(cast.device, &scene.act);
        } else {
            self.does(&cast, &scene.act);
        }
    }

    fn does(&mut self, cast: &Cast, act: &Act) {
        let device = cast.device;
        match act {
            Act::Says {
                text, long, tag, ..
            } => match &cast.shown {
                Some(shown) => self.says(device, shown.id, text, *long),
                None => self.begins_instead(device, *tag),
            },
            Act::Meets { tag, other } => self.creates(device, *tag, &[*other], None),
            Act::Begins { tag, name, others } => {
                self.creates(device, *tag, others, Some(name.clone()));
            }
            Act::Links(skew) => self.links(device, *skew),
            Act::Unlinks => self.unlinks(device),
            Act::Amends { which, how, .. } => {
                if let Some(shown) = &cast.shown {
                    self.amends(device, shown.id, *which, how);
                }
            }
            act => self.changes(cast, act),
        }
    }

    /// What all devices speak.
    pub(super) fn suites(&self) -> Vec<Suite> {
        if self.script.hybrid {
            Suite::ALL.to_vec()
        } else {
            vec![Suite::Classic]
        }
    }

    /// Somebody who has nowhere to talk begins a group with the next person.
    fn begins_instead(&mut self, device: usize, tag: u32) {
        let other = (self.devices[device].person + 1) % self.script.people;
        let act = Act::Begins {
            tag,
            name: format!("group number {tag}"),
            others: vec![other],
        };
        if let (Some(played), Act::Begins { name, others, .. }) = (self.played.last_mut(), &act) {
            let (name, others) = (name.clone(), others.clone());
            played.act = act;
            self.creates(device, tag, &others, Some(name));
        }
    }

    fn creates(&mut self, device: usize, tag: u32, others: &[usize], name: Option<String>) {
        if let Some(name) = &name {
            self.watch.names(name);
        }
        let command = Command::Create {
            people: others.iter().map(|person| handle(*person)).collect(),
            name,
            suite: None,
        };
        if let Some(Answer::Conversation(id)) = self.commands(device, command) {
            self.tags.entry(tag).or_insert(id);
            self.oracle.begins();
        }
    }

    pub(super) fn says(
        &mut self,
        device: usize,
        conversation: ConversationId,
        text: &str,
        long: bool,
    ) {
        let text = if long {
            format!("{text}{}", " and so on".repeat(AT_LENGTH))
        } else {
            text.to_owned()
        };
        self.watch.names(&text);
        let command = Command::Send {
            conversation,
            text: text.clone(),
        };
        self.meddles_with_speaker(device);
        let answer = self.commands(device, command);
        self.meddles_with_typed(device);
        if let Some(Answer::Message(id)) = answer {
            let now = self.now();
            self.oracle.says(device, conversation, id, text, now);
        }
    }

    /// Does something to a text, if there is one.
    fn amends(&mut self, device: usize, conversation: ConversationId, which: u32, how: &How) {
        let newest = self.devices[device]
            .engine
            .timeline_last(conversation, NEWEST);
        let texts = newest.unwrap().into_iter().rev().filter(|entry| {
            let is_text = matches!(entry.what, What::Text(_));
            is_text && (entry.mine || !how.is_authors())
        });
        let texts: Vec<ContentId> = texts.filter_map(|entry| entry.id).collect();
        let Some(which) = (which as usize).checked_rem(texts.len()) else {
            return;
        };
        let message = texts[which];
        let command = match how {
            How::Edited(text) => {
                self.watch.names(text);
                Command::Edit {
                    conversation,
                    message,
                    text: text.clone(),
                }
            }
            How::TakenBack => Command::TakeBack {
                conversation,
                message,
            },
            How::Reacted(emoji) => Command::React {
                conversation,
                message,
                emoji: emoji.map(str::to_owned),
            },
            How::Pinned(pinned) => Command::Pin {
                conversation,
                message,
                pinned: *pinned,
            },
        };
        if let Some(Answer::Message(id)) = self.commands(device, command) {
            let now = self.now();
            self.oracle
                .amends(&self.devices[device], conversation, id, now);
        }
    }

    fn changes(&mut self, cast: &Cast, act: &Act) {
        let Some(shown) = &cast.shown else { return };
        let conversation = shown.id;
        let people = || cast.whom.map(handle).into_iter().collect();
        let command = match act {
            Act::Adds(..) => Command::Add {
                conversation,
                people: people(),
            },
            Act::Removes(..) => Command::Remove {
                conversation,
                people: people(),
            },
            Act::Promotes(_, _, role) => {
                let called = cast.whom.map(handle).unwrap_or_default();
                let mut members = shown.members.iter();
                let Some(member) = members.find(|member| member.contact.handle == called) else {
                    return;
                };
                Command::ChangeRole {
                    conversation,
                    account: member.contact.account,
                    role: *role,
                }
            }
            Act::Leaves(_) => Command::Leave { conversation },
            Act::Renames(_, name) => {
                self.watch.names(name);
                Command::Rename {
                    conversation,
                    name: name.clone(),
                }
            }
            Act::Updates(_) => {
                self.oracle.renews(cast.device);
                Command::Update { conversation }
            }
            _ => return,
        };
        let change = change(cast, act);
        if let Some(change) = change.clone() {
            self.oracle.wishes(cast.device, conversation, change);
        }
        let answer = self.commands(cast.device, command);
        self.meddles_with_change(cast.device);
        match answer {
            // Who leaves says so.
            Some(Answer::Message(_)) => {
                let now = self.now();
                self.oracle.says_to_leave(cast.device, conversation, now);
            }
            None if change.is_some() => self.oracle.wishes_in_vain(cast.device),
            _ => {}
        }
    }

    /// A further device for the same person, by carrying the codes.
    fn links(&mut self, device: usize, skew: i64) {
        let person = self.devices[device].person;
        let own = |one: &&Device| one.person == person && !one.unlinked;
        if self.devices.iter().filter(own).count() >= MAX_DEVICES {
            return;
        }
        let of_person = |one: &Device| one.person == person;
        let primary = self.devices.iter().position(of_person).unwrap();
        let new = self.arrives(person, skew);
        let suites = self.suites();
        let Some(Answer::LinkRequest(link_request)) =
            self.commands(new, Command::RequestLink { suites })
        else {
            return;
        };
        let Some(Answer::Certificate(certificate)) =
            self.commands(primary, Command::AddDevice { link_request })
        else {
            return;
        };
        self.commands(new, Command::AcceptLink { certificate });
        self.keeps_quiet(new);
        let me = self.devices[new].engine.me().unwrap();
        self.devices[new].id = me.map(|me| me.device);
    }

    /// Where nobody tells anything, no device does from its beginning.
    pub(super) fn keeps_quiet(&mut self, device: usize) {
        if self.setup.quiet {
            let nothing = Command::SetPrivacy {
                presence: Audience::Nobody,
                receipts: false,
                typing: false,
            };
            self.commands(device, nothing);
        }
    }

    fn unlinks(&mut self, device: usize) {
        let person = self.devices[device].person;
        let own: Vec<usize> = (0..self.devices.len())
            .filter(|one| self.devices[*one].person == person && !self.devices[*one].unlinked)
            .collect();
        let (Some(primary), Some(last)) = (own.first().copied(), own.last().copied()) else {
            return;
        };
        if let (true, Some(gone)) = (primary != last, self.devices[last].id) {
            let removed = self.commands(primary, Command::RemoveDevice { device: gone });
            let now = self.now();
            let clones = self.devices.iter_mut();
            for device in clones.filter(|one| one.id == Some(gone) && removed.is_some()) {
                device.unlinked = true;
                device.unlinked_at = device.unlinked_at.min(now);
                device.unlinked_on = Some(primary);
            }
        }
    }

    /// The server has it that a device was removed.
    pub(super) fn is_unlinked(&mut self, gone: &[u8]) {
        let now = self.now();
        let is_gone = |one: &&mut Device| one.id.is_some_and(|id| id.as_bytes() == gone);
        for device in self.devices.iter_mut().filter(is_gone) {
            device.unlinked = true;
            device.unlinked_at = device.unlinked_at.min(now);
            device.unlinked_on = None;
        }
    }

    /// What was removed on a primary device since then, and the server has not had, stays: that device knows nothing of it any more, or
    /// is heard by nobody.
    pub(super) fn forgets_unlinking(&mut self, primary: usize, since: u64) {
        let lost = |one: &Device| one.unlinked_on == Some(primary) && one.unlinked_at >= since;
        let soon = self.now() + 1;
        for number in 0..self.devices.len() {
            if lost(&self.devices[number]) {
                let device = &mut self.devices[number];
                (device.unlinked, device.unlinked_at) = (false, u64::MAX);
                device.unlinked_on = None;
                // It had given up asking.
                device.reachable = true;
                self.wakes(number, soon);
            }
        }
    }
}

/// What is asked for, where it is a change.
fn change(cast: &Cast, act: &Act) -> Option<Change> {
    match act {
        Act::Adds(..) => cast.whom.map(Change::Add),
        Act::Removes(..) => cast.whom.map(Change::Remove),
        Act::Promotes(_, _, role) => cast.whom.map(|whom| Change::Role(whom, *role)),
        Act::Renames(_, name) => Some(Change::Rename(name.clone())),
        Act::Updates(_) => Some(Change::Keys),
        _ => None,
    }
}
