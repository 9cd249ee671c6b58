//! Who said what, who was in which epoch, and hence what every screen must show.
//!
//! The oracle sees three things that no part of the product sees together: what people typed, which request of which
//! device the server accepted at which epoch, and whose mailboxes the roster of that epoch named. From these follows, for
//! each text, on which devices it must be, exactly once and in the server's order, and on which it must not.

mod ends;
mod facts;
mod gaps;
mod order;
mod rest;
mod screen;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{ConversationId, MailboxId};

use crate::device::Device;
use rest::at_rest;
use screen::Screen;

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
}
