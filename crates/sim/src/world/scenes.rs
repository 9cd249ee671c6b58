//! Who does it, where and to whom: a scene's numbers, taken modulo what is there now.
//!
//! What cannot be (nobody is there, the conversation is not known on that device) is passed over: a shortened script still
//! plays.

use keyfold_engine::view::{Conversation, Standing};
use keyfold_protocol::state::Role;
use keyfold_wire::ids::ConversationId;

use super::World;
use crate::script::{Act, Crowd, Hand, Scene, Where, Who, Whom, person_called};

/// Whom the scene before was about.
#[derive(Clone, Copy, Default)]
pub(super) struct Last {
    pub(super) device: Option<usize>,
    pub(super) tag: Option<u32>,
    pub(super) whom: Option<usize>,
}

/// A scene whose numbers have been looked up.
pub(super) struct Cast {
    pub(super) device: usize,
    pub(super) shown: Option<Conversation>,
    pub(super) whom: Option<usize>,
}

/// Whether something can be done in it.
const fn is_open(shown: &Conversation) -> bool {
    matches!(shown.standing, Standing::Active | Standing::Creating)
}

fn nth<T: Clone>(all: &[T], number: u32) -> Option<T> {
    let place = (number as usize).checked_rem(all.len())?;
    all.get(place).cloned()
}

impl World {
    /// Whose device this is, and which of theirs.
    pub(super) fn hand(&self, device: usize) -> Hand {
        let person = self.devices[device].person;
        let before = self.devices[..device].iter();
        Hand {
            person,
            device: before.filter(|one| one.person == person).count(),
        }
    }

    pub(super) fn device_of(&self, hand: Hand) -> Option<usize> {
        let all = 0..self.devices.len();
        let mut own = all.filter(|device| self.devices[*device].person == hand.person);
        own.nth(hand.device)
    }

    /// Linked and registered, and not removed.
    pub(super) fn is_ready(&self, device: usize) -> bool {
        !self.devices[device].unlinked && self.devices[device].is_registered()
    }

    /// What the device shows of conversations that something can be done in.
    pub(super) fn open_conversations(&self, device: usize) -> Vec<Conversation> {
        let all = self.devices[device].engine.conversations().unwrap();
        all.into_iter().filter(is_open).collect()
    }

    /// The one under this tag, if it is among them.
    fn open_conversation(&self, device: usize, tag: u32) -> Option<Conversation> {
        let id = *self.tags.get(&tag)?;
        let shown = self.devices[device].engine.conversation(id).unwrap();
        shown.filter(|shown| shown.id == id && is_open(shown))
    }

    pub(super) fn tag_of(&self, conversation: ConversationId) -> Option<u32> {
        let mut tags = self.tags.iter();
        tags.find(|(_, id)| **id == conversation)
            .map(|(tag, _)| *tag)
    }

    fn device(&self, scene: &Scene) -> Option<usize> {
        let fault = scene.act.is_fault();
        let ready = (0..self.devices.len()).filter(|device| {
            if fault {
                !self.devices[*device].unlinked
            } else {
                self.is_ready(*device)
            }
        });
        let ready: Vec<usize> = ready.collect();
        let found = match scene.who {
            Who::Any(number) => nth(&ready, number),
            Who::Same => self.last.device,
            Who::Is(hand) => self.device_of(hand),
            Who::Other(number) => {
                let tag = self.last.tag?;
                let with = |device: &usize| {
                    Some(*device) != self.last.device
                        && self.open_conversation(*device, tag).is_some()
                };
                let others: Vec<usize> = ready.iter().copied().filter(with).collect();
                nth(&others, number)
            }
        };
        found.filter(|device| ready.contains(device))
    }

    fn conversation(&self, device: usize, place: Where) -> Option<Conversation> {
        let tagged = |tag: u32| self.open_conversation(device, tag);
        match place {
            Where::Any(number) => nth(&self.open_conversations(device), number),
            Where::Owned(number) => {
                let own = |one: &&Conversation| {
                    let mut members = one.members.iter();
                    members.any(|member| member.me && member.role == Role::Owner)
                };
                let all = self.open_conversations(device);
                let owned: Vec<Conversation> = all.iter().filter(own).cloned().collect();
                nth(&owned, number)
            }
            Where::Last => self.last.tag.and_then(tagged),
            Where::Is(tag) => tagged(tag),
        }
    }

