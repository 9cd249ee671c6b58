//! Stories of presence, typing and receipts: who hears what of whom, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "signals/groups.rs"]
mod groups;
#[path = "signals/hostile.rs"]
mod hostile;
mod town;

use std::time::Duration;

use keyfold_engine::limits::{
    GROUP_RECEIPT_AFTER, ONLINE_WITHIN, PRESENCE_EVERY, RECEIPT_AFTER, RECEIPT_AGAIN, TYPING_AGAIN,
    TYPING_LASTS,
};
use keyfold_engine::view::{Audience, Privacy, Receipt};
use keyfold_engine::{Command, Complaint, Event};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::client_frame::Request as Body;
use town::{Town, Who};

impl Town {
    fn types(&mut self, who: Who, conversation: ConversationId, typing: bool) {
        let command = Command::Typing {
            conversation,
            typing,
        };
        self.does(who, command).unwrap();
        self.settles();
    }

    fn looks(&mut self, who: Who, active: bool) {
        self.does(who, Command::Foreground { active }).unwrap();
        self.settles();
    }

    fn sets(&mut self, who: Who, change: impl FnOnce(&mut Privacy)) {
        let mut privacy = self.people[who.0].engine.privacy().unwrap();
        change(&mut privacy);
        let Privacy {
            presence,
            receipts,
            typing,
        } = privacy;
        let command = Command::SetPrivacy {
            presence,
            receipts,
            typing,
        };
        self.does(who, command).unwrap();
        self.settles();
    }

    fn has_read(&mut self, who: Who, conversation: ConversationId) {
        self.does(who, Command::MarkRead { conversation }).unwrap();
        self.settles();
    }

    fn shown(&self, who: Who, id: ConversationId) -> keyfold_engine::view::Conversation {
        let engine = &self.people[who.0].engine;
        engine.conversation(id).unwrap().unwrap()
    }

    /// Handles of those whom this person sees typing.
    fn typing(&self, who: Who, id: ConversationId) -> Vec<String> {
        let typing = self.shown(who, id).typing.into_iter();
        typing.map(|contact| contact.handle).collect()
    }

    /// How long ago the other side was active.
    fn seen_ago(&self, who: Who, id: ConversationId) -> Option<Duration> {
        let person = &self.people[who.0];
        let now = person.clock(keyfold_server::clock::Clock::now(&self.clock));
        let active = self.shown(who, id).last_active;
        active.map(|active| now.since(active))
    }

    /// What own messages show.
    fn receipts(&self, who: Who, id: ConversationId) -> Vec<Receipt> {
        let entries = self.people[who.0].engine.timeline(id, None, 1_000).unwrap();
        let own = entries
            .into_iter()
            .filter(|entry| entry.mine && entry.id.is_some());
        own.map(|entry| entry.receipt).collect()
    }

    /// How many signals a device has sent.
    fn signalled(&self, who: Who) -> usize {
        let asked = self.people[who.0].asked.iter();
        asked.filter(|body| matches!(body, Body::Signal(_))).count()
    }

    fn unread(&self, who: Who, id: ConversationId) -> u64 {
        self.shown(who, id).unread
    }

    fn last_message(&self, who: Who, id: ConversationId) -> ContentId {
        let found = self.people[who.0].engine.find_messages(id, "last").unwrap();
        found[0].0
    }
}

/// Ada has written to Bo, and Bo has answered.
fn pair(town: &mut Town) -> (Who, Who, ConversationId) {
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.creates(ada, &["bo".to_owned()], None, None);
    town.says(ada, talk, "hello");
    town.settles();
    town.says(bo, talk, "hello yourself");
    town.settles();
    town.passes(Duration::from_secs(1));
    (ada, bo, talk)
}

#[test]
fn typing_is_seen_while_it_goes_on() {
    let mut town = Town::new(1);
    let (ada, bo, talk) = pair(&mut town);
    town.types(ada, talk, true);
    assert_eq!(town.typing(bo, talk), ["ada"]);
    assert!(town.typing(ada, talk).is_empty(), "nobody sees themselves");
    assert!(town.people[bo.0].events.contains(&Event::Signal(talk)));

    let before = town.signalled(ada);
    town.types(ada, talk, true);
    assert_eq!(town.signalled(ada), before, "said a moment ago");
    town.passes(TYPING_AGAIN);
    town.types(ada, talk, true);
    assert_eq!(town.signalled(ada), before + 1);
    town.passes(TYPING_LASTS.saturating_sub(Duration::from_millis(1)));
    assert_eq!(town.typing(bo, talk), ["ada"]);
    town.people[bo.0].events.clear();
    town.passes(Duration::from_millis(1));
    assert!(town.typing(bo, talk).is_empty(), "it is over by itself");
    assert!(town.people[bo.0].events.contains(&Event::Signal(talk)));

    town.types(ada, talk, true);
    town.types(ada, talk, false);
    assert!(town.typing(bo, talk).is_empty(), "she has stopped");
    town.passes(TYPING_AGAIN);
    town.types(ada, talk, true);
    town.says(ada, talk, "here it is");
    town.settles();
    assert!(town.typing(bo, talk).is_empty(), "she has said it");
}

