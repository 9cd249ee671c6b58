//! Signals of a member with a client of their own making, of a server that replays, and of clocks gone mad: refused, bounded or clamped.

use std::time::Duration;

use keyfold_engine::limits::{SIGNAL_LIFETIME, SIGNAL_SLACK};
use keyfold_engine::view::Receipt;
use keyfold_engine::{Command, Input};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::limits::MAX_COUNTER;
use keyfold_protocol::signal::{self, Cursors, Says, Signal, Spot};
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

use crate::town::copied::{Copied, TO_VERSION_7};
use crate::town::person::copy_database;
use crate::town::{Town, Who};

/// Mallory talks to Ada one to one, with a client of their own making.
struct Story {
    town: Town,
    ada: Who,
    mallory: Who,
    talk: ConversationId,
    copied: Copied,
    counter: u64,
}

fn story() -> Story {
    let mut town = Town::on_disk(21);
    let [ada, mallory] = town.people(["ada", "mallory"]);
    let talk = town.creates(ada, &["mallory".to_owned()], None, None);
    town.says(ada, talk, "one");
    town.settles();
    town.says(mallory, talk, "hello");
    town.settles();
    town.says(ada, talk, "two");
    town.settles();
    town.passes(Duration::from_mins(10));
    town.goes_offline(mallory);
    let copied = Copied::of(&town.people[mallory.0]);
    Story {
        counter: town.now().0,
        town,
        ada,
        mallory,
        talk,
        copied,
    }
}

impl Story {
    fn signs(&mut self, counter: u64, expires: Timestamp, says: Says) -> v1::Signal {
        let group = self.copied.group(self.talk);
        let key = self.copied.with(|mls, _| group.signal_key(mls)).unwrap();
        let spot = Spot {
            group_id: group.id(),
            epoch: group.epoch(),
        };
        let signal = Signal {
            device: self.copied.keys.device(),
            counter,
            expires,
            says,
        };
        let mut rng = self.town.rng.clone();
        let body = signal::seal(&key, spot, &signal, &self.copied.keys, &mut rng).unwrap();
        self.town.rng = rng;
        self.request(body)
    }

    fn request(&mut self, body: Vec<u8>) -> v1::Signal {
        let group = self.copied.group(self.talk);
        let place: [u8; 32] = rand::Rng::random(&mut self.town.rng);
        v1::Signal {
            handle: group.state().handle.to_wire(),
            epoch: group.epoch().0,
            roster_key: self.copied.roster_key(&group),
            replace_key: bytes::Bytes::copy_from_slice(&place),
            body: body.into(),
        }
    }

    fn sends(&mut self, signal: v1::Signal) {
        self.town.asks(Body::Signal(signal)).unwrap();
        self.town.settles();
    }

    /// Says something with the next counter.
    fn says(&mut self, says: Says) {
        self.counter += 1;
        let expires = self.town.now().after(Duration::from_secs(10));
        let signal = self.signs(self.counter, expires, says);
        self.sends(signal);
    }

    fn messages(&self) -> Vec<ContentId> {
        let entries = self.town.timeline(self.ada, self.talk);
        entries.into_iter().filter_map(|entry| entry.id).collect()
    }

    fn receipts(&self) -> Vec<Receipt> {
        self.town.receipts(self.ada, self.talk)
    }
}

fn read(message: ContentId) -> Says {
    Says::Receipt(Cursors {
        delivered: None,
        read: Some(message),
    })
}

#[test]
fn a_cursor_leads_to_what_is_there_and_never_back() {
    let mut story = story();
    assert_eq!(story.receipts(), [Receipt::Delivered; 2]);
    let [one, _, two] = story.messages()[..] else {
        panic!("three messages")
    };
    let nowhere = ContentId::from_bytes([1; 32]).unwrap();
    story.says(read(nowhere));
    assert_eq!(story.receipts(), [Receipt::Delivered; 2]);
    story.says(read(one));
    assert_eq!(story.receipts(), [Receipt::Read, Receipt::Delivered]);
    story.says(read(two));
    assert_eq!(story.receipts(), [Receipt::Read; 2]);
    story.says(read(one));
    story.says(read(nowhere));
    assert_eq!(story.receipts(), [Receipt::Read; 2], "nobody unreads");
}

#[test]
fn nobody_was_active_in_the_future() {
    let mut story = story();
    let later = story.town.now().after(Duration::from_hours(24 * 365 * 12));
    story.says(Says::Presence(Some(later)));
    let ago = story.town.seen_ago(story.ada, story.talk);
    assert_eq!(ago, Some(Duration::ZERO));
    story.town.passes(Duration::from_mins(5));
    let ago = story.town.seen_ago(story.ada, story.talk);
    assert_eq!(ago, Some(Duration::from_mins(5)), "it does not stay so");
    story.says(Says::Presence(Some(Timestamp(u64::MAX))));
    let ago = story.town.seen_ago(story.ada, story.talk);
    assert_eq!(ago, Some(Duration::ZERO));
}

