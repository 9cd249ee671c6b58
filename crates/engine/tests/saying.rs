//! Texts that mention people, are forwarded, and are pinned: everybody sees the same of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use keyfold_engine::limits::MAX_FORWARD;
use keyfold_engine::view::{Entry, What};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::{Block, ContentId, Link, Saying, Span, mention};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId};
use keyfold_wire::limits::MAX_TEXT;
use rusqlite::Connection;
use town::copied::TO_VERSION_5;
use town::mallory::Hostile;
use town::person::copy_database;
use town::{Town, Who};

fn last(town: &Town, who: Who, conversation: ConversationId) -> Entry {
    town.timeline(who, conversation).pop().unwrap()
}

fn message(town: &Town, who: Who, conversation: ConversationId, text: &str) -> ContentId {
    let said = What::Text(text.to_owned());
    let timeline = town.timeline(who, conversation);
    let found = timeline.iter().find(|entry| entry.what == said);
    found.unwrap().id.unwrap()
}

fn spans(entry: &Entry) -> Vec<(&str, Option<AccountId>)> {
    let spans = entry.blocks.iter().flat_map(|block: &Block| &block.spans);
    let account = |span: &Span| match span.link {
        Some(Link::Account(account)) => Some(account),
        _ => None,
    };
    spans
        .map(|span| (span.text.as_str(), account(span)))
        .collect()
}

fn pins(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    text: &str,
    pinned: bool,
) -> Result<Answer, Complaint> {
    let message = message(town, who, conversation, text);
    let command = Command::Pin {
        conversation,
        message,
        pinned,
    };
    town.does(who, command)
}

#[track_caller]
fn all_have_pinned(town: &Town, people: &[Who], conversation: ConversationId, expected: &[&str]) {
    for who in people {
        let pinned = town.people[who.0].engine.pinned(conversation, 100);
        let pinned = pinned.unwrap();
        let texts: Vec<_> = pinned.iter().map(|entry| &entry.what).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|text| What::Text((*text).to_owned()))
            .collect();
        assert_eq!(texts, expected.iter().collect::<Vec<_>>(), "{who:?}");
        let timeline = town.timeline(*who, conversation);
        let marked = timeline.iter().filter(|entry| entry.pinned).count();
        assert_eq!(marked, expected.len(), "{who:?}");
    }
}

#[test]
fn who_is_named_in_a_text_is_mentioned() {
    let mut town = Town::new(31);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let [bos, cys] = [bo, cy].map(|who| town.me(who).account);
    // Cy is not in the group, and an address is no name.
    let text = "@Bo, is @cy coming? **@bo** `@bo` me@bo";
    town.says(ada, group, text);
    town.settles();
    let words = "@bo, is @cy coming? **@bo** `@bo` me@bo";
    for (who, is_bo) in [(ada, false), (bo, true)] {
        let entry = last(&town, who, group);
        assert_eq!(entry.what, What::Text(words.to_owned()));
        assert_eq!(entry.mentions_me, is_bo);
        let named = spans(&entry)
            .into_iter()
            .filter(|(_, account)| account.is_some());
        let named: Vec<_> = named.collect();
        assert_eq!(named, [("@bo", Some(bos)), ("@bo", Some(bos))]);
    }
    // What was said is edited as it was typed.
    let edited = "@cy, and not @bob";
    let id = last(&town, ada, group).id.unwrap();
    let edit = Command::Edit {
        conversation: group,
        message: id,
        text: edited.to_owned(),
    };
    town.adds(ada, group, &[cy]);
    town.settles();
    town.does(ada, edit).unwrap();
    town.settles();
    let timeline = town.timeline(bo, group);
    let entry = timeline.iter().find(|entry| entry.id == Some(id)).unwrap();
    assert_eq!(entry.what, What::Text(edited.to_owned()));
    assert_eq!(spans(entry), [("@cy", Some(cys)), (", and not @bob", None)]);
    assert!(!entry.mentions_me);
    // An answer quotes the name.
    let reply = Command::Reply {
        conversation: group,
        to: id,
        text: "@ada!".to_owned(),
    };
    town.does(cy, reply).unwrap_err();
    let reply = Command::Reply {
        conversation: group,
        to: id,
        text: "@ada!".to_owned(),
    };
    town.does(bo, reply).unwrap();
    town.settles();
    let entry = last(&town, ada, group);
    assert!(entry.mentions_me);
    assert_eq!(entry.reply_to.unwrap().text.as_deref(), Some(edited));
}

#[test]
fn nobody_gives_another_name_to_who_is_mentioned() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let adas = scene.town.me(ada).account;
    let stranger = AccountId::new([9; 32]);
    let text = format!("{} {}", mention(&adas, "bo"), mention(&stranger, "ada"));
    scene.says(Saying::Text {
        text: &text,
        in_reply_to: None,
    });
    let entry = last(&scene.town, bo, scene.group);
    assert_eq!(
        spans(&entry),
        [("@ada", Some(adas)), (" ", None), ("@ada", None)]
    );
    assert!(!entry.mentions_me);
    assert!(last(&scene.town, ada, scene.group).mentions_me);
}