#[test]
fn presence_is_seen_while_somebody_looks_and_since_when_they_do_not() {
    let mut town = Town::new(2);
    let (ada, bo, talk) = pair(&mut town);
    assert_eq!(town.seen_ago(bo, talk), None);
    town.looks(ada, true);
    assert_eq!(town.seen_ago(bo, talk), Some(Duration::ZERO));
    town.passes(5 * PRESENCE_EVERY + Duration::from_secs(20));
    assert_eq!(town.seen_ago(bo, talk), Some(Duration::from_secs(20)));
    assert!(town.seen_ago(bo, talk).unwrap() < ONLINE_WITHIN);

    town.looks(ada, false);
    assert_eq!(town.seen_ago(bo, talk), Some(Duration::ZERO));
    let sent = town.signalled(ada);
    town.passes(Duration::from_mins(10));
    assert_eq!(town.signalled(ada), sent, "who has gone says nothing");
    assert_eq!(town.seen_ago(bo, talk), Some(Duration::from_mins(10)));
    assert_eq!(town.seen_ago(ada, talk), None, "bo has not looked");
}

#[test]
fn who_opens_the_app_later_sees_what_was_told_meanwhile() {
    let mut town = Town::new(3);
    let (ada, bo, talk) = pair(&mut town);
    town.people[bo.0].online = false;
    town.people[bo.0].disconnect();
    town.looks(ada, true);
    town.looks(ada, false);
    town.has_read(ada, talk);
    // Epochs begin and end behind what was told.
    for _ in 0..3 {
        town.does(ada, Command::Update { conversation: talk })
            .unwrap();
        town.settles();
    }
    town.passes(Duration::from_hours(1));
    town.people[bo.0].online = true;
    town.settles();
    assert_eq!(town.seen_ago(bo, talk), Some(Duration::from_hours(1)));
    assert_eq!(town.receipts(bo, talk), [Receipt::Read]);
}

#[test]
fn messages_are_delivered_then_read() {
    let mut town = Town::new(4);
    let (ada, bo, talk) = pair(&mut town);
    town.has_read(ada, talk);
    town.says(ada, talk, "one");
    town.says(ada, talk, "two");
    town.people[bo.0].online = false;
    town.people[bo.0].disconnect();
    town.settles();
    let before = town.receipts(ada, talk);
    assert_eq!(before[before.len() - 2..], [Receipt::None; 2]);

    town.people[bo.0].online = true;
    town.settles();
    town.passes(RECEIPT_AFTER);
    let delivered = town.receipts(ada, talk);
    assert_eq!(delivered[delivered.len() - 2..], [Receipt::Delivered; 2]);
    assert!(town.people[ada.0].events.contains(&Event::Signal(talk)));

    town.has_read(bo, talk);
    assert!(
        town.receipts(ada, talk)
            .iter()
            .all(|one| *one == Receipt::Read)
    );
    town.says(ada, talk, "three");
    town.settles();
    town.passes(RECEIPT_AFTER);
    let sent = town.signalled(bo);
    assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Delivered));
    town.passes(Duration::from_mins(10));
    assert_eq!(town.signalled(bo), sent, "told once is told");
    assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Delivered));
}

#[test]
fn what_was_deleted_here_still_says_how_far_they_have_come() {
    let mut town = Town::on_disk(40);
    let (ada, bo, talk) = pair(&mut town);
    town.says(ada, talk, "one");
    town.says(ada, talk, "two");
    town.settles();
    town.has_read(bo, talk);
    assert!(
        town.receipts(ada, talk)
            .iter()
            .all(|one| *one == Receipt::Read)
    );
    // What Bo's receipt names goes here.
    let two = town.last_message(ada, talk);
    let hide = |message| Command::Hide {
        conversation: talk,
        messages: vec![message],
    };
    town.does(ada, hide(two)).unwrap();
    town.people[ada.0].restarts();
    town.settles();
    assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Read));
    // And one that it will name, before it does.
    town.says(ada, talk, "three");
    town.says(ada, talk, "four");
    town.settles();
    let four = town.last_message(ada, talk);
    town.does(ada, hide(four)).unwrap();
    town.has_read(bo, talk);
    assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Read));
}