#[test]
fn what_expires_too_late_or_has_expired_is_refused() {
    let mut story = story();
    let now = story.town.now();
    let latest = now.after(SIGNAL_LIFETIME).after(SIGNAL_SLACK);
    let moment = Duration::from_millis(1);
    for (expires, taken) in [
        (now, false),
        (latest.after(moment), false),
        (Timestamp(u64::MAX), false),
        (now.after(moment), true),
        (latest, true),
    ] {
        story.counter += 1;
        let signal = story.signs(story.counter, expires, Says::Presence(Some(now)));
        story.sends(signal);
        let seen = story.town.seen_ago(story.ada, story.talk).is_some();
        assert_eq!(seen, taken, "{expires:?}");
        if taken {
            story.says(Says::Presence(None));
        }
    }
}

#[test]
fn the_highest_counter_locks_out_nobody_else() {
    let mut story = story();
    let expires = story.town.now().after(Duration::from_mins(1));
    let two = story.messages()[2];
    let over = story.signs(MAX_COUNTER + 1, expires, read(two));
    story.sends(over);
    assert_eq!(story.receipts(), [Receipt::Delivered; 2], "it is none");
    let last = story.signs(MAX_COUNTER, expires, read(story.messages()[0]));
    story.sends(last);
    assert_eq!(story.receipts(), [Receipt::Read, Receipt::Delivered]);
    story.says(read(two));
    assert_eq!(
        story.receipts(),
        [Receipt::Read, Receipt::Delivered],
        "mallory has locked out their own device"
    );
    // Another kind, and Ada's own, go on.
    story.says(Says::Typing(true));
    assert_eq!(story.town.typing(story.ada, story.talk), ["mallory"]);
    let talk = story.talk;
    story.town.types(story.ada, talk, true);
    assert!(story.town.signalled(story.ada) > 0);
}

#[test]
fn what_is_forged_replayed_or_no_signal_changes_nothing() {
    let mut story = story();
    let now = story.town.now();
    let expires = now.after(Duration::from_mins(1));
    let group = story.copied.group(story.talk);
    let key = story.copied.with(|mls, _| group.signal_key(mls)).unwrap();
    // In Ada's peer's name by a stranger's key, and in the name of a device that is not there.
    let spot = Spot {
        group_id: group.id(),
        epoch: group.epoch(),
    };
    let mut rng = story.town.rng.clone();
    let strange = keyfold_protocol::identity::DeviceKeys::generate(&mut rng);
    for device in [story.copied.keys.device(), strange.device()] {
        let forged = Signal {
            device,
            counter: story.counter + 100,
            expires,
            says: Says::Typing(true),
        };
        let body = signal::seal(&key, spot, &forged, &strange, &mut rng).unwrap();
        let forged = story.request(body);
        story.sends(forged);
    }
    // For another group, and under another epoch's number.
    for spot in [
        Spot {
            group_id: b"elsewhere",
            ..spot
        },
        Spot {
            epoch: spot.epoch.next(),
            ..spot
        },
    ] {
        let other = Signal {
            device: story.copied.keys.device(),
            counter: story.counter + 100,
            expires,
            says: Says::Typing(true),
        };
        let keys = &story.copied.keys;
        let body = signal::seal(&key, spot, &other, keys, &mut rng).unwrap();
        let other = story.request(body);
        story.sends(other);
    }
    // What members seal that is no signal, and bytes of anybody.
    let garbage = signal::seal_signed(&key, spot.epoch, b"garbage", &[7; 64], &mut rng).unwrap();
    let garbage = story.request(garbage);
    story.sends(garbage);
    let noise = story.request(vec![7; keyfold_wire::limits::SIGNAL_BODY]);
    story.sends(noise);
    assert!(story.town.typing(story.ada, story.talk).is_empty());

    // The server gives an old one once more.
    story.says(Says::Typing(true));
    let old = story.town.people[story.ada.0]
        .signals
        .last()
        .cloned()
        .unwrap();
    story.says(Says::Typing(false));
    assert!(story.town.typing(story.ada, story.talk).is_empty());
    let now = story.town.now();
    let replayed = Input::Signals(v1::Signals { signals: vec![old] });
    story.town.people[story.ada.0].apply(replayed, now);
    assert!(story.town.typing(story.ada, story.talk).is_empty());
}

#[test]
fn numbers_of_a_mad_server_are_no_fault() {
    let mut story = story();
    let now = story.town.now();
    for (number, serial) in [(0, 0), (u64::MAX, u64::MAX), (1, i64::MAX as u64)] {
        let signals = vec![v1::WaitingSignal {
            number,
            serial,
            body: vec![1; 512].into(),
        }];
        let input = Input::Signals(v1::Signals { signals });
        let outcome = story.town.people[story.ada.0].apply(input, now).unwrap();
        assert_eq!(outcome.acknowledge_signals, Some(number));
        assert!(outcome.events.is_empty());
    }
    let empty = Input::Signals(v1::Signals::default());
    let outcome = story.town.people[story.ada.0].apply(empty, now).unwrap();
    assert_eq!(outcome.acknowledge_signals, None);
}

