//! Who said what, who was in which epoch, and hence what every screen must show.
//!
//! The oracle sees three things that no part of the product sees together: what people typed, which request of which
//! device the server accepted at which epoch, and whose mailboxes the roster of that epoch named. From these follows, for
//! each text, on which devices it must be, exactly once and in the server's order, and on which it must not.

mod amended;
mod ends;
mod excuse;
mod facts;
mod gaps;
pub(crate) mod growth;
mod history;
mod invited;
mod last;
mod left_behind;
mod noticed;
mod order;
mod past;
mod rest;
mod screen;
mod texts;
mod told;
mod turned_away;
mod wishes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{ConversationId, MailboxId};

use crate::device::Device;
use amended::Amendment;
pub use excuse::Excuse;
use excuse::{PutBack, Span};
use left_behind::LeftBehind;
pub(crate) use past::{Carried, Moved, reads};
use past::{Entered, Past};
use rest::{at_rest, given_up};
use screen::Screen;
use told::Missing;
use turned_away::Clones;
pub(crate) use wishes::Change;
use wishes::Wishes;

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Every step of every engine succeeds, unless the disk is full, and none goes round in circles.
    Steps,
    /// Each text is shown exactly once on each device of its epoch, and on no other.
    Shown,
    /// What was typed is sent, or has failed for a good reason; it is neither lost nor waits for ever.
    Unsent,
    /// All devices show the server's order.
    Order,
    /// Whoever has a text, and all that was done to it, shows the same of it.
    Amended,
    /// Each gap that is shown is right.
    Gaps,
    /// Where something is missing rightly, its device says that something may be.
    Told,
    /// All members end in the same epoch with the same roster, name and roles.
    Ends,
    /// What somebody wanted changed is changed, or is said to have failed.
    Changes,
    /// Nothing is refused, held or waiting in the end.
    Rest,
    /// No frame holds a plaintext, and none on a conversation a handle.
    Wire,
    /// No key and nonce are used twice.
    Keys,
    /// What the server keeps holds no plaintext, no roster key and no handle of a conversation.
    AtRest,
    /// What a malicious server or member does comes to nothing, or somebody is told.
    Noticed,
    /// A stolen state opens nothing beyond the bounds.
    Secrecy,
    /// Nothing grows beyond what people, devices, conversations and unread messages account for.
    Growth,
    /// The server accepts one commit for an epoch, and one only.
    Epochs,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub check: Check,
    /// How, in one sentence.
    pub words: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.check, self.words)
    }
}

type Found = Vec<(Check, String)>;
type Handle = Vec<u8>;
type MessageId = Vec<u8>;

/// Something that somebody typed.
struct Said {
    number: usize,
    text: String,
    device: usize,
    conversation: ConversationId,
    /// What it became: it may be said again where its device had lost its place.
    messages: Vec<MessageId>,
    at: u64,
}

/// What a message says, as the outbox of its device has it.
struct Outgoing {
    message: MessageId,
    device: usize,
    id: ContentId,
    /// That its person leaves: no text.
    leaves: bool,
    /// The conversation that shows it.
    shown: ConversationId,
}

/// That somebody said on a device that they leave.
struct Leaving {
    device: usize,
    conversation: ConversationId,
    at: u64,
    /// What it became: it is said again where a conversation goes on.
    messages: Vec<MessageId>,
}

/// With which message a device's person was out of a conversation.
#[derive(Clone)]
struct Parting {
    conversation: ConversationId,
    message: MessageId,
    handle: Handle,
    order: u64,
    epoch: u64,
}

/// A message as the server placed it.
struct Placed {
    handle: Handle,
    epoch: u64,
    order: u64,
    at: u64,
    /// Requests that the server had accepted by then, this one included.
    accepted: u64,
}

/// Violations that are kept: more say nothing more.
const MOST: usize = 20;

