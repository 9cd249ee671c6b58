//! Files on their way: shown at once, said when they lie at the server, and gone without a trace when they are given up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use keyfold_engine::command::Opens;
use keyfold_engine::limits::MAX_UPLOADS;
use keyfold_engine::view::{FileEntry, FileState, Receipt, State, What};
use keyfold_engine::{Answer, Command, Complaint, Event, OutgoingFile, UploadId};
use keyfold_protocol::content::{ContentId, Media};
use keyfold_protocol::file::{FileKey, FileName, Layout};
use keyfold_protocol::suite::Suite;
use keyfold_wire::file::UploadToken;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::limits::{FILE_RETENTION, MAX_FILE, MAX_TEXT};
use rusqlite::Connection;
use town::copied::TO_VERSION_7;
use town::person::copy_database;
use town::{Town, Who};

fn file(number: u8) -> OutgoingFile {
    OutgoingFile {
        token: UploadToken::new([number; 32]),
        key: FileKey::new([number; 32], [number; 7]),
        hash: [number; 32],
        size: 1_000_000,
        media_type: "image/jpeg".to_owned(),
        name: Some(FileName::new("summit.jpg").unwrap()),
        media: Media {
            sides: Some((4_000, 3_000)),
            blur: Some(vec![number; 24]),
            ..Media::default()
        },
        opens: Opens::Always,
    }
}

fn sending(conversation: ConversationId, file: OutgoingFile, caption: &str) -> Command {
    Command::SendFile {
        conversation,
        file: Box::new(file),
        caption: caption.to_owned(),
    }
}

fn sends(town: &mut Town, who: Who, conversation: ConversationId, number: u8) -> UploadId {
    let command = sending(conversation, file(number), "what a day");
    match town.does(who, command) {
        Ok(Answer::Upload(upload)) => upload,
        other => panic!("{other:?}"),
    }
}

fn uploaded(town: &mut Town, who: Who, upload: UploadId) -> ContentId {
    match town.does(who, Command::FileUploaded(upload)) {
        Ok(Answer::Message(id)) => id,
        other => panic!("{other:?}"),
    }
}

/// What somebody sees, without notices: texts, and files with their state.
fn sees(town: &Town, who: Who, conversation: ConversationId) -> Vec<String> {
    let timeline = town.timeline(who, conversation);
    let line = |what: &What, state| match what {
        What::Text(text) => Some(text.clone()),
        What::File(file) => {
            let how = match &file.state {
                FileState::Uploading(_) => "on its way".to_owned(),
                FileState::Failed(_, why) => why.clone(),
                FileState::AtServer => "there".to_owned(),
            };
            let name = file.name.as_deref().unwrap_or("-");
            let words = file.caption.as_deref().unwrap_or("-");
            Some(format!("{name} {how} {state:?}: {words}"))
        }
        What::Gap(_) => Some("gap".to_owned()),
        _ => None,
    };
    timeline
        .iter()
        .filter_map(|entry| line(&entry.what, entry.state))
        .collect()
}

fn entry(town: &Town, who: Who, conversation: ConversationId) -> FileEntry {
    let timeline = town.timeline(who, conversation);
    let mut files = timeline.into_iter().filter_map(|entry| match entry.what {
        What::File(file) => Some(file),
        _ => None,
    });
    files.next_back().unwrap()
}

