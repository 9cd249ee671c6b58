//! All members of a conversation's last epoch agree in the end.

use std::collections::{BTreeMap, BTreeSet};

use keyfold_engine::view::Standing;
use keyfold_wire::ids::ConversationId;

use super::screen::Screen;
use super::{Handle, Oracle};
use crate::device::Device;

impl Oracle {
    /// All members of a conversation's last epoch agree.
    pub(super) fn judge_ends(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let mut found = Vec::new();
        let mut homes: BTreeMap<&Handle, ConversationId> = BTreeMap::new();
        for said in self.said.values() {
            for placed in self.places_of(said) {
                homes.insert(&placed.handle, said.conversation);
            }
        }
        let mut handles: BTreeMap<ConversationId, usize> = BTreeMap::new();
        for conversation in homes.values() {
            *handles.entry(*conversation).or_default() += 1;
        }
        found.extend(self.judge_moved(devices, screens));
        for (handle, conversation) in homes {
            // One that has moved is judged by its screens alone.
            if handles[&conversation] > 1 || self.came_apart() {
                continue;
            }
            let epoch = self.epochs[handle];
            let rosters = &self.rosters[&(handle.clone(), epoch)];
            let in_it = |number| {
                rosters
                    .iter()
                    .any(|entered| entered.members.contains(number))
            };
            let mut seen: Option<(&String, &Vec<String>)> = None;
            for (device, screen) in devices.iter().zip(screens) {
                if device.unlinked || !in_it(&device.number) {
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

    /// Wherever a conversation has gone, all who are in it are in the same.
    fn judge_moved(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let mut found = Vec::new();
        let mut places = self.places(devices, screens);
        for places in places.values_mut() {
            places.retain(|place| !place.people.is_empty());
            let Some((first, others)) = places.split_first() else {
                continue;
            };
            for other in others {
                if !(first.is_lost_to(other) || other.is_lost_to(first)) {
                    found.push(format!("{other}, {first}"));
                }
            }
        }
        found
    }

    /// Where each group goes on, as its devices show it.
    pub(super) fn places<'a>(
        &self,
        devices: &[Device],
        screens: &'a [Screen],
    ) -> BTreeMap<ConversationId, Vec<Seen<'a>>> {
        let mut places: BTreeMap<ConversationId, Vec<Seen>> = BTreeMap::new();
        for (device, screen) in devices.iter().zip(screens) {
            if device.unlinked || !device.is_registered() {
                continue;
            }
            // What a copy shows that was turned away is not judged, but what it knows of counts.
            let is_copy = self.is_turned_away(device.number);
            for (id, shown) in &screen.conversations {
                if shown.direct || shown.standing != Standing::Active {
                    continue;
                }
                let view = (shown.epoch, &shown.name, &shown.members);
                let places = places.entry(*id).or_default();
                let known = places.iter().position(|place| place.view == view);
                let place = known.unwrap_or_else(|| {
                    places.push(Seen::new(device.number, view));
                    places.len() - 1
                });
                let place = &mut places[place];
                if !is_copy {
                    place.people.insert(device.person);
                }
                place.devices.insert(device.number);
                place.known.extend(&screen.people[id]);
                // Whoever was may have left since.
                let were = devices
                    .iter()
                    .filter(|one| place.known.contains(&one.person));
                place.put_back |= is_copy
                    || were
                        .map(|one| one.number)
                        .any(|one| self.is_copied(one) || self.put_back(one) > 0);
            }
        }
        places
    }
}

/// Devices that show one and the same of a conversation.
pub(super) struct Seen<'a> {
    device: usize,
    devices: BTreeSet<usize>,
    view: (u64, &'a String, &'a Vec<String>),
    /// Whose they are, copies of devices aside.
    people: BTreeSet<usize>,
    /// Who is or was in the conversation, as far as they show it.
    known: BTreeSet<usize>,
    /// A device of one of those was put back to an earlier state, or the server was.
    put_back: bool,
}

impl<'a> Seen<'a> {
    fn new(device: usize, view: (u64, &'a String, &'a Vec<String>)) -> Self {
        Self {
            device,
            devices: BTreeSet::new(),
            view,
            people: BTreeSet::new(),
            known: BTreeSet::new(),
            put_back: false,
        }
    }

    pub(super) fn holds(&self, device: usize) -> bool {
        self.devices.contains(&device)
    }

    /// Who came in after a copy was made is unknown to all who go on from the copy, and reached by none of them.
    pub(super) fn is_lost_to(&self, other: &Self) -> bool {
        other.put_back && self.people.is_disjoint(&other.known)
    }
}

impl std::fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (epoch, name, members) = self.view;
        write!(
            f,
            "device {} is at epoch {epoch} of {name:?} {members:?}",
            self.device
        )
    }
}