#[test]
fn a_mention_takes_its_place_in_a_text() {
    let mut town = Town::new(32);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let length = mention(&town.me(bo).account, "bo").len();
    for (room, fits) in [(length, true), (length - 1, false)] {
        let text = format!("@bo{}", " ".repeat(MAX_TEXT - room));
        let said = town.does(
            ada,
            Command::Send {
                conversation: talk,
                text,
            },
        );
        let too_long = Complaint::TextSize {
            limit: MAX_TEXT,
            actual: MAX_TEXT + 1,
        };
        assert_eq!(said.is_ok(), fits);
        assert!(fits || said == Err(too_long));
    }
}

#[test]
fn a_text_is_forwarded_to_several() {
    let mut town = Town::new(33);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let tablet = town.links(ada, &Suite::ALL);
    let from = town.meets(ada, bo);
    let [group, talk] = [
        town.creates_group(ada, "all", &[bo, cy]),
        town.meets(ada, cy),
    ];
    town.says(bo, from, "ask @ada about **six**");
    town.settles();
    let first = message(&town, ada, from, "ask @ada about **six**");
    // Also offline, and as it stands now.
    let edit = Command::Edit {
        conversation: from,
        message: first,
        text: "ask @ada about **seven**".to_owned(),
    };
    town.does(bo, edit).unwrap();
    town.settles();
    town.goes_offline(ada);
    let forward = |to: Vec<ConversationId>| Command::Forward {
        conversation: from,
        message: first,
        to,
    };
    let Ok(Answer::Messages(ids)) = town.does(ada, forward(vec![talk, group, talk])) else {
        panic!("not forwarded");
    };
    town.comes_back(ada);
    for (who, conversation, id) in [
        (cy, talk, ids[0]),
        (cy, group, ids[1]),
        (bo, group, ids[1]),
        (tablet, talk, ids[0]),
    ] {
        let entry = last(&town, who, conversation);
        assert_eq!(entry.id, Some(id));
        assert_eq!(
            entry.what,
            What::Text("ask @ada about **seven**".to_owned())
        );
        assert!(entry.forwarded && !entry.edited, "{who:?}");
        assert_eq!(entry.mentions_me, who == tablet);
    }
    assert_eq!(ids.len(), 2);
    // It is not one's own text.
    let edit = Command::Edit {
        conversation: talk,
        message: ids[0],
        text: "my words".to_owned(),
    };
    assert_eq!(town.does(ada, edit), Err(Complaint::NotYours));
    town.agree(&[ada, bo, cy, tablet], group);
}