#[test]
fn what_is_read_on_one_device_is_read_on_the_others() {
    let mut town = Town::new(5);
    let (ada, bo, talk) = pair(&mut town);
    town.has_read(bo, talk);
    let phone = town.links(bo, &Suite::ALL);
    town.says(bo, talk, "now from two devices");
    town.settles();
    town.says(ada, talk, "one");
    town.says(ada, talk, "two");
    town.settles();
    town.passes(Duration::from_secs(2));
    assert_eq!((town.unread(bo, talk), town.unread(phone, talk)), (2, 2));
    town.has_read(phone, talk);
    assert_eq!((town.unread(bo, talk), town.unread(phone, talk)), (0, 0));
    town.says(ada, talk, "three");
    town.settles();
    assert_eq!((town.unread(bo, talk), town.unread(phone, talk)), (1, 1));
    town.has_read(bo, talk);
    assert_eq!(town.unread(phone, talk), 0);
}

#[test]
fn a_stranger_hears_nothing_until_they_are_answered() {
    let mut town = Town::new(6);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.creates(ada, &["bo".to_owned()], None, None);
    town.says(ada, talk, "you do not know me");
    town.settles();
    town.passes(Duration::from_secs(2));
    town.looks(bo, true);
    town.types(bo, talk, true);
    town.has_read(bo, talk);
    town.passes(Duration::from_mins(3));
    assert_eq!(town.signalled(bo), 0);
    assert_eq!(town.receipts(ada, talk), [Receipt::None]);
    assert_eq!(town.seen_ago(ada, talk), None);
    // Another device of Bo's, which has not heard who began it, is as silent.
    let phone = town.links(bo, &Suite::ALL);
    town.looks(phone, true);
    town.has_read(phone, talk);
    town.passes(Duration::from_mins(3));
    assert_eq!(town.signalled(phone), 0);
    // Ada has begun it: she may type before her second word, and is seen.
    town.looks(ada, true);
    town.types(ada, talk, true);
    assert_eq!(town.typing(bo, talk), ["ada"]);

    town.says(bo, talk, "hello");
    town.settles();
    town.passes(PRESENCE_EVERY);
    assert_eq!(town.receipts(ada, talk), [Receipt::Read]);
    assert!(town.seen_ago(ada, talk).is_some());
    assert!(
        town.signalled(phone) > 0,
        "bo has spoken, on whichever device"
    );
}

#[test]
fn who_hides_theirs_does_not_see_others() {
    let mut town = Town::new(7);
    let (ada, bo, talk) = pair(&mut town);
    for who in [ada, bo] {
        town.looks(who, true);
        town.has_read(who, talk);
    }
    assert!(town.seen_ago(ada, talk).is_some() && town.seen_ago(bo, talk).is_some());

    town.sets(ada, |privacy| privacy.presence = Audience::Nobody);
    assert_eq!(town.seen_ago(ada, talk), None, "ada does not see bo's");
    assert_eq!(
        town.seen_ago(bo, talk),
        None,
        "what was shown is taken back"
    );
    town.passes(2 * PRESENCE_EVERY);
    assert_eq!(town.seen_ago(bo, talk), None);
    let bo_account = town.me(bo).account;
    town.sets(ada, |privacy| {
        privacy.presence = Audience::Chosen(vec![bo_account]);
    });
    assert!(town.seen_ago(bo, talk).is_some() && town.seen_ago(ada, talk).is_some());
    let nobody_else = town.me(ada).account;
    town.sets(ada, |privacy| {
        privacy.presence = Audience::Chosen(vec![nobody_else]);
    });
    assert_eq!(town.seen_ago(bo, talk), None);

    town.sets(ada, |privacy| privacy.typing = false);
    town.types(ada, talk, true);
    town.types(bo, talk, true);
    assert!(town.typing(bo, talk).is_empty() && town.typing(ada, talk).is_empty());

    town.sets(ada, |privacy| privacy.receipts = false);
    assert!(
        town.receipts(ada, talk)
            .iter()
            .all(|one| *one == Receipt::None)
    );
    town.says(bo, talk, "have you read this?");
    town.settles();
    town.has_read(ada, talk);
    town.passes(Duration::from_mins(1));
    assert_eq!(town.receipts(bo, talk).last(), Some(&Receipt::None));
    town.sets(ada, |privacy| privacy.receipts = true);
    town.says(bo, talk, "and this?");
    town.settles();
    town.has_read(ada, talk);
    assert_eq!(town.receipts(bo, talk).last(), Some(&Receipt::Read));
}

