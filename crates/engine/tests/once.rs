//! Files that are opened once: on each device of who gets them, in time, and never where they were sent from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::command::{Opens, Starred};
use keyfold_engine::limits::ONCE_KEPT;
use keyfold_engine::view::{OnceState, What};
use keyfold_engine::{Answer, Command, Complaint, Event, OutgoingFile};
use keyfold_protocol::content::{Attachment, ContentId, Saying};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::suite::Suite;
use keyfold_wire::file::{FileId, UploadToken};
use keyfold_wire::ids::ConversationId;
use town::copied::TO_VERSION_11;
use town::mallory::Hostile;
use town::{Town, Who};

const KEY: [u8; 32] = *b"the-key-that-is-not-to-be-found!";
const DAY: Duration = Duration::from_hours(24);

fn file(media_type: &str) -> OutgoingFile {
    OutgoingFile {
        token: UploadToken::new([7; 32]),
        key: FileKey::new(KEY, [7; 7]),
        hash: [7; 32],
        size: 1_000_000,
        media_type: media_type.to_owned(),
        name: Some(FileName::new("the-summit-at-night.jpg").unwrap()),
        opens: Opens::Once,
        media: keyfold_protocol::content::Media::default(),
    }
}

fn sending(conversation: ConversationId, file: OutgoingFile, caption: &str) -> Command {
    Command::SendFile {
        conversation,
        file: Box::new(file),
        caption: caption.to_owned(),
    }
}

