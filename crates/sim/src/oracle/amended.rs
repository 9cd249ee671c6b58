//! What becomes of a text: whoever has it, and all that was done to it, shows the same.
//!
//! What was done follows the server's order, whoever was away: the last edit of the author's stands, each person's last reaction, the last word on
//! whether it is pinned; and what is taken back shows nothing of all that.

use std::collections::BTreeMap;

use keyfold_engine::view::{Entry, What};
use keyfold_protocol::content::{Body, ContentId, Kept};
use keyfold_wire::ids::ConversationId;

use super::screen::Screen;
use super::{MessageId, Oracle, Placed, Said};
use crate::device::Device;
use crate::script::person_called;

/// Something that was done to a text.
pub(super) struct Amendment {
    /// Where, when and by whom it was said.
    pub(super) said: Said,
    target: ContentId,
    does: Body,
}

/// What a device shows of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// Another text in its place.
    edited: Option<String>,
    taken_back: bool,
    /// By person.
    reactions: BTreeMap<usize, String>,
    pinned: bool,
}

impl Fate {
    pub(super) fn of(entry: &Entry) -> Self {
        let reactions = entry.reactions.iter().filter_map(|one| {
            let person = person_called(&one.from.handle)?;
            Some((person, one.emoji.clone()))
        });
        Self {
            edited: match &entry.what {
                What::Text(text) if entry.edited => Some(text.clone()),
                _ => None,
            },
            taken_back: matches!(entry.what, What::TakenBack { .. }),
            reactions: reactions.collect(),
            pinned: entry.pinned,
        }
    }
}

impl Oracle {
    /// Somebody did something to a text, and the device took it.
    pub(crate) fn amends(
        &mut self,
        device: &Device,
        conversation: ConversationId,
        id: ContentId,
        at: u64,
    ) {
        let Some(does) = says(device, &id) else {
            return;
        };
        let target = match &does {
            // A reaction that is taken back is about what it was a reaction to.
            Body::Deletion(of) => self.amendments.get(of).map_or(*of, |one| one.target),
            does => match does.about() {
                Some(target) => target,
                None => return,
            },
        };
        let said = Said {
            number: self.said.len(),
            text: String::new(),
            device: device.number,
            conversation,
            messages: Vec::new(),
            at,
        };
        self.amendments.insert(id, Amendment { said, target, does });
        self.settles();
    }

    /// It was seen on the wire, as this message.
    pub(super) fn amendment_is(&mut self, id: &ContentId, message: &MessageId) -> bool {
        let found = self.amendments.get_mut(id);
        found
            .map(|one| one.said.messages.push(message.clone()))
            .is_some()
    }

    /// Whoever shows a text and has all that was done to it shows what became of it.
    pub(super) fn judge_amended(&self, screens: &[Screen], devices: &[Device]) -> Vec<String> {
        let mut about: BTreeMap<ContentId, Vec<(&ContentId, &Amendment)>> = BTreeMap::new();
        for (id, one) in &self.amendments {
            about.entry(one.target).or_default().push((id, one));
        }
        let mut found = Vec::new();
        for (target, amendments) in about {
            let Some(said) = self.said.get(&target) else {
                continue;
            };
            let Some(expected) = self.fate(said, &amendments, devices) else {
                continue;
            };
            for (screen, device) in screens.iter().zip(devices) {
                let has_all = || {
                    let mut amendments = amendments.iter();
                    amendments.all(|(_, one)| self.has_for_certain(&one.said, device, devices))
                };
                match screen.fates.get(&target) {
                    Some(fate) if *fate != expected && has_all() => found.push(format!(
                        "{:?} is {fate:?} instead of {expected:?} on device {}{}",
                        said.short(),
                        screen.device,
                        self.told_of(&amendments)
                    )),
                    _ => {}
                }
            }
        }
        found
    }

    /// What was done to a text, each with when it was said, and in which orders the server has it.
    fn told_of(&self, amendments: &[(&ContentId, &Amendment)]) -> String {
        let tell = |(_, one): &(&ContentId, &Amendment)| {
            let does = match &one.does {
                Body::Edit { text, .. } => format!("edit {:?}", text.text),
                Body::Reaction(reaction) => format!("reaction {}", reaction.emoji),
                Body::Pin { pinned, .. } => format!("pin {pinned}"),
                _ => "deletion".to_owned(),
            };
            let orders: Vec<u64> = self.places_of(&one.said).map(|one| one.order).collect();
            let said = &one.said;
            format!(
                "\n        {does} by device {} at {}: {orders:?}",
                said.device, said.at
            )
        };
        amendments.iter().map(tell).collect()
    }

    /// What became of a text in the server's order. `None`: that is not certain, since something of it is at several places.
    fn fate(
        &self,
        said: &Said,
        amendments: &[(&ContentId, &Amendment)],
        devices: &[Device],
    ) -> Option<Fate> {
        let mut ordered = Vec::new();
        for (id, one) in amendments {
            let places: Vec<&Placed> = self.places_of(&one.said).collect();
            match places.as_slice() {
                // It has failed on its own device, and nobody has it.
                [] => {}
                [placed] => ordered.push((placed.order, **id, *one)),
                _ => return None,
            }
        }
        ordered.sort_by_key(|(order, ..)| *order);
        let person = |one: &Said| devices[one.device].person;
        let mut fate = Fate::default();
        let mut reactions: BTreeMap<usize, (ContentId, String)> = BTreeMap::new();
        let mut gone = Vec::new();
        for (_, id, one) in ordered {
            let by = person(&one.said);
            match &one.does {
                Body::Edit { text, .. } => fate.edited = Some(text.text.clone()),
                Body::Deletion(of) if *of == one.target => fate.taken_back = true,
                Body::Deletion(of) => gone.push(*of),
                Body::Reaction(reaction) => {
                    reactions.insert(by, (id, reaction.emoji.clone()));
                }
                Body::Pin { pinned, .. } => fate.pinned = *pinned,
                _ => {}
            }
        }
        if fate.taken_back {
            return Some(Fate {
                taken_back: true,
                ..Fate::default()
            });
        }
        let stand = reactions
            .into_iter()
            .filter(|(_, (id, _))| !gone.contains(id));
        fate.reactions = stand.map(|(by, (_, emoji))| (by, emoji)).collect();
        fate.edited = fate.edited.filter(|text| *text != said.text);
        Some(fate)
    }

    /// Whether nothing excuses that a device lacks it. What nobody has got its own device, or a copy of that, may show all the same: it waits there.
    fn has_for_certain(&self, said: &Said, device: &Device, devices: &[Device]) -> bool {
        if self.places_of(said).next().is_none() {
            return said.device != device.number && !self.is_copied(device.number);
        }
        self.places_of(said).all(|placed| {
            self.was_in(device, placed)
                && self.excuse(said, placed, device, devices).is_none()
                && self.excuse_of_sender(said.device, placed.at).is_none()
        })
    }
}

/// What a message of a device's own says.
fn says(device: &Device, id: &ContentId) -> Option<Body> {
    let select = "SELECT body FROM timeline WHERE content_id = ?1";
    let copied = device.copied()?;
    let body: Vec<u8> = copied
        .database
        .query_row(select, [id.as_ref()], |row| row.get(0))
        .ok()?;
    Some(Kept::read(&body).ok()?.body)
}
