//! What people do: mostly they talk; sometimes they begin groups, change them, link devices and go out of reach.

use keyfold_engine::view::{Conversation, Standing};
use keyfold_engine::{Answer, Command};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::world::World;

/// Devices that a person has at most.
const MAX_DEVICES: usize = 3;

/// What somebody may do, with how often.
const HABITS: [(u32, Habit); 12] = [
    (600, Habit::Say),
    (25, Habit::Group),
    (25, Habit::Direct),
    (50, Habit::Add),
    (30, Habit::Remove),
    (15, Habit::Leave),
    (20, Habit::Rename),
    (20, Habit::Role),
    (40, Habit::Update),
    (12, Habit::Link),
    (6, Habit::Unlink),
    (60, Habit::Away),
];

#[derive(Clone, Copy, Debug)]
enum Habit {
    Say,
    Group,
    Direct,
    Add,
    Remove,
    Leave,
    Rename,
    Role,
    Update,
    Link,
    Unlink,
    Away,
}

impl World {
    /// Somebody does something on one of their devices.
    pub(crate) fn lives(&mut self) {
        let ready: Vec<usize> = (0..self.devices.len())
            .filter(|device| {
                !self.devices[*device].unlinked && self.devices[*device].is_registered()
            })
            .collect();
        let Some(device) = ready.choose(&mut self.rng).copied() else {
            return;
        };
        let total: u32 = HABITS.iter().map(|(weight, _)| weight).sum();
        let mut dice = self.rng.random_range(0..total);
        let habit = HABITS
            .iter()
            .find(|(weight, _)| {
                let hit = dice < *weight;
                dice = dice.saturating_sub(*weight);
                hit
            })
            .map_or(Habit::Say, |(_, habit)| *habit);
        self.trace
            .note(self.now(), "life", &[device as u64, habit as u64]);
        self.does(device, habit);
    }

    fn does(&mut self, device: usize, habit: Habit) {
        match habit {
            Habit::Say => self.says(device),
            Habit::Group => self.begins(device),
            Habit::Direct => {
                let people = vec![self.somebody()];
                self.creates(device, people, None);
            }
            Habit::Link => self.links(device),
            Habit::Unlink => self.unlinks(device),
            Habit::Away => self.goes_away(device),
            _ => self.changes(device, habit),
        }
    }

    /// What all devices speak: mostly the classic suite, which is faster and means the same to everything else.
    pub(crate) fn suites(&self) -> Vec<Suite> {
        if self.options.seed.is_multiple_of(8) {
            Suite::ALL.to_vec()
        } else {
            vec![Suite::Classic]
        }
    }

    fn somebody(&mut self) -> String {
        let person = self.rng.random_range(0..self.options.people);
        name(person)
    }

    fn begins(&mut self, device: usize) {
        let count = self.rng.random_range(1..self.options.people.min(6) + 1);
        let people = (0..count).map(|_| self.somebody()).collect();
        let number = self.groups;
        self.groups += 1;
        self.creates(device, people, Some(format!("group {number}")));
    }

    fn creates(&mut self, device: usize, mut people: Vec<String>, name: Option<String>) {
        people.sort();
        people.dedup();
        let command = Command::Create {
            people,
            name,
            suite: None,
        };
        self.commands(device, command);
    }

    fn conversations(&self, device: usize) -> Vec<Conversation> {
        let all = self.devices[device].engine.conversations().unwrap();
        all.into_iter()
            .filter(|one| matches!(one.standing, Standing::Active | Standing::Creating))
            .collect()
    }

    fn says(&mut self, device: usize) {
        let Some(conversation) = self.conversations(device).choose(&mut self.rng).cloned() else {
            return self.begins(device);
        };
        for _ in 0..self.rng.random_range(1..4) {
            self.says_in(device, conversation.id);
        }
    }

    fn says_in(&mut self, device: usize, conversation: ConversationId) {
        let number = self.oracle.texts();
        let long = self.rng.random_bool(0.02);
        let mut text = format!("text {number} of device {device}");
        if long {
            text.push_str(&" and so on".repeat(800));
        }
        let command = Command::Send {
            conversation,
            text: text.clone(),
        };
        if let Some(Answer::Message(id)) = self.commands(device, command) {
            self.oracle.says(device, conversation, id, text);
        }
    }

    fn changes(&mut self, device: usize, habit: Habit) {
        let Some(shown) = self.conversations(device).choose(&mut self.rng).cloned() else {
            return;
        };
        let conversation = shown.id;
        let others: Vec<_> = shown.members.iter().filter(|member| !member.me).collect();
        let other = others
            .choose(&mut self.rng)
            .map(|member| member.contact.clone());
        let command = match (habit, other) {
            (Habit::Add, _) => Command::Add {
                conversation,
                people: vec![self.somebody()],
            },
            (Habit::Remove, Some(other)) => Command::Remove {
                conversation,
                people: vec![other.handle],
            },
            (Habit::Role, Some(other)) => Command::ChangeRole {
                conversation,
                account: other.account,
                role: *[Role::Member, Role::Admin, Role::Admin, Role::Owner]
                    .choose(&mut self.rng)
                    .unwrap(),
            },
            (Habit::Leave, _) => Command::Leave { conversation },
            (Habit::Rename, _) => Command::Rename {
                conversation,
                name: format!("renamed {}", self.rng.random_range(0..1_000)),
            },
            (Habit::Update, _) => Command::Update { conversation },
            _ => return,
        };
        self.commands(device, command);
    }

    /// A further device for the same person, by carrying the codes.
    fn links(&mut self, device: usize) {
        let person = self.devices[device].person;
        let primary = self
            .devices
            .iter()
            .position(|one| one.person == person)
            .unwrap();
        let own = self
            .devices
            .iter()
            .filter(|one| one.person == person && !one.unlinked)
            .count();
        if own >= MAX_DEVICES {
            return;
        }
        let new = self.arrives(person);
        let suites = self.suites();
        let Some(Answer::LinkRequest(link_request)) =
            self.commands(new, Command::RequestLink { suites })
        else {
            return self.oracle.violated("no link request".to_owned());
        };
        let Some(Answer::Certificate(certificate)) =
            self.commands(primary, Command::AddDevice { link_request })
        else {
            return self.oracle.violated("no certificate".to_owned());
        };
        self.commands(new, Command::AcceptLink { certificate });
        let me = self.devices[new].engine.me().unwrap();
        self.devices[new].id = me.map(|me| me.device);
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
            self.commands(primary, Command::RemoveDevice { device: gone });
            self.devices[last].unlinked = true;
        }
    }

    /// Out of reach for a while: mostly minutes, sometimes days.
    fn goes_away(&mut self, device: usize) {
        if !self.options.faults.network() {
            return;
        }
        let minutes = if self.rng.random_bool(0.1) {
            self.rng.random_range(60..3 * 24 * 60)
        } else {
            self.rng.random_range(1..20)
        };
        self.out_of_reach(device, minutes * 60_000);
    }
}

/// What the person of this number is called.
pub(crate) fn name(person: usize) -> String {
    format!("person{person}")
}