#[test]
fn too_many_chosen_people_are_refused() {
    let mut town = Town::new(8);
    let (ada, _, _) = pair(&mut town);
    let one = town.me(ada).account;
    let most = keyfold_engine::limits::MAX_CHOSEN;
    for (count, answer) in [(most, true), (most + 1, false)] {
        let set = Command::SetPrivacy {
            presence: Audience::Chosen(vec![one; count]),
            receipts: true,
            typing: true,
        };
        let refused = Err(Complaint::Chosen(most));
        assert_eq!(town.does(ada, set) != refused, answer);
    }
}

#[test]
fn settings_and_what_is_still_to_be_told_survive_a_restart() {
    let mut town = Town::on_disk(9);
    let (ada, bo, talk) = pair(&mut town);
    town.looks(bo, true);
    town.says(ada, talk, "one");
    town.settles();
    town.people[bo.0].online = false;
    town.people[bo.0].disconnect();
    town.has_read(bo, talk);
    let hide = Command::SetPrivacy {
        presence: Audience::Nobody,
        receipts: true,
        typing: false,
    };
    town.does(bo, hide).unwrap();
    town.people[bo.0].restarts();
    assert!(town.seen_ago(ada, talk).is_some());
    let privacy = town.people[bo.0].engine.privacy().unwrap();
    assert_eq!(
        (privacy.presence, privacy.typing),
        (Audience::Nobody, false)
    );
    town.people[bo.0].online = true;
    town.settles();
    town.passes(Duration::from_secs(1));
    assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Read));
    assert_eq!(town.seen_ago(ada, talk), None);
}

#[test]
fn a_small_group_tells_by_itself_who_has_read() {
    let mut town = Town::new(10);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    for who in [bo, cy] {
        town.says(who, group, "when?");
    }
    town.settles();
    town.says(ada, group, "six o'clock");
    town.settles();
    town.has_read(bo, group);
    town.passes(GROUP_RECEIPT_AFTER);
    let message = town.last_message(ada, group);
    let read_by = town.people[ada.0].engine.read_by(group, &message).unwrap();
    let told: Vec<_> = read_by
        .unwrap()
        .into_iter()
        .map(|one| (one.contact.handle, one.receipt))
        .collect();
    assert_eq!(
        told,
        [
            ("bo".to_owned(), Receipt::Read),
            ("cy".to_owned(), Receipt::Delivered)
        ]
    );
    town.types(cy, group, true);
    assert_eq!(town.typing(ada, group), ["cy"]);
    assert_eq!(town.typing(bo, group), ["cy"]);
    assert_eq!(
        town.receipts(ada, group),
        [Receipt::None],
        "one to one only"
    );
}

#[test]
fn of_two_conversations_that_became_one_all_is_told() {
    let mut town = Town::new(11);
    let [ada, bo] = town.people(["ada", "bo"]);
    for who in [ada, bo] {
        town.people[who.0].online = false;
        town.people[who.0].disconnect();
    }
    let handles = [town.handle(ada), town.handle(bo)];
    let one = town.creates_offline(ada, &handles[1]);
    let other = town.creates_offline(bo, &handles[0]);
    town.says(ada, one, "from ada");
    town.says(bo, other, "from bo");
    for who in [ada, bo] {
        town.people[who.0].online = true;
    }
    town.settles();
    town.passes(Duration::from_secs(10));
    let both = one.min_by_bytes(other);
    town.has_read(ada, both);
    town.has_read(bo, both);
    town.passes(Duration::from_secs(2));
    assert_eq!(town.receipts(ada, both), [Receipt::Read]);
    assert_eq!(town.receipts(bo, both), [Receipt::Read]);
    town.says(ada, both, "again");
    town.settles();
    town.has_read(bo, both);
    assert_eq!(town.receipts(ada, both), [Receipt::Read; 2]);
}

trait Smaller {
    fn min_by_bytes(self, other: Self) -> Self;
}

impl Smaller for ConversationId {
    fn min_by_bytes(self, other: Self) -> Self {
        if self.as_bytes() < other.as_bytes() {
            self
        } else {
            other
        }
    }
}

impl Town {
    fn creates_offline(&mut self, who: Who, other: &str) -> ConversationId {
        let create = Command::Create {
            people: vec![other.to_owned()],
            name: None,
            suite: None,
        };
        match self.does(who, create).unwrap() {
            keyfold_engine::Answer::Conversation(id) => id,
            _ => panic!("no conversation"),
        }
    }
}

