//! Worlds as stories: each sentence is a scene of a script, and the whole is played and judged at the end.
//!
//! ```
//! use keyfold_sim::Town;
//!
//! let town = Town::new(1);
//! let [ada, bo] = town.people();
//! let climbing = ada.creates_group("climbing", [bo]);
//! town.waits(5_000);
//! ada.says(climbing, "meet at six");
//! bo.dies();
//! town.keeps_its_promises();
//! ```

use std::cell::RefCell;

use keyfold_protocol::state::Role;

use crate::options::Setup;
use crate::script::{Act, Crowd, Hand, How, Mishap, Scene, Script, Trick, Where, Who, Whom};
use crate::world::{Report, play};

/// A world that is being told.
pub struct Town {
    script: RefCell<Script>,
    wait: RefCell<u64>,
}

/// Somebody, on one of their devices.
#[derive(Clone, Copy)]
pub struct Person<'t> {
    town: &'t Town,
    hand: Hand,
}

/// A conversation.
#[derive(Clone, Copy, Debug)]
pub struct Talk(pub u32);

impl Town {
    /// A world without people; the seed decides how long frames take.
    pub fn new(seed: u64) -> Self {
        let script = Script {
            seed,
            people: 0,
            hybrid: false,
            scenes: Vec::new(),
        };
        Self {
            script: RefCell::new(script),
            wait: RefCell::new(0),
        }
    }

    /// All devices speak the hybrid suite, too.
    pub fn speaks_hybrid(&self) {
        self.script.borrow_mut().hybrid = true;
    }

    /// The people who live there. To be said once.
    pub fn people<const N: usize>(&self) -> [Person<'_>; N] {
        self.script.borrow_mut().people = N;
        std::array::from_fn(|person| Person {
            town: self,
            hand: Hand { person, device: 0 },
        })
    }

    /// So many milliseconds pass before what is told next, or before everything heals.
    pub fn waits(&self, millis: u64) {
        *self.wait.borrow_mut() += millis;
    }

    /// The server is killed and starts again.
    pub fn server_dies(&self) {
        self.befalls(Act::ServerDies);
    }

    /// A copy of what the server holds is kept.
    pub fn server_is_backed_up(&self) {
        self.befalls(Act::ServerBackedUp);
    }

    /// The server comes back from the copy that was kept last.
    pub fn server_is_restored(&self) {
        self.befalls(Act::ServerRestored);
    }

    /// These are out of reach for so many minutes.
    pub fn parts<const N: usize>(&self, who: [Person<'_>; N], minutes: u64) {
        let hands = who.map(|person| person.hand).to_vec();
        self.befalls(Act::Parted(Crowd::Are(hands), minutes));
    }

    /// The script as it has been told so far.
    pub fn script(&self) -> Script {
        if *self.wait.borrow() > 0 {
            // Something has to happen at the end of the wait, and be it nothing.
            self.befalls(Act::Away(0));
        }
        self.script.borrow().clone()
    }

    /// Plays it.
    pub fn ends(&self) -> Report {
        self.ends_as(Setup::default())
    }

    /// Plays it in some other way.
    pub fn ends_as(&self, setup: Setup) -> Report {
        play(&self.script(), setup)
    }

    /// Plays it; nothing may be wrong.
    ///
    /// # Panics
    /// When a promise is broken.
    #[track_caller]
    pub fn keeps_its_promises(&self) {
        let report = self.ends();
        let told = self.script().scenes.len();
        assert_eq!(report.played.len(), told, "some of it could not be played");
        assert!(report.violations.is_empty(), "{:#?}", report.violations);
    }

    fn befalls(&self, act: Act) {
        self.adds(Hand::FIRST, act);
    }

    fn adds(&self, hand: Hand, act: Act) -> u32 {
        let wait = self.wait.replace(0);
        let mut script = self.script.borrow_mut();
        let tag = u32::try_from(script.scenes.len()).unwrap();
        let who = Who::Is(hand);
        script.scenes.push(Scene { wait, who, act });
        tag
    }

    fn next_tag(&self) -> u32 {
        u32::try_from(self.script.borrow().scenes.len()).unwrap()
    }
}

impl Hand {
    const FIRST: Self = Self {
        person: 0,
        device: 0,
    };
}

impl Person<'_> {
    /// The same person on another device: the first is number 0.
    #[must_use]
    pub const fn on(self, device: usize) -> Self {
        let hand = Hand {
            device,
            ..self.hand
        };
        Self { hand, ..self }
    }

    fn acts(self, act: Act) -> u32 {
        self.town.adds(self.hand, act)
    }

    /// Begins a group.
    pub fn creates_group<const N: usize>(self, name: &str, others: [Self; N]) -> Talk {
        let tag = self.town.next_tag();
        self.acts(Act::Begins {
            tag,
            name: name.to_owned(),
            others: others.map(|other| other.hand.person).to_vec(),
        });
        Talk(tag)
    }