fn sends(town: &mut Town, who: Who, conversation: ConversationId) -> ContentId {
    let answer = town.does(who, sending(conversation, file("image/jpeg"), ""));
    let Ok(Answer::Upload(upload)) = answer else {
        panic!("{answer:?}");
    };
    let on_its_way = town.timeline(who, conversation).pop().unwrap();
    assert!(
        matches!(on_its_way.what, What::Once(once) if once.state == OnceState::Uploading(upload))
    );
    match town.does(who, Command::FileUploaded(upload)) {
        Ok(Answer::Message(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn opens(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
) -> Result<Answer, Complaint> {
    let command = Command::OpenOnce {
        conversation,
        message,
    };
    town.does(who, command)
}

fn state(town: &Town, who: Who, conversation: ConversationId, message: ContentId) -> OnceState {
    let engine = &town.people[who.0].engine;
    let entry = engine.message(conversation, &message).unwrap().unwrap();
    match entry.what {
        What::Once(once) => {
            assert_eq!(
                (once.media_type.as_str(), once.size),
                ("image/jpeg", 1_000_000)
            );
            once.state
        }
        other => panic!("{other:?}"),
    }
}

fn key(
    town: &Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
) -> Option<Attachment> {
    let engine = &town.people[who.0].engine;
    assert_eq!(
        engine.attachment(conversation, &message),
        Ok(None),
        "it is no other file"
    );
    engine.once(conversation, &message).unwrap()
}

/// Nothing of the file can be had on this device any more, from its disk either.
#[track_caller]
fn has_nothing(town: &Town, who: Who) {
    for word in [std::str::from_utf8(&KEY).unwrap(), "the-summit-at-night"] {
        assert!(!town.holds(who, word), "{who:?} holds {word}");
    }
}

#[test]
fn each_device_opens_it_once_and_its_author_never() {
    let mut town = Town::on_disk(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let (own, phone) = (town.links(ada, &Suite::ALL), town.links(bo, &Suite::ALL));
    let talk = town.meets(ada, bo);
    town.settles();
    let id = sends(&mut town, ada, talk);
    town.settles();
    town.passes(Duration::from_mins(1));
    for who in [ada, own] {
        assert_eq!(state(&town, who, talk, id), OnceState::Sent);
        assert!(key(&town, who, talk, id).is_none());
        assert_eq!(
            opens(&mut town, who, talk, id),
            Err(Complaint::OpenedAlready)
        );
        has_nothing(&town, who);
    }
    for who in [bo, phone] {
        assert_eq!(state(&town, who, talk, id), OnceState::Unopened);
        assert!(
            key(&town, who, talk, id).is_some_and(|file| file.key == FileKey::new(KEY, [7; 7]))
        );
    }
    opens(&mut town, bo, talk, id).unwrap();
    assert!(town.events(bo).contains(&Event::Amended(talk, id)));
    town.settles();
    town.people[bo.0].restarts();
    assert_eq!(state(&town, bo, talk, id), OnceState::Over);
    assert!(key(&town, bo, talk, id).is_none());
    assert_eq!(
        opens(&mut town, bo, talk, id),
        Err(Complaint::OpenedAlready)
    );
    has_nothing(&town, bo);
    // Nobody is told: not the other device either, which opens it for itself.
    assert_eq!(state(&town, phone, talk, id), OnceState::Unopened);
    opens(&mut town, phone, talk, id).unwrap();
    has_nothing(&town, phone);
    town.agree(&[ada, own, bo, phone], talk);
}

#[test]
fn nobody_opens_it_too_late_and_a_clock_alone_makes_nothing_late() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let id = sends(&mut town, ada, talk);
    town.settles();
    town.passes(ONCE_KEPT.checked_sub(DAY).unwrap());
    assert_eq!(state(&town, bo, talk, id), OnceState::Unopened);
    town.passes(DAY + Duration::from_mins(2));
    town.settles();
    assert_eq!(state(&town, bo, talk, id), OnceState::Over);
    assert_eq!(
        opens(&mut town, bo, talk, id),
        Err(Complaint::OpenedAlready)
    );
    has_nothing(&town, bo);
}

#[test]
fn it_is_neither_kept_nor_forwarded_nor_quoted_and_goes_when_it_is_taken_back() {
    let mut town = Town::on_disk(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let id = sends(&mut town, ada, talk);
    town.settles();
    let star = Command::Star {
        conversation: talk,
        messages: vec![id],
        starred: Starred::Yes,
    };
    assert_eq!(town.does(bo, star), Err(Complaint::OnlyOnce));
    let forward = Command::Forward {
        conversation: talk,
        message: id,
        to: vec![talk],
    };
    assert_eq!(town.does(bo, forward), Err(Complaint::NoText));
    let reply = Command::Reply {
        conversation: talk,
        to: id,
        text: "what a night".to_owned(),
    };
    town.does(bo, reply).unwrap();
    town.settles();
    let answer = town.timeline(bo, talk).pop().unwrap();
    assert_eq!(answer.reply_to.unwrap().text, None);
    let found = town.people[bo.0].engine.search("summit", None, None, 10);
    assert!(found.unwrap().unwrap().hits.is_empty());
    let back = Command::TakeBack {
        conversation: talk,
        message: id,
    };
    town.does(ada, back).unwrap();
    town.settles();
    town.passes(Duration::from_mins(2));
    assert!(key(&town, bo, talk, id).is_none());
    assert_eq!(
        opens(&mut town, bo, talk, id),
        Err(Complaint::NoSuchMessage)
    );
    has_nothing(&town, bo);
}

#[test]
fn only_what_can_be_shown_is_sent_so_and_without_words() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for (media_type, fits) in [
        ("image/png", true),
        ("Video/mp4", true),
        ("audio/ogg; codecs=opus", true),
        ("application/pdf", false),
        ("text/plain", false),
    ] {
        let answer = town.does(ada, sending(talk, file(media_type), ""));
        assert_eq!(answer.is_ok(), fits, "{media_type}: {answer:?}");
    }
    let worded = town.does(ada, sending(talk, file("image/png"), "look"));
    assert_eq!(worded, Err(Complaint::File));
}

#[test]
fn a_message_that_says_it_was_opened_is_none() {
    let mut scene = Hostile::new();
    let bo = scene.people[1];
    let before = scene.town.timeline(bo, scene.group).len();
    let sent = Attachment {
        id: FileId::new([1; 32]),
        key: FileKey::new(KEY, [7; 7]),
        hash: [7; 32],
        size: 1_000_000,
        media_type: "image/jpeg".to_owned(),
        name: None,
        expires: None,
        media: keyfold_protocol::content::Media::default(),
    };
    let mut rng = scene.town.rng.clone();
    let once = Saying::Once(&sent);
    let made = keyfold_protocol::content::write(&scene.author, 2, once, &mut rng).unwrap();
    let bare = keyfold_protocol::content::without_key(&made.encoded).unwrap();
    scene.sends(&bare);
    assert_eq!(scene.town.timeline(bo, scene.group).len(), before);
    scene.sends(&made.encoded);
    let group = scene.group;
    assert_eq!(state(&scene.town, bo, group, made.id), OnceState::Unopened);
}

#[test]
fn an_earlier_version_kept_it_as_what_it_did_not_know() {
    let mut town = Town::on_disk(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let id = sends(&mut town, ada, talk);
    town.settles();
    town.people[bo.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_11).unwrap();
    });
    assert_eq!(state(&town, bo, talk, id), OnceState::Unopened);
    town.passes(ONCE_KEPT + Duration::from_mins(2));
    town.settles();
    assert_eq!(state(&town, bo, talk, id), OnceState::Over);
    has_nothing(&town, bo);
}