#[test]
fn a_conversation_that_moved_goes_on_telling() {
    let mut town = Town::new(12);
    let (ada, bo, talk) = pair(&mut town);
    town.has_read(ada, talk);
    town.has_read(bo, talk);
    assert_eq!(town.receipts(ada, talk), [Receipt::Read]);
    // The server is put back to before a commit: the conversation goes on in a fresh group.
    let backup = town.store.backup();
    town.does(ada, Command::Update { conversation: talk })
        .unwrap();
    town.settles();
    town.puts_server_back(&backup);
    town.people[ada.0].events.clear();
    town.settles();
    town.passes(Duration::from_mins(10));
    assert!(town.events(ada).contains(&Event::Moved(talk)));
    assert_eq!(town.receipts(ada, talk), [Receipt::Read]);
    town.says(ada, talk, "after");
    town.settles();
    town.has_read(bo, talk);
    assert_eq!(town.receipts(ada, talk), [Receipt::Read; 2]);
}

#[test]
fn all_kinds_of_signal_have_the_same_frames() {
    use keyfold_wire::Message as _;
    let mut town = Town::new(13);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    let talk = town.creates(ada, &["bo".to_owned()], None, None);
    town.says(ada, talk, "hello");
    town.says(ada, group, "hello all");
    town.settles();
    let message = town.last_message(ada, group);
    town.says(bo, talk, "hello ada");
    town.settles();
    town.looks(ada, true);
    town.types(ada, talk, true);
    town.types(ada, talk, false);
    town.has_read(ada, talk);
    let ask = Command::AskReadBy {
        conversation: group,
        message,
    };
    town.does(ada, ask).unwrap();
    town.settles();
    town.sets(ada, |privacy| privacy.presence = Audience::Nobody);
    let frames: Vec<_> = town.people[ada.0]
        .asked
        .iter()
        .filter_map(|body| match body {
            Body::Signal(signal) => Some(signal.clone()),
            _ => None,
        })
        .collect();
    let places: std::collections::BTreeSet<_> =
        frames.iter().map(|one| one.replace_key.clone()).collect();
    assert!(
        places.len() >= 4,
        "kinds and conversations have places of their own"
    );
    let shape = |one: &keyfold_wire::v1::Signal| {
        // All but the epoch, which is the conversation's, has one length.
        let mut one = one.clone();
        one.epoch = 1;
        (one.encoded_len(), one.body.len(), one.replace_key.len())
    };
    assert!(frames.iter().all(|one| shape(one) == shape(&frames[0])));
    let heard = &town.people[bo.0].signals;
    assert!(
        heard
            .iter()
            .all(|one| one.body.len() == heard[0].body.len())
    );
    let bodies: std::collections::BTreeSet<_> = frames.iter().map(|one| one.body.clone()).collect();
    assert_eq!(bodies.len(), frames.len(), "no two are alike");
}

#[test]
fn what_must_be_told_is_made_anew_when_it_was_refused_or_lost_and_the_rest_is_forgotten() {
    use keyfold_wire::v1::{RefusalCode, Refused};
    use town::person::Loss;
    let mut town = Town::new(14);
    let (ada, bo, talk) = pair(&mut town);
    assert_eq!(town.receipts(ada, talk), [Receipt::Delivered]);
    let is_signal = |body: &Body| matches!(body, Body::Signal(_));
    for code in [
        RefusalCode::Stale,
        RefusalCode::Busy,
        RefusalCode::UnknownRequest,
    ] {
        town.people[bo.0].refuses = Some(Box::new(move |body| {
            let mut refused = Refused::default();
            refused.set_code(code);
            is_signal(body).then_some(refused)
        }));
        town.has_read(bo, talk);
        town.types(bo, talk, true);
        let first = town.signalled(bo);
        town.people[bo.0].refuses = None;
        town.passes(RECEIPT_AGAIN);
        assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Read));
        assert!(
            town.typing(ada, talk).is_empty(),
            "who typed then has stopped"
        );
        assert_eq!(town.signalled(bo), first + 1);
        town.says(ada, talk, "next");
        town.settles();
        town.passes(RECEIPT_AFTER);
    }
    for loss in [Loss::Request, Loss::Reply] {
        town.people[bo.0].loses =
            Some(Box::new(
                move |body| {
                    if is_signal(body) { loss } else { Loss::Nothing }
                },
            ));
        town.does(bo, Command::MarkRead { conversation: talk })
            .unwrap();
        town.settles();
        town.people[bo.0].loses = None;
        town.passes(RECEIPT_AGAIN);
        assert_eq!(town.receipts(ada, talk).last(), Some(&Receipt::Read));
        town.says(ada, talk, "next");
        town.settles();
        town.passes(RECEIPT_AFTER);
    }
}