#[derive(Default)]
pub(crate) struct Oracle {
    said: HashMap<ContentId, Said>,
    order_said: Vec<ContentId>,
    placed: HashMap<MessageId, Placed>,
    /// Where messages were placed that the server had lost, once it had them again.
    placed_again: HashMap<MessageId, Vec<Placed>>,
    /// Whose request a message was.
    asked: HashMap<MessageId, usize>,
    /// In which conversation a device shows what it says in a group.
    shows_in: HashMap<(usize, Handle), ConversationId>,
    /// Messages of which it is not known yet which text or leaving they are of.
    unsettled: Vec<Outgoing>,
    /// Messages that are texts.
    texts: BTreeSet<MessageId>,
    /// Whose mailbox each is now; that of two copies of a device is one.
    boxes: BTreeMap<MailboxId, BTreeSet<usize>>,
    /// The devices of each epoch. A server that was put back gives the numbers of mailboxes anew, hence not these.
    rosters: BTreeMap<(Handle, u64), Vec<Entered>>,
    epochs: BTreeMap<Handle, u64>,
    /// Devices whose person has said that they leave, with the place and epoch of that: what comes until somebody takes them
    /// out is theirs no more.
    leaves: BTreeMap<usize, Vec<Parting>>,
    /// Devices that were out of a conversation at some time: what waited to be sent then has failed.
    parted: BTreeSet<(usize, Vec<u8>)>,
    /// How often each device was asked for new keys: its old key packages are kept for a while.
    renewed: BTreeMap<usize, usize>,
    /// How many key packages of each device the directory has handed out: it makes others.
    handed_out: BTreeMap<Vec<u8>, usize>,
    /// Which messages moved a conversation on from an epoch: of a server that was put back there may be several.
    moved: BTreeMap<(Handle, u64), Vec<Moved>>,
    /// Requests that the server accepted.
    accepted: usize,
    /// Conversations that people began.
    begun: usize,
    /// Errands and moves that the server accepted: whoever came apart finds back by them.
    created: usize,
    leavings: Vec<Leaving>,
    /// What was done to texts, by its id.
    amendments: BTreeMap<ContentId, Amendment>,
    /// What was asked to be changed.
    wishes: Wishes,
    absences: BTreeMap<usize, Vec<Span>>,
    /// From when to when something may have waited for each device: from the end of a connection until it has caught up.
    out_of_touch: BTreeMap<usize, Vec<Span>>,
    restored: BTreeMap<usize, Vec<PutBack>>,
    /// How often each device was put back and did not notice.
    lives: BTreeMap<usize, usize>,
    /// From when to when a device had lost its place in a conversation.
    places_lost: HashMap<(usize, ConversationId), Vec<Span>>,
    /// In which groups that was.
    left_behind: HashMap<(usize, ConversationId), Vec<LeftBehind>>,
    /// Key packages that the server has handed out.
    packages: HashSet<Vec<u8>>,
    /// When it handed out a one-time one of a device that it had handed out before.
    handed_again: HashMap<Vec<u8>, Vec<u64>>,
    /// When it took key packages of a device in place of all that it had.
    replaced: BTreeMap<usize, Vec<u64>>,
    /// When a device said that it had lost its place in a conversation or was out of it (`true`), or was at another one.
    moved_about: HashMap<(usize, ConversationId), Vec<(u64, bool)>>,
    /// When a device said that it was out of a conversation (`true`), or in it.
    outs: HashMap<(usize, ConversationId), Vec<(u64, bool)>>,
    /// When a device said that it was in a conversation, was back in it or had moved with it.
    entered: HashMap<(usize, ConversationId), Vec<u64>>,
    /// In which groups each device shows anything that was said in no other.
    shows: BTreeSet<(usize, Handle)>,
    clones: Vec<Clones>,
    /// Devices that the server would not greet any more, by when they heard so.
    turned_away: BTreeMap<usize, u64>,
    /// When the server first greeted each device.
    first_greeted: BTreeMap<usize, u64>,
    /// When each device was given another token.
    tokens: BTreeMap<usize, Vec<u64>>,
    /// How many texts had been said when all was at rest.
    before_last: Option<usize>,
    /// What a malicious server kept from which device.
    withheld: BTreeSet<(usize, MessageId)>,
    /// People who use a client of their own making.
    rogues: BTreeSet<usize>,
    /// Items that a malicious server made up.
    slipped_in: usize,
    server_restored: Vec<PutBack>,
    /// When each device last noticed that.
    noticed_server: BTreeMap<usize, u64>,
    past: Past,
    /// What people were told was refused, with the device that told them.
    pub(crate) told: Vec<(usize, String)>,
    /// What is missing rightly, by why.
    pub(crate) excused: BTreeMap<Excuse, usize>,
    pub(crate) violations: Vec<Violation>,
}

impl Oracle {
    pub(crate) fn violated(&mut self, check: Check, words: &str) {
        if self.violations.len() < MOST {
            let words = words.to_owned();
            self.violations.push(Violation { check, words });
        }
    }

    /// Judges the world after everything has healed and come to rest.
    pub(crate) fn judges(&mut self, devices: &[Device]) {
        let first_said = |id: &ContentId| self.said.get(id).map(|said| said.text.clone());
        let screens = devices.iter().map(|device| Screen::of(device, &first_said));
        let screens: Vec<Screen> = screens.collect();
        for screen in &screens {
            let told = screen.refused.iter();
            self.told
                .extend(told.map(|why| (screen.device, why.clone())));
        }
        self.shows = self.shown_of(&screens);
        let mut found = Found::new();
        let mut note = |check: Check, words: Vec<String>| {
            found.extend(words.into_iter().map(|words| (check, words)));
        };
        for (screen, device) in screens.iter().zip(devices) {
            if self.is_turned_away(device.number) {
                note(Check::Rest, given_up(device));
            } else {
                let mut words = at_rest(screen, device, self.came_apart());
                if !self.came_apart() && !device.unlinked {
                    words.extend(self.judge_lines(screen, devices));
                }
                note(Check::Rest, words);
                if !device.unlinked {
                    note(Check::Changes, self.judge_wishes(device));
                }
            }
        }
        let mut missing = Missing::default();
        let last = self.before_last.unwrap_or(usize::MAX);
        for id in self.order_said.iter().take(last) {
            let (check, words) = self.judge_text(*id, devices, &screens, &mut missing);
            note(check, words);
        }
        for (screen, device) in screens.iter().zip(devices) {
            note(Check::Order, self.judge_order(screen, device));
            note(Check::Shown, self.judge_authors(screen, devices));
            if !device.unlinked {
                note(Check::Noticed, self.judge_withheld(screen, devices));
                note(Check::Told, self.judge_reasons(screen));
                note(Check::Gaps, self.judge_gaps(screen, device, devices));
            }
        }
        note(Check::Amended, self.judge_amended(&screens, devices));
        note(Check::Ends, self.judge_ends(devices, &screens));
        note(Check::Shown, self.judge_last_words(devices, &screens));
        note(Check::Ends, self.judge_members(devices, &screens));
        note(Check::Told, missing.untold);
        for excuse in missing.by {
            *self.excused.entry(excuse).or_default() += 1;
        }
        for (check, words) in found {
            self.violated(check, &words);
        }
    }
}
