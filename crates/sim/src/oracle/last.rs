//! What is said when all is at rest comes to everybody who is a member, and everybody shows who that is.
//!
//! Nothing excuses it but the last paragraphs of `docs/protocol/recovery.md`: somebody who came in after a copy was made, or whom nobody could
//! bring in before that.

use std::collections::{BTreeMap, BTreeSet};

use keyfold_engine::view::Standing;
use keyfold_wire::ids::ConversationId;

use super::ends::Seen;
use super::excuse::DELAY;
use super::screen::{Screen, Shown};
use super::{Oracle, Said};
use crate::device::Device;

type Places<'a> = BTreeMap<ConversationId, Vec<Seen<'a>>>;

impl Oracle {
    /// All is at rest. What is said from now on is judged without the excuses of others.
    pub(crate) fn hears_last_words(&mut self) {
        self.before_last = Some(self.order_said.len());
    }

    /// Whether a device has a part in what is said last.
    fn takes_part(&self, device: &Device) -> bool {
        device.is_registered() && !device.unlinked && !self.is_turned_away(device.number)
    }

    /// Each last word is shown once by all devices of all whom its sender shows as members, and by no other.
    pub(super) fn judge_last_words(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let places = self.places(devices, screens);
        let first = self.before_last.unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for id in self.order_said.iter().skip(first) {
            let said = &self.said[id];
            let sender = &screens[said.device];
            let home = sender.under.iter().find(|(shown, ..)| shown == id);
            let home = home.map_or(said.conversation, |(_, home, _)| *home);
            let Some(shown) = sender.conversations.get(&home) else {
                continue;
            };
            for (device, screen) in devices.iter().zip(screens) {
                let member = shown.devices.contains_key(&device.person);
                let wanted = usize::from(member && self.takes_part(device));
                let count = screen.count(&said.text);
                let rogue = [device.person, devices[said.device].person];
                if count == wanted || rogue.iter().any(|one| self.rogues.contains(one)) {
                    continue;
                }
                let pair = (said.device, device.number);
                let excused = self.is_out_of_reach(pair, home, screen, &places)
                    || self.nobody_brings_it_in(said, device, devices);
                if count > wanted || !excused {
                    let placed: Vec<_> = self.places_of(said).collect();
                    found.push(format!(
                        "{:?} is shown {count} times instead of {wanted} on device {}, at rest{}",
                        said.short(),
                        device.number,
                        self.history(said, &placed, device)
                    ));
                }
            }
        }
        found
    }

    /// Whether the one came into a conversation after a copy was made from which the other goes on.
    fn is_out_of_reach(
        &self,
        (one, other): (usize, usize),
        conversation: ConversationId,
        screen: &Screen,
        places: &Places<'_>,
    ) -> bool {
        let places = places.get(&conversation);
        let place = |device| places?.iter().find(|place| place.holds(device));
        let apart = match (place(one), place(other)) {
            (Some(one), Some(other)) => one.is_lost_to(other) || other.is_lost_to(one),
            _ => false,
        };
        apart || self.does_not_know_it(screen, conversation)
    }

    /// Whether a device was never where this was said, and all of its account that were are copies that are turned away, and have forgotten
    /// that place, or were turned away, before they could bring it in.
    fn nobody_brings_it_in(&self, said: &Said, device: &Device, devices: &[Device]) -> bool {
        let Some(since) = self.first_greeted.get(&device.number) else {
            return false;
        };
        let mut places = self.places_of(said).peekable();
        places.peek().is_some()
            && places.all(|placed| {
                let came = |one: &Device| self.first_in(one.number, &placed.handle);
                let own = devices.iter().filter(|one| one.person == device.person);
                let mut there = own.filter_map(|one| Some((one, came(one)?))).peekable();
                there.peek().is_some()
                    && there.all(|(one, came)| {
                        one.id != device.id
                            && !one.unlinked
                            && self.is_gone_since(one.number, came).is_some_and(|gone| {
                                self.last_up_to_date(one.number, gone)
                                    <= since.saturating_add(DELAY)
                                    && !self.has_come_back(one.number, said.conversation, gone)
                            })
                    })
            })
    }

    /// Since when a device that is turned away in the end knows nothing of where it came in then.
    fn is_gone_since(&self, device: usize, came: u64) -> Option<u64> {
        let away = *self.turned_away.get(&device)?;
        let restored = self.restored.get(&device).into_iter().flatten();
        let forgot = restored.filter(|one| one.copied < came && came <= one.at);
        forgot.map(|one| one.at).chain([away]).min()
    }

    /// Whether a device found its place in a conversation after this.
    fn has_come_back(&self, device: usize, conversation: ConversationId, since: u64) -> bool {
        let about = self.moved_about.get(&(device, conversation));
        let mut about = about.into_iter().flatten();
        about.any(|(at, lost)| !lost && *at >= since)
    }

    /// Whether a device was put back, or goes on from a copy, to before it came into a conversation.
    fn does_not_know_it(&self, screen: &Screen, conversation: ConversationId) -> bool {
        let put_back = self.restored.contains_key(&screen.device) || self.is_copied(screen.device);
        put_back && !screen.conversations.contains_key(&conversation)
    }

    /// Whoever shows a conversation as in use shows as many devices of each member as show it as well.
    pub(super) fn judge_members(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let places = self.places(devices, screens);
        let mut found = Vec::new();
        for (device, screen) in devices.iter().zip(screens) {
            if !self.takes_part(device) || self.rogues.contains(&device.person) {
                continue;
            }
            let active = screen.conversations.iter();
            for (id, shown) in active.filter(|(_, shown)| shown.standing == Standing::Active) {
                for (person, count) in &shown.devices {
                    let theirs = devices.iter().zip(screens);
                    let theirs = theirs.filter(|(one, _)| one.person == *person);
                    let (parts, others): (Vec<_>, Vec<_>) =
                        theirs.partition(|(one, _)| self.takes_part(one));
                    let here = parts.iter().filter(|(_, other)| is_in(other, *id, shown));
                    let here: BTreeSet<_> = here.map(|(one, _)| one.id).collect();
                    // What is turned away stays in it until its person removes that device.
                    let ghosts = others.iter().filter(|(one, _)| {
                        self.is_turned_away(one.number) && !one.unlinked && !here.contains(&one.id)
                    });
                    let ghosts: BTreeSet<_> = ghosts.map(|(one, _)| one.id).collect();
                    let right = here.len()..=here.len() + ghosts.len();
                    let excused = self.rogues.contains(person)
                        || parts.iter().any(|(one, other)| {
                            let pair = (device.number, one.number);
                            self.is_out_of_reach(pair, *id, other, &places)
                        });
                    if !right.contains(count) && !excused {
                        found.push(format!(
                            "device {} shows {count} devices of {} in {:?}, and {right:?} show it",
                            device.number,
                            crate::script::handle(*person),
                            shown.name,
                        ));
                    }
                }
            }
        }
        found
    }
}

/// Whether a device shows this conversation as in use; of several one-to-one conversations of two people one shows all.
fn is_in(screen: &Screen, id: ConversationId, shown: &Shown) -> bool {
    let joined = |other: &Shown| {
        other.direct
            && shown.direct
            && other.standing == Standing::Active
            && other.devices.keys().eq(shown.devices.keys())
    };
    screen.is_active(id) || screen.conversations.values().any(joined)
}
