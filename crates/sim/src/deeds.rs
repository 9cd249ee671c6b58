//! What the devices of a world do with MLS, one after the other: so that it can be done once more with nothing around it, to see
//! what the simulation costs beside that (`cargo xtask bench -- sim`).
//!
//! Read from what goes over the wire. Not in here: what is asked for again, and what a device makes of an item (an own
//! message, one from an epoch that it is not in).

use std::collections::HashMap;

use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

/// One thing that a device does with MLS. Groups and messages have numbers of the world's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It makes key packages.
    Publishes {
        /// Which device.
        device: usize,
        /// How many.
        count: usize,
    },
    /// It makes a group with these devices, itself among them.
    Creates {
        /// Which device.
        device: usize,
        /// Which group.
        group: usize,
        /// The message that the others join by.
        message: usize,
        /// Who is in it.
        members: Vec<usize>,
    },
    /// It makes a commit after which these devices are in the group.
    Commits {
        /// Which device.
        device: usize,
        /// Which group.
        group: usize,
        /// The commit, which is also what others join by.
        message: usize,
        /// Who is in it afterwards.
        members: Vec<usize>,
    },
    /// It encrypts a message.
    Says {
        /// Which device.
        device: usize,
        /// Which group.
        group: usize,
        /// The message.
        message: usize,
        /// Bytes of its body, as it lies at the server.
        length: usize,
    },
    /// It gets a message or a commit, its own ones as well.
    Hears {
        /// Which device.
        device: usize,
        /// The message.
        message: usize,
    },
    /// It is welcomed.
    Joins {
        /// Which device.
        device: usize,
        /// By which message.
        message: usize,
    },
}

/// Writes them down.
#[derive(Default)]
pub(crate) struct Deeds {
    done: Vec<Deed>,
    groups: HashMap<Vec<u8>, usize>,
    messages: HashMap<Vec<u8>, usize>,
    /// Messages by what each joiner gets of them.
    welcomes: HashMap<Vec<u8>, usize>,
}

impl Deeds {
    /// A device has put a request on the wire. `members` turns a roster into devices.
    pub(crate) fn asks(
        &mut self,
        device: usize,
        body: &Body,
        members: impl FnOnce(&[bytes::Bytes]) -> Vec<usize>,
    ) {
        let deed = match body {
            Body::PublishKeyPackages(publish) => Some(Deed::Publishes {
                device,
                count: publish.key_packages.len(),
            }),
            Body::Create(create) => {
                self.welcomes(&create.message_id, &create.welcomes)
                    .map(|message| Deed::Creates {
                        device,
                        group: self.group(&create.handle),
                        message,
                        members: members(&create.roster),
                    })
            }
            Body::Commit(commit) => {
                self.welcomes(&commit.message_id, &commit.welcomes)
                    .map(|message| Deed::Commits {
                        device,
                        group: self.group(&commit.handle),
                        message,
                        members: members(&commit.next_roster),
                    })
            }
            Body::Send(send) => self.message(&send.message_id).map(|message| Deed::Says {
                device,
                group: self.group(&send.handle),
                message,
                length: send.body.len(),
            }),
            _ => None,
        };
        self.done.extend(deed);
    }

    /// A device takes items in.
    pub(crate) fn takes_in(&mut self, device: usize, items: &[v1::Item]) {
        let known = items.iter().filter_map(|item| match &item.content {
            Some(v1::item::Content::Message(message)) => {
                let message = *self.messages.get(message.message_id.as_ref())?;
                Some(Deed::Hears { device, message })
            }
            Some(v1::item::Content::Welcome(welcome)) => {
                let message = *self.welcomes.get(welcome.secrets.as_ref())?;
                Some(Deed::Joins { device, message })
            }
            None => None,
        });
        self.done.extend(known);
    }

    /// All of them, in order.
    pub(crate) fn done(self) -> Vec<Deed> {
        self.done
    }

    fn group(&mut self, handle: &[u8]) -> usize {
        let next = self.groups.len();
        *self.groups.entry(handle.to_vec()).or_insert(next)
    }

    /// `None`: it has been asked for before.
    fn message(&mut self, id: &[u8]) -> Option<usize> {
        if self.messages.contains_key(id) {
            return None;
        }
        let next = self.messages.len();
        self.messages.insert(id.to_vec(), next);
        Some(next)
    }

    fn welcomes(&mut self, id: &[u8], welcomes: &[v1::WelcomeItem]) -> Option<usize> {
        let message = self.message(id)?;
        for welcome in welcomes {
            self.welcomes.insert(welcome.secrets.to_vec(), message);
        }
        Some(message)
    }
}