#[test]
fn thousands_of_signals_leave_a_row_for_each_kind() {
    let mut story = story();
    let [one, _, two] = story.messages()[..] else {
        panic!("three messages")
    };
    for round in 0..500_u64 {
        let message = if round % 2 == 0 { one } else { two };
        let at = Timestamp(story.town.now().0 - round);
        for says in [
            Says::Presence(Some(at)),
            Says::Typing(round % 2 == 0),
            read(message),
            Says::ReadBy(message),
            Says::Unknown,
        ] {
            story.counter += 1;
            let expires = story.town.now().after(Duration::from_secs(10));
            let signal = story.signs(story.counter, expires, says);
            story.town.asks(Body::Signal(signal)).unwrap();
        }
    }
    story.town.settles();
    let ada = Copied::of(&story.town.people[story.ada.0]);
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        ada.database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("signal_heard"), 3, "presence, receipt, question");
    assert_eq!(count("presence"), 1);
    assert!(count("cursor") <= 2);
    story.town.says(story.ada, story.talk, "still here");
    story.town.settles();
    let mallory = story.mallory;
    story.town.people[mallory.0].online = true;
    story.town.settles();
    let talk = story.talk;
    assert_eq!(
        story.town.reads(mallory, talk).last().unwrap(),
        "still here"
    );
}

/// Killed, and started again with a database to which this was done.
fn restarts_with(town: &mut Town, who: Who, sql: &str) {
    let person = &mut town.people[who.0];
    let file = person.file.clone().unwrap();
    let changed = file.with_file_name("changed.db");
    copy_database(&file, &changed);
    let database = rusqlite::Connection::open(&changed).unwrap();
    database.execute_batch(sql).unwrap();
    drop(database);
    person.file = Some(changed);
    person.restarts();
}

#[test]
fn counters_do_not_go_back_when_a_database_does() {
    let mut town = Town::on_disk(22);
    let (ada, bo, talk) = super::pair(&mut town);
    let counter = |town: &Town| -> u64 {
        let copy = Copied::of(&town.people[ada.0]);
        let stored: Vec<u8> = copy
            .database
            .query_row(
                "SELECT value FROM setting WHERE name = 'signal_counter'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        u64::from_be_bytes(stored.try_into().unwrap())
    };
    town.types(ada, talk, true);
    let first = counter(&town);
    town.people[ada.0].restarts();
    town.settles();
    town.passes(Duration::from_secs(5));
    town.types(ada, talk, true);
    assert!(counter(&town) > first);
    assert_eq!(town.typing(bo, talk), ["ada"]);
    // Forgotten altogether, it goes on behind what it was: it carries the time.
    town.passes(Duration::from_secs(20));
    let before = counter(&town);
    let forget = "DELETE FROM setting WHERE name = 'signal_counter'";
    restarts_with(&mut town, ada, forget);
    town.settles();
    town.types(ada, talk, true);
    assert!(counter(&town) > before);
    assert_eq!(town.typing(bo, talk), ["ada"]);
}

#[test]
fn clocks_that_are_wrong_agree_by_the_server_s() {
    let mut town = Town::new(23);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.creates(ada, &["bo".to_owned()], None, None);
    town.says(ada, talk, "hello");
    town.settles();
    town.says(bo, talk, "hello");
    town.settles();
    // Twelve years ahead, and a day behind.
    town.people[ada.0].skew = 12 * 365 * 86_400_000;
    town.people[bo.0].skew = -86_400_000;
    for who in [ada, bo] {
        town.people[who.0].disconnect();
    }
    town.settles();
    town.looks(ada, true);
    town.looks(bo, true);
    town.passes(Duration::from_secs(30));
    for who in [ada, bo] {
        assert_eq!(town.seen_ago(who, talk), Some(Duration::from_secs(30)));
    }
    town.types(ada, talk, true);
    assert_eq!(town.typing(bo, talk), ["ada"]);
    town.passes(Duration::from_secs(11));
    assert!(town.typing(bo, talk).is_empty());
}

#[test]
fn a_database_of_the_version_before_tells_and_hears() {
    let mut town = Town::on_disk(24);
    let (ada, bo, talk) = super::pair(&mut town);
    restarts_with(&mut town, bo, TO_VERSION_7);
    town.settles();
    town.looks(bo, true);
    town.has_read(bo, talk);
    assert_eq!(town.seen_ago(ada, talk), Some(Duration::ZERO));
    assert_eq!(town.receipts(ada, talk), [Receipt::Read]);
    town.says(ada, talk, "welcome back");
    town.settles();
    town.does(bo, Command::MarkRead { conversation: talk })
        .unwrap();
    town.settles();
    assert_eq!(town.receipts(ada, talk), [Receipt::Read; 2]);
}