    /// Begins a one-to-one conversation.
    pub fn meets(self, other: Self) -> Talk {
        let (tag, other) = (self.town.next_tag(), other.hand.person);
        self.acts(Act::Meets { tag, other });
        Talk(tag)
    }

    /// Says something. No two texts of a world are the same.
    pub fn says(self, talk: Talk, text: &str) {
        self.says_so(talk, text, false);
    }

    /// Says something, and goes on about it.
    pub fn says_at_length(self, talk: Talk, text: &str) {
        self.says_so(talk, text, true);
    }

    fn says_so(self, talk: Talk, text: &str, long: bool) {
        let place = Where::Is(talk.0);
        let (text, tag) = (text.to_owned(), self.town.next_tag());
        self.acts(Act::Says {
            place,
            text,
            long,
            tag,
        });
    }

    /// Adds somebody to a group.
    pub fn adds(self, talk: Talk, whom: Self) {
        self.acts(Act::Adds(Where::Is(talk.0), Whom::Is(whom.hand.person)));
    }

    /// Removes somebody from a group.
    pub fn removes(self, talk: Talk, whom: Self) {
        self.acts(Act::Removes(Where::Is(talk.0), Whom::Is(whom.hand.person)));
    }

    /// Leaves a group.
    pub fn leaves(self, talk: Talk) {
        self.acts(Act::Leaves(Where::Is(talk.0)));
    }

    /// Gives a group another name.
    pub fn renames(self, talk: Talk, name: &str) {
        self.acts(Act::Renames(Where::Is(talk.0), name.to_owned()));
    }

    /// Says something else in the place of this many-th of their newest texts, the newest being number 0.
    pub fn edits(self, talk: Talk, which: u32, text: &str) {
        self.amends(talk, which, How::Edited(text.to_owned()));
    }

    /// Takes this many-th of their newest texts back.
    pub fn takes_back(self, talk: Talk, which: u32) {
        self.amends(talk, which, How::TakenBack);
    }

    /// Reacts to this many-th of the newest texts, or not any more.
    pub fn reacts(self, talk: Talk, which: u32, emoji: Option<&'static str>) {
        self.amends(talk, which, How::Reacted(emoji));
    }

    /// Pins this many-th of the newest texts.
    pub fn pins(self, talk: Talk, which: u32) {
        self.amends(talk, which, How::Pinned(true));
    }

    /// This many-th of the newest texts is not to be pinned any more.
    pub fn unpins(self, talk: Talk, which: u32) {
        self.amends(talk, which, How::Pinned(false));
    }

    fn amends(self, talk: Talk, which: u32, how: How) {
        let place = Where::Is(talk.0);
        self.acts(Act::Amends { place, which, how });
    }

    /// Gives a member another role.
    pub fn makes(self, talk: Talk, whom: Self, role: Role) {
        let whom = Whom::Is(whom.hand.person);
        self.acts(Act::Promotes(Where::Is(talk.0), whom, role));
    }

    /// Renews its keys in a conversation.
    pub fn renews_keys(self, talk: Talk) {
        self.acts(Act::Updates(Where::Is(talk.0)));
    }

    /// Links another device, whose clock is off by so many milliseconds.
    pub fn links(self, skew: i64) {
        self.acts(Act::Links(skew));
    }

    /// Removes their newest device.
    pub fn unlinks(self) {
        self.acts(Act::Unlinks);
    }

    /// Is out of reach for so many minutes.
    pub fn is_away(self, minutes: u64) {
        self.acts(Act::Away(minutes));
    }

    /// The device is killed and starts again.
    pub fn dies(self) {
        self.acts(Act::Dies);
    }

    /// The device's clock is off by so many milliseconds from now on.
    pub fn clock_is_off(self, millis: i64) {
        self.acts(Act::ClockIsOff(millis));
    }

    /// Something will befall the device after so many occasions for it.
    pub fn will_meet(self, what: Mishap, after: u32) {
        self.acts(Act::Mishap { what, after });
    }

    /// Somebody copies the device's whole state.
    pub fn is_stolen(self) {
        self.acts(Act::Stolen);
    }

    /// A copy of the device's state is kept.
    pub fn is_backed_up(self) {
        self.acts(Act::BackedUp);
    }

    /// The device comes back from the copy that was kept last.
    pub fn is_restored(self) {
        self.acts(Act::Restored);
    }

    /// A second device goes on from a copy of this one's state.
    pub fn is_cloned(self) {
        self.acts(Act::Cloned);
    }

    /// The person turns against the others, and uses a client of their own making.
    pub fn turns(self, trick: Trick) {
        self.acts(Act::Turns(trick));
    }
}