    fn member(&self, shown: Option<&Conversation>, whom: Whom) -> Option<usize> {
        let others = || {
            let members = shown.into_iter().flat_map(|one| &one.members);
            let others = members.filter(|member| !member.me);
            others
                .filter_map(|member| person_called(&member.contact.handle))
                .collect::<Vec<usize>>()
        };
        match whom {
            Whom::Any(number) => nth(&others(), number),
            Whom::Last => self.last.whom,
            Whom::Is(person) => Some(person),
        }
    }

    /// Looks a scene's numbers up. `None`: it cannot be.
    pub(super) fn casts(&mut self, scene: &Scene) -> Option<Cast> {
        if scene.act.is_everybodys() {
            self.played.push(self.named_crowd(scene));
            return Some(Cast {
                device: 0,
                shown: None,
                whom: None,
            });
        }
        let device = self.device(scene)?;
        let (place, whom) = parties(&scene.act);
        let shown = place.and_then(|place| self.conversation(device, place));
        let begins = matches!(scene.act, Act::Says { .. });
        if place.is_some() && shown.is_none() && !begins {
            return None;
        }
        let whom = match whom {
            Some(whom) => Some(self.member(shown.as_ref(), whom)?),
            None => None,
        };
        let tag = shown.as_ref().and_then(|shown| self.tag_of(shown.id));
        if !scene.act.is_fault() {
            self.last = Last {
                device: Some(device),
                tag,
                whom,
            };
        }
        let named = Scene {
            wait: scene.wait,
            who: Who::Is(self.hand(device)),
            act: named(scene.act.clone(), tag, whom),
        };
        self.played.push(named);
        Some(Cast {
            device,
            shown,
            whom,
        })
    }

    fn named_crowd(&self, scene: &Scene) -> Scene {
        let mut scene = scene.clone();
        if let Act::Parted(crowd, _) = &mut scene.act {
            let hands = self.crowd(crowd).into_iter();
            *crowd = Crowd::Are(hands.map(|device| self.hand(device)).collect());
        }
        scene
    }

    /// The devices that are meant.
    pub(super) fn crowd(&self, crowd: &Crowd) -> Vec<usize> {
        match crowd {
            Crowd::Mask(mask) => (0..self.devices.len())
                .filter(|device| mask >> (device % 64) & 1 == 1)
                .collect(),
            Crowd::Are(hands) => hands
                .iter()
                .filter_map(|hand| self.device_of(*hand))
                .collect(),
        }
    }
}

/// Where it is and whom it is about.
const fn parties(act: &Act) -> (Option<Where>, Option<Whom>) {
    match act {
        Act::Says { place, .. }
        | Act::Amends { place, .. }
        | Act::Leaves(place)
        | Act::Renames(place, _)
        | Act::Updates(place) => (Some(*place), None),
        Act::Adds(place, whom) | Act::Removes(place, whom) | Act::Promotes(place, whom, _) => {
            (Some(*place), Some(*whom))
        }
        _ => (None, None),
    }
}

/// The same with names in place of numbers.
fn named(mut act: Act, tag: Option<u32>, person: Option<usize>) -> Act {
    match &mut act {
        Act::Says { place, .. }
        | Act::Amends { place, .. }
        | Act::Leaves(place)
        | Act::Renames(place, _)
        | Act::Updates(place)
        | Act::Adds(place, _)
        | Act::Removes(place, _)
        | Act::Promotes(place, ..) => *place = tag.map_or(*place, Where::Is),
        _ => {}
    }
    if let (Act::Adds(_, whom) | Act::Removes(_, whom) | Act::Promotes(_, whom, _), Some(person)) =
        (&mut act, person)
    {
        *whom = Whom::Is(person);
    }
    act
}
