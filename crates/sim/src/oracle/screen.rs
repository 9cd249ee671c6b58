//! What a device shows: the only thing of it that is judged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_engine::view::{Contact, Entry, Standing, State, What};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;

use super::amended::Fate;
use super::told::Reason;
use crate::device::Device;
use crate::script::person_called;

/// What a device shows of a conversation.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) direct: bool,
    pub(super) standing: Standing,
    pub(super) epoch: u64,
    pub(super) members: Vec<String>,
    /// How many devices each person has in it.
    pub(super) devices: BTreeMap<usize, usize>,
}

/// What a device shows.
pub(super) struct Screen {
    pub(super) device: usize,
    pub(super) counts: HashMap<String, usize>,
    pub(super) states: HashMap<ContentId, State>,
    pub(super) shown: Vec<(ContentId, String)>,
    /// Where each text stands, and under whose name.
    pub(super) under: Vec<(ContentId, ConversationId, Option<usize>)>,
    pub(super) conversations: HashMap<ConversationId, Shown>,
    /// Who is or was in each conversation, as far as this device shows it.
    pub(super) people: HashMap<ConversationId, BTreeSet<usize>>,
    pub(super) gaps: Vec<Gap>,
    pub(super) refused: Vec<String>,
    /// Lines that say that a conversation or a device had come apart from the others.
    pub(super) apart: Vec<String>,
    /// Lines that say that something may be missing, or that the device was out of a conversation for a while: when that was, and why.
    pub(super) reasons: HashMap<ConversationId, Vec<(u64, Reason)>>,
    /// What became of each text.
    pub(super) fates: HashMap<ContentId, Fate>,
    /// When each conversation last began here, as its timeline says.
    pub(super) began: HashMap<ConversationId, u64>,
}

/// A line that says that something is missing.
pub(super) struct Gap {
    pub(super) words: String,
    /// Where.
    pub(super) conversation: ConversationId,
    /// How many messages.
    pub(super) missing: u64,
    /// Whose.
    pub(super) from: Option<usize>,
    /// The text that came instead.
    pub(super) before: Option<ContentId>,
}

impl Screen {
    /// What a device shows. A text counts as it was said first, where `first_said` knows that, whatever became of it.
    pub(super) fn of(device: &Device, first_said: &dyn Fn(&ContentId) -> Option<String>) -> Self {
        let engine = &device.engine;
        let mut screen = Self {
            device: device.number,
            counts: HashMap::new(),
            states: HashMap::new(),
            shown: Vec::new(),
            under: Vec::new(),
            conversations: HashMap::new(),
            people: HashMap::new(),
            gaps: Vec::new(),
            refused: Vec::new(),
            apart: Vec::new(),
            reasons: HashMap::new(),
            fates: HashMap::new(),
            began: HashMap::new(),
        };
        for conversation in engine.conversations().unwrap() {
            for entry in engine.timeline(conversation.id, None, usize::MAX).unwrap() {
                screen.take(conversation.id, entry, first_said);
            }
            let contacts = conversation.members.iter().map(|member| &member.contact);
            screen.meets(conversation.id, contacts);
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
            let devices = conversation.members.iter().filter_map(|member| {
                let person = person_called(&member.contact.handle)?;
                Some((person, member.devices))
            });
            let devices = devices.collect();
            let shown = Shown {
                name: conversation.name,
                direct: conversation.direct,
                standing: conversation.standing,
                epoch: conversation.epoch.0,
                members,
                devices,
            };
            screen.conversations.insert(conversation.id, shown);
        }
        screen
    }

    fn meets<'a>(
        &mut self,
        conversation: ConversationId,
        contacts: impl Iterator<Item = &'a Contact>,
    ) {
        let known = self.people.entry(conversation).or_default();
        known.extend(contacts.filter_map(|contact| person_called(&contact.handle)));
    }

    fn take(
        &mut self,
        conversation: ConversationId,
        mut entry: Entry,
        first_said: &dyn Fn(&ContentId) -> Option<String>,
    ) {
        if let Some(id) = entry.id {
            self.fates.insert(id, Fate::of(&entry));
            let known = first_said(&id);
            if let (What::Text(_) | What::TakenBack { .. }, Some(text)) = (&entry.what, known) {
                entry.what = What::Text(text);
            }
        }
        self.meets(conversation, entry.from.iter());
        if let Some(reason) = Reason::of(&entry.what) {
            let reasons = self.reasons.entry(conversation).or_default();
            reasons.push((entry.at.0, reason));
        }
        match entry.what {
            What::Added(contacts) | What::Removed(contacts) => {
                self.meets(conversation, contacts.iter());
            }
            What::Text(text) => {
                let Some(id) = entry.id else { return };
                let from = entry.from.and_then(|from| person_called(&from.handle));
                self.under.push((id, conversation, from));
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
                    conversation,
                    missing,
                    from: person_called(&from),
                    before: None,
                });
            }
            What::Refused(why) => self.refused.push(why),
            What::Began => {
                self.began.insert(conversation, entry.at.0);
            }
            What::Moved | What::Back(_) | What::Returned(_) | What::MayBeMissing(_) => {
                self.apart.push(format!("{:?}", entry.what));
            }
            _ => {}
        }
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.counts.get(text).copied().unwrap_or(0)
    }

    pub(super) fn is_active(&self, conversation: ConversationId) -> bool {
        self.conversations
            .get(&conversation)
            .is_some_and(|shown| shown.standing == Standing::Active)
    }
}