#[test]
fn a_file_is_said_when_it_is_at_the_server_and_what_is_said_meanwhile_goes_before_it() {
    let mut town = Town::new(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(ada, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.settles();
    let upload = sends(&mut town, ada, talk, 1);
    town.says(ada, talk, "a picture comes soon");
    town.settles();

    let mine = [
        "a picture comes soon",
        "summit.jpg on its way Waiting: what a day",
    ];
    assert_eq!(sees(&town, ada, talk), mine);
    for who in [bo, tablet] {
        assert_eq!(sees(&town, who, talk), ["a picture comes soon"]);
    }
    let engine = &town.people[ada.0].engine;
    assert_eq!(engine.waiting(), Ok(1), "it is not finished");
    let pending = engine.uploads().unwrap();
    assert_eq!((pending.len(), pending[0].id), (1, upload));
    let sealed = Layout::new(1_000_000).unwrap().sealed_length();
    assert_eq!(pending[0].sealed_length, sealed);
    assert_eq!(engine.find_messages(talk, "last").unwrap().len(), 1);

    assert!(entry(&town, ada, talk).media == file(1).media);
    let now = town.now();
    let id = uploaded(&mut town, ada, upload);
    town.settles();
    assert!(entry(&town, bo, talk).media == file(1).media);
    let there = "summit.jpg there Received: what a day";
    assert_eq!(sees(&town, bo, talk), ["a picture comes soon", there]);
    for who in [ada, tablet] {
        let there = "summit.jpg there Sent: what a day";
        assert_eq!(sees(&town, who, talk), ["a picture comes soon", there]);
    }
    for who in [ada, bo, tablet] {
        let engine = &town.people[who.0].engine;
        let attachment = engine.attachment(talk, &id).unwrap().unwrap();
        assert_eq!(attachment.id, file(1).token.id());
        assert!(attachment.key == file(1).key && attachment.hash == file(1).hash);
        let until = Timestamp(now.after(FILE_RETENTION).0 / 1_000 * 1_000);
        assert_eq!(attachment.expires, Some(until));
        assert_eq!(engine.waiting(), Ok(0));
        assert!(engine.uploads().unwrap().is_empty());
    }
    assert!(
        town.events(ada)
            .contains(&Event::Uploaded(talk, upload, id))
    );
    assert_eq!(
        town.does(ada, Command::FileUploaded(upload)),
        Err(Complaint::NoSuchUpload)
    );
}

#[test]
fn a_file_that_is_given_up_leaves_nothing_and_no_gap() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let upload = sends(&mut town, ada, talk, 9);
    town.does(ada, Command::CancelFile(upload)).unwrap();
    town.says(ada, talk, "never mind");
    town.settles();
    for who in [ada, bo] {
        assert_eq!(sees(&town, who, talk), ["never mind"]);
    }
    for command in [
        Command::FileUploaded(upload),
        Command::CancelFile(upload),
        Command::FileFailed(upload, "late".to_owned()),
    ] {
        assert_eq!(town.does(ada, command), Err(Complaint::NoSuchUpload));
    }
    let file = town.people[ada.0].file.clone().unwrap();
    let copy = file.with_file_name("copy.db");
    copy_database(&file, &copy);
    let database = Connection::open(copy).unwrap();
    let left: i64 = database
        .query_row(
            "SELECT (SELECT count(*) FROM upload) + (SELECT count(*) FROM timeline WHERE kind = 5)",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_file_that_the_server_won_t_take_says_so_until_it_is_given_up() {
    let mut town = Town::new(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let upload = sends(&mut town, ada, talk, 1);
    let why = "it is too large".to_owned();
    town.does(ada, Command::FileFailed(upload, why)).unwrap();
    town.settles();
    let failed = "summit.jpg the file was not sent: it is too large Failed: what a day";
    assert_eq!(sees(&town, ada, talk), [failed]);
    assert!(sees(&town, bo, talk).is_empty());
    let engine = &town.people[ada.0].engine;
    assert_eq!(engine.waiting(), Ok(0), "nothing is to come of it");
    assert!(engine.uploads().unwrap()[0].failed.is_some());
    town.does(ada, Command::CancelFile(upload)).unwrap();
    assert!(sees(&town, ada, talk).is_empty());
}

#[test]
fn a_file_of_somebody_who_is_not_in_the_conversation_any_more_is_not_said() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let upload = sends(&mut town, bo, group, 1);
    town.removes(ada, group, &[bo]);
    town.settles();
    assert_eq!(
        town.does(bo, Command::FileUploaded(upload)),
        Ok(Answer::Taken)
    );
    assert!(matches!(
        entry(&town, bo, group).state,
        FileState::Failed(..)
    ));
    assert!(sees(&town, ada, group).is_empty());
    assert_eq!(
        town.does(bo, sending(group, file(2), "")),
        Err(Complaint::NotAMember)
    );
}

#[test]
fn a_file_to_somebody_who_is_blocked_meanwhile_fails_and_says_why() {
    let mut town = Town::new(14);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let upload = sends(&mut town, ada, talk, 1);
    let account = town.me(bo).account;
    town.does(ada, Command::Block { account }).unwrap();
    let refused = town.does(ada, sending(talk, file(2), ""));
    assert_eq!(refused, Err(Complaint::Blocked));
    let answer = town.does(ada, Command::FileUploaded(upload));
    assert_eq!(answer, Ok(Answer::Taken));
    let FileState::Failed(failed, why) = entry(&town, ada, talk).state else {
        panic!("it did not fail");
    };
    assert_eq!(failed, upload);
    assert!(why.contains("blocked"), "{why}");
}

#[test]
fn clearing_a_conversation_gives_up_the_files_that_are_on_their_way_to_it() {
    let mut town = Town::on_disk(15);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let going = sends(&mut town, ada, talk, 1);
    let failed = sends(&mut town, ada, talk, 2);
    let fails = Command::FileFailed(failed, "too large".to_owned());
    town.does(ada, fails).unwrap();
    let clear = Command::Clear { conversation: talk };
    town.does(ada, clear).unwrap();
    assert!(town.people[ada.0].engine.uploads().unwrap().is_empty());
    assert!(town.timeline(ada, talk).is_empty());
    for upload in [going, failed] {
        let told = Event::UploadCancelled(talk, upload);
        assert!(town.events(ada).contains(&told));
    }
    let late = town.does(ada, Command::FileUploaded(going));
    assert_eq!(late, Err(Complaint::NoSuchUpload));
}

#[test]
fn a_file_that_was_begun_and_given_up_tells_a_stranger_nothing() {
    let mut town = Town::new(16);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "a stranger's words");
    town.settles();
    let set = Command::SetProfile {
        name: "Ada".to_owned(),
        about: String::new(),
        picture: None,
    };
    let upload = sends(&mut town, ada, talk, 1);
    town.does(ada, Command::Foreground { active: true })
        .unwrap();
    town.does(ada, set).unwrap();
    town.does(ada, Command::MarkRead { conversation: talk })
        .unwrap();
    town.passes(std::time::Duration::from_mins(2));
    town.does(ada, Command::CancelFile(upload)).unwrap();
    town.passes(std::time::Duration::from_mins(2));
    let shown = town.shows(bo, talk);
    assert_eq!(shown.last_active, None);
    let said = town.timeline(bo, talk);
    assert_eq!(said.last().unwrap().receipt, Receipt::None);
    let account = town.me(ada).account;
    assert!(
        town.people[bo.0]
            .engine
            .profile(&account)
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_file_is_answered_reacted_to_and_taken_back_as_a_text_is() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let upload = sends(&mut town, ada, talk, 1);
    let message = uploaded(&mut town, ada, upload);
    town.settles();
    let react = Command::React {
        conversation: talk,
        message,
        emoji: Some("🏔".to_owned()),
    };
    town.does(bo, react).unwrap();
    let answer = Command::Reply {
        conversation: talk,
        to: message,
        text: "lovely".to_owned(),
    };
    town.does(bo, answer).unwrap();
    town.settles();
    let timeline = town.timeline(ada, talk);
    let found = timeline.iter().find(|one| one.id == Some(message)).unwrap();
    assert_eq!(found.reactions[0].emoji, "🏔");
    let quote = timeline.last().unwrap().reply_to.clone().unwrap();
    assert_eq!(quote.text.as_deref(), Some("what a day"));
    for (words, marks) in [("summit", 0..6), ("day", 18..21)] {
        let found = town.people[bo.0].engine.search(words, None, None, 10);
        let found = found.unwrap().unwrap().hits;
        assert_eq!(found[0].entry.id, Some(message), "{words}");
        assert_eq!(found[0].snippet.text, "summit.jpg\nwhat a day");
        assert_eq!(found[0].snippet.marks, [marks]);
    }
    let edit = Command::Edit {
        conversation: talk,
        message,
        text: "another".to_owned(),
    };
    assert_eq!(town.does(ada, edit), Err(Complaint::NotYours));

    let take_back = Command::TakeBack {
        conversation: talk,
        message,
    };
    town.does(ada, take_back).unwrap();
    town.settles();
    for who in [ada, bo] {
        assert_eq!(sees(&town, who, talk), ["lovely"]);
        let engine = &town.people[who.0].engine;
        assert_eq!(engine.attachment(talk, &message), Ok(None));
        let found = engine.search("summit", None, None, 10).unwrap().unwrap();
        assert!(found.hits.is_empty());
    }
}

#[test]
fn what_can_t_be_sent_is_said_at_once() {
    let mut town = Town::new(6);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let mut large = file(1);
    large.size = MAX_FILE + 1;
    let mut odd = file(1);
    odd.media_type = "image".to_owned();
    for bad in [large, odd] {
        assert_eq!(town.does(ada, sending(talk, bad, "")), Err(Complaint::File));
    }
    let words = "w".repeat(MAX_TEXT + 1);
    let complaint = Complaint::TextSize {
        limit: MAX_TEXT,
        actual: MAX_TEXT + 1,
    };
    assert_eq!(
        town.does(ada, sending(talk, file(1), &words)),
        Err(complaint)
    );
    let unknown = ConversationId::new([9; 16]);
    assert_eq!(
        town.does(ada, sending(unknown, file(1), "")),
        Err(Complaint::NoSuchConversation)
    );
    assert!(town.people[ada.0].engine.uploads().unwrap().is_empty());

    for number in 0..MAX_UPLOADS {
        let [number, ..] = number.to_le_bytes();
        assert!(town.does(ada, sending(talk, file(number), "")).is_ok());
    }
    assert_eq!(
        town.does(ada, sending(talk, file(0), "")),
        Err(Complaint::TooManyUploads(MAX_UPLOADS))
    );
}

#[test]
fn a_file_that_waits_offline_keeps_its_place_behind_what_is_said_and_survives_a_restart() {
    let mut town = Town::on_disk(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.goes_offline(ada);
    let upload = sends(&mut town, ada, talk, 1);
    town.says(ada, talk, "one");
    town.people[ada.0].restarts();
    assert_eq!(entry(&town, ada, talk).state, FileState::Uploading(upload));
    let timeline = town.timeline(ada, talk);
    let states: Vec<_> = timeline.iter().map(|entry| entry.state).collect();
    assert!(states.ends_with(&[State::Waiting, State::Waiting]));
    // The upload may end before the conversation's socket is there.
    uploaded(&mut town, ada, upload);
    town.says(ada, talk, "two");
    town.comes_back(ada);
    town.settles();
    let there = "summit.jpg there Received: what a day";
    assert_eq!(
        sees(&town, bo, talk),
        ["one", there, "two"],
        "in order, without a gap"
    );
}

/// The version before knew nothing of it.
#[test]
fn a_database_of_the_version_before_learns_of_files() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    town.people[ada.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_7).unwrap();
    });
    let upload = sends(&mut town, ada, talk, 1);
    uploaded(&mut town, ada, upload);
    town.settles();
    let there = "summit.jpg there Received: what a day";
    assert_eq!(sees(&town, bo, talk), ["hello", there]);
}
