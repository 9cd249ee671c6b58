//! Whatever somebody has asked to be changed is so in the end, or they are told that it can't be.

use std::collections::{BTreeMap, BTreeSet};

use keyfold_engine::view::What;
use keyfold_engine::{Engine, Event};
use keyfold_protocol::state::Role;
use keyfold_wire::ids::ConversationId;

use super::Oracle;
use crate::device::Device;
use crate::script::person_called;

/// What somebody may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A person comes in.
    Add(usize),
    /// A person is removed.
    Remove(usize),
    /// A new name.
    Rename(String),
    /// A person gets a role.
    Role(usize, Role),
    /// New keys, which nobody sees.
    Keys,
}

/// What a device was asked for, and what it has told of it. Which change it speaks of it does not say.
#[derive(Clone, Default)]
struct Told {
    asked: Vec<(ConversationId, Change)>,
    /// For each that it says is done, those that were so at that moment.
    done: Vec<Vec<usize>>,
    failed: usize,
}

impl Told {
    /// Whether each that is said to be done can have been another one.
    fn is_true(&self) -> bool {
        let mut taken = BTreeMap::new();
        (0..self.done.len()).all(|done| self.finds(done, &mut taken, &mut BTreeSet::new()))
    }

    /// Finds the change that was done; what another one took of these finds one of its own.
    fn finds(
        &self,
        done: usize,
        taken: &mut BTreeMap<usize, usize>,
        seen: &mut BTreeSet<usize>,
    ) -> bool {
        self.done[done].iter().any(|change| {
            if !seen.insert(*change) {
                return false;
            }
            let by = taken.get(change).copied();
            let free = by.is_none_or(|other| self.finds(other, taken, seen));
            if free {
                taken.insert(*change, done);
            }
            free
        })
    }
}

/// What all devices have told. A copy goes on from what that was when it was made.
#[derive(Default)]
pub(super) struct Wishes {
    now: BTreeMap<usize, Told>,
    at_copy: BTreeMap<usize, Told>,
}

impl Wishes {
    fn of(&self, device: usize) -> Told {
        self.now.get(&device).cloned().unwrap_or_default()
    }

    pub(super) fn is_copied(&mut self, device: usize) {
        self.at_copy.insert(device, self.of(device));
    }

    pub(super) fn goes_on_from_copy(&mut self, device: usize) {
        let then = self.at_copy.get(&device).cloned().unwrap_or_default();
        self.now.insert(device, then);
    }

    pub(super) fn are_clones(&mut self, original: usize, copy: usize) {
        self.now.insert(copy, self.of(original));
    }
}

impl Oracle {
    /// Somebody asks a device for a change.
    pub(crate) fn wishes(&mut self, device: usize, conversation: ConversationId, change: Change) {
        let told = self.wishes.now.entry(device).or_default();
        told.asked.push((conversation, change));
    }

    /// The device would not have it.
    pub(crate) fn wishes_in_vain(&mut self, device: usize) {
        self.wishes.now.entry(device).or_default().asked.pop();
    }

    /// A device tells the end of a change: what it says to be done must be so, whoever did it.
    pub(super) fn hears_of_change(&mut self, device: &Device, event: &Event) {
        let told = self.wishes.now.entry(device.number).or_default();
        match event {
            Event::ChangeDone(conversation) => {
                let asked = told.asked.iter().enumerate();
                // Of several one-to-one conversations that became one, the one that is shown.
                let so = asked.filter(|(_, (place, change))| {
                    *change == Change::Keys
                        || place == conversation && is_so(&device.engine, *place, change)
                });
                told.done.push(so.map(|(number, _)| number).collect());
            }
            Event::ChangeFailed(..) => told.failed += 1,
            _ => {}
        }
    }

    /// The end of each change that was asked for has been told, and what is said to be done was so.
    pub(super) fn judge_wishes(&self, device: &Device) -> Vec<String> {
        let number = device.number;
        let told = self.wishes.of(number);
        let (asked, done, failed) = (told.asked.len(), told.done.len(), told.failed);
        let mut found = Vec::new();
        if asked != done + failed {
            found.push(format!(
                "device {number} was asked for {asked} changes, and has said that {done} are done, and that {failed} can't be"
            ));
        }
        if !told.is_true() {
            found.push(format!(
                "device {number} has said that {done} changes are done, and some are not: {:?}",
                told.asked
            ));
        }
        found
    }
}

/// Whether the conversation is as the change would have it, or a line says that this was done.
fn is_so(engine: &Engine, conversation: ConversationId, change: &Change) -> bool {
    let Ok(Some(shown)) = engine.conversation(conversation) else {
        return false;
    };
    let member = |person: usize| {
        let mut members = shown.members.iter();
        members.find(|member| person_called(&member.contact.handle) == Some(person))
    };
    let holds = match change {
        Change::Add(person) => member(*person).is_some(),
        Change::Remove(person) => member(*person).is_none(),
        Change::Rename(name) => shown.name == *name,
        Change::Role(person, role) => member(*person).is_some_and(|member| member.role == *role),
        Change::Keys => true,
    };
    let lines = || engine.timeline(conversation, None, usize::MAX);
    holds
        || lines().is_ok_and(|lines| {
            lines
                .iter()
                .any(|line| line.mine && says(&line.what, change))
        })
}

fn says(what: &What, change: &Change) -> bool {
    match (what, change) {
        (What::Added(contacts), Change::Add(person))
        | (What::Removed(contacts), Change::Remove(person)) => {
            let mut people = contacts.iter();
            people.any(|one| person_called(&one.handle) == Some(*person))
        }
        (What::Renamed(new), Change::Rename(name)) => new == name,
        (What::RolesChanged, Change::Role(..)) => true,
        _ => false,
    }
}