#[test]
fn what_cannot_be_forwarded_everywhere_is_forwarded_nowhere() {
    let mut town = Town::new(34);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let from = town.meets(ada, bo);
    let group = town.creates_group(cy, "all", &[ada, bo]);
    town.says(bo, from, "six");
    town.settles();
    let six = message(&town, ada, from, "six");
    let forward = |message: ContentId, to: Vec<ConversationId>| Command::Forward {
        conversation: from,
        message,
        to,
    };
    let unknown = ConversationId::new([7; 16]);
    let many = |count: usize| -> Vec<ConversationId> {
        (1..=count)
            .map(|number| ConversationId::new([u8::try_from(number).unwrap(); 16]))
            .collect()
    };
    let limit = Complaint::Forward(MAX_FORWARD);
    for (command, complaint) in [
        (
            forward(six, vec![from, unknown]),
            Complaint::NoSuchConversation,
        ),
        (forward(six, Vec::new()), limit.clone()),
        (forward(six, many(MAX_FORWARD + 1)), limit),
        (
            forward(six, many(MAX_FORWARD)),
            Complaint::NoSuchConversation,
        ),
        (
            forward(ContentId::from_bytes([1; 32]).unwrap(), vec![from]),
            Complaint::NoSuchMessage,
        ),
    ] {
        assert_eq!(town.does(ada, command), Err(complaint));
    }
    town.does(
        ada,
        Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    let left = town.does(ada, forward(six, vec![from, group]));
    assert_eq!(left, Err(Complaint::Leaving));
    let taken_back = Command::TakeBack {
        conversation: from,
        message: six,
    };
    town.does(bo, taken_back).unwrap();
    town.settles();
    let gone = town.does(ada, forward(six, vec![from]));
    assert_eq!(gone, Err(Complaint::NoSuchMessage));
    let texts = town.reads(ada, from);
    assert!(!texts.iter().any(|text| text.contains("six")), "{texts:?}");
}

#[test]
fn what_is_pinned_is_pinned_for_all() {
    let mut town = Town::new(35);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    let tablet = town.links(bo, &Suite::ALL);
    for text in ["the key is under the mat", "six", "seven"] {
        town.says(ada, group, text);
    }
    town.settles();
    town.goes_offline(cy);
    let everybody = [ada, bo, tablet];
    assert_eq!(
        pins(&mut town, bo, group, "seven", false),
        Ok(Answer::Taken),
        "it is not"
    );
    pins(&mut town, bo, group, "the key is under the mat", true).unwrap();
    town.settles();
    assert_eq!(
        pins(&mut town, ada, group, "the key is under the mat", true),
        Ok(Answer::Taken),
        "it is"
    );
    pins(&mut town, ada, group, "six", true).unwrap();
    all_have_pinned(&town, &[ada], group, &["six", "the key is under the mat"]);
    town.settles();
    let both = ["six", "the key is under the mat"];
    all_have_pinned(&town, &everybody, group, &both);
    // Whoever pinned it.
    pins(&mut town, tablet, group, "six", false).unwrap();
    town.settles();
    let id = message(&town, bo, group, "six");
    assert!(town.events(bo).contains(&Event::Amended(group, id)));
    town.comes_back(cy);
    let everybody = [ada, bo, tablet, cy];
    all_have_pinned(&town, &everybody, group, &both[1..]);
    // What is taken back is not pinned, and an edit is.
    let key = message(&town, ada, group, both[1]);
    let edit = Command::Edit {
        conversation: group,
        message: key,
        text: "the key is at cy's".to_owned(),
    };
    town.does(ada, edit).unwrap();
    town.settles();
    all_have_pinned(&town, &everybody, group, &["the key is at cy's"]);
    let back = Command::TakeBack {
        conversation: group,
        message: key,
    };
    town.does(ada, back).unwrap();
    town.settles();
    all_have_pinned(&town, &everybody, group, &[]);
    town.agree(&everybody, group);
}

#[test]
fn two_who_pin_and_unpin_at_once_see_the_same() {
    let mut town = Town::on_disk(36);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "six");
    town.settles();
    pins(&mut town, ada, talk, "six", true).unwrap();
    town.settles();
    for who in [ada, bo] {
        town.goes_offline(who);
    }
    pins(&mut town, ada, talk, "six", false).unwrap();
    pins(&mut town, bo, talk, "six", false).unwrap();
    pins(&mut town, bo, talk, "six", true).unwrap();
    town.comes_back(bo);
    town.people[bo.0].restarts();
    town.comes_back(ada);
    // Ada's word comes last.
    all_have_pinned(&town, &[ada, bo], talk, &[]);
    town.agree(&[ada, bo], talk);
}

#[test]
fn a_pin_of_nothing_and_a_flood_of_pins_do_no_harm() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let before = scene.town.timeline(bo, scene.group).len();
    let pin = |of, pinned| Saying::Pin { of, pinned };
    let nothing = ContentId::from_bytes([1; 32]).unwrap();
    scene.says(pin(nothing, true));
    let adas = message(&scene.town, ada, scene.group, "ada's words");
    let mut last = scene.says(pin(adas, true));
    for number in 0..40 {
        last = scene.says(pin(adas, number % 2 == 1));
    }
    // Nor is a pin edited, taken back, reacted to or pinned.
    scene.says(Saying::Deletion(last));
    scene.says(pin(last, true));
    scene.says(Saying::Reaction {
        to: last,
        emoji: "👍",
        replaces: None,
    });
    let Hostile { town, group, .. } = scene;
    all_have_pinned(&town, &[ada, bo], group, &["ada's words"]);
    assert_eq!(town.timeline(bo, group).len(), before);
    let file = town.people[bo.0].file.as_ref().unwrap();
    let copy = file.with_file_name("copy.db");
    copy_database(file, &copy);
    let database = Connection::open(&copy).unwrap();
    let count = "SELECT count(*) FROM timeline WHERE kind = 5";
    let kept: i64 = database.query_row(count, (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[test]
fn an_earlier_version_kept_pins_as_what_it_did_not_know() {
    let mut town = Town::on_disk(37);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for text in ["six", "seven"] {
        town.says(ada, talk, text);
    }
    town.settles();
    pins(&mut town, ada, talk, "six", true).unwrap();
    town.settles();
    town.people[bo.0].restarts_with(|database| {
        let before = "UPDATE timeline SET kind = 0, target = NULL WHERE kind = 5";
        database.execute(before, ()).unwrap();
        database.execute_batch(TO_VERSION_5).unwrap();
    });
    all_have_pinned(&town, &[ada, bo], talk, &["six"]);
    pins(&mut town, bo, talk, "seven", true).unwrap();
    town.settles();
    all_have_pinned(&town, &[ada, bo], talk, &["seven", "six"]);
}
