//! What was said is answered, edited, taken back and reacted to: everybody sees the same of it, whoever was away, and nobody does to
//! others' messages what they may not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::view::{Entry, What};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::{self, ContentId, Saying};
use keyfold_protocol::limits::MAX_REACTION;
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::MAX_TEXT;
use town::copied::{Copied, TO_VERSION_5};
use town::mallory::Hostile;
use town::{Town, Who};

/// A line as somebody sees it: who, what, and what became of it.
fn line(entry: &Entry) -> Option<String> {
    let from = entry.from.as_ref()?.handle.clone();
    let mut line = match &entry.what {
        What::Text(text) => format!("{from}: {text}"),
        What::TakenBack { by, .. } => format!("{from}: taken back by {}", by.as_ref()?.handle),
        What::NeedsNewerVersion => format!("{from}: ?"),
        _ => return None,
    };
    if let Some(quote) = &entry.reply_to {
        let whose = quote.from.as_ref().map_or("?", |from| &from.handle);
        let words = quote.text.as_deref().unwrap_or("-");
        line = format!("{line} < {whose}: {words}");
    }
    if entry.edited {
        line.push_str(" (edited)");
    }
    for reaction in &entry.reactions {
        line = format!("{line} {}{}", reaction.from.handle, reaction.emoji);
    }
    Some(line)
}

fn lines(town: &Town, who: Who, conversation: ConversationId) -> Vec<String> {
    let timeline = town.timeline(who, conversation);
    timeline.iter().filter_map(line).collect()
}

#[track_caller]
fn all_see(town: &Town, people: &[Who], conversation: ConversationId, expected: &[&str]) {
    for who in people {
        assert_eq!(lines(town, *who, conversation), expected, "{who:?}");
    }
}

/// The id of the message that says this.
fn message(town: &Town, who: Who, conversation: ConversationId, text: &str) -> ContentId {
    let timeline = town.timeline(who, conversation);
    let found = timeline
        .iter()
        .find(|entry| entry.what == What::Text(text.to_owned()));
    found.unwrap().id.unwrap()
}

fn edits(town: &mut Town, who: Who, conversation: ConversationId, text: &str, new: &str) {
    let message = message(town, who, conversation, text);
    let text = new.to_owned();
    let command = Command::Edit {
        conversation,
        message,
        text,
    };
    town.does(who, command).unwrap();
}

fn takes_back(town: &mut Town, who: Who, conversation: ConversationId, text: &str) {
    let message = message(town, who, conversation, text);
    let command = Command::TakeBack {
        conversation,
        message,
    };
    town.does(who, command).unwrap();
}

fn reacts(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    text: &str,
    emoji: Option<&str>,
) {
    let message = message(town, who, conversation, text);
    let emoji = emoji.map(str::to_owned);
    let command = Command::React {
        conversation,
        message,
        emoji,
    };
    town.does(who, command).unwrap();
}

fn answers(town: &mut Town, who: Who, conversation: ConversationId, text: &str, answer: &str) {
    let to = message(town, who, conversation, text);
    let text = answer.to_owned();
    let command = Command::Reply {
        conversation,
        to,
        text,
    };
    town.does(who, command).unwrap();
}

/// A column of the message that this finds, as it lies in somebody's database.
fn stored(town: &Town, who: Who, select: &str, id: &ContentId) -> Vec<u8> {
    let database = Copied::of(&town.people[who.0]).database;
    database
        .query_row(select, [id.as_bytes()], |row| row.get(0))
        .unwrap()
}

const BODY: &str = "SELECT body FROM timeline WHERE content_id = ?1";

#[test]
fn everybody_sees_what_became_of_a_message() {
    let mut town = Town::on_disk(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let tablet = town.links(bo, &Suite::ALL);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.goes_offline(cy);
    town.says(ada, group, "meet at sixx");
    town.settles();
    answers(&mut town, bo, group, "meet at sixx", "fine");
    reacts(&mut town, tablet, group, "meet at sixx", Some("👍"));
    town.settles();
    edits(&mut town, ada, group, "meet at sixx", "meet at six");
    let (before, after) = (
        "ada: meet at six (edited) bo👍",
        "bo: fine < ada: meet at six",
    );
    // At once, before the server has it; and there after a restart.
    assert_eq!(lines(&town, ada, group), [before, after]);
    town.people[ada.0].restarts();
    assert_eq!(lines(&town, ada, group), [before, after]);
    town.settles();
    all_see(&town, &[ada, bo, tablet], group, &[before, after]);
    assert_eq!(
        town.shows(ada, group).unread,
        1,
        "an edit is nothing to read"
    );

    reacts(&mut town, ada, group, "fine", Some("❤️"));
    reacts(&mut town, bo, group, "meet at six", Some("🧗"));
    town.settles();
    reacts(&mut town, ada, group, "fine", None);
    takes_back(&mut town, bo, group, "fine");
    town.settles();
    town.comes_back(cy);
    let end = ["ada: meet at six (edited) bo🧗", "bo: taken back by bo"];
    all_see(&town, &[ada, bo, tablet, cy], group, &end);
    town.agree(&[ada, bo, tablet, cy], group);
}

#[test]
fn whoever_reads_is_told_what_to_read_anew() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    let id = message(&town, ada, talk, "hello");
    reacts(&mut town, bo, talk, "hello", Some("👋"));
    town.settles();
    reacts(&mut town, bo, talk, "hello", None);
    town.settles();
    let amended = Event::Amended(talk, id);
    for who in [ada, bo] {
        let told = town.events(who).iter().filter(|event| **event == amended);
        assert!(told.count() >= 2, "{who:?}: {:?}", town.events(who));
    }
    all_see(&town, &[ada, bo], talk, &["ada: hello"]);
}

/// A group and a one-to-one conversation in which bo has said something, with the id of that.
fn spoken() -> (Town, [Who; 3], [(ConversationId, ContentId); 2]) {
    let mut town = Town::new(3);
    let people @ [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    let talk = town.meets(ada, bo);
    for conversation in [group, talk] {
        town.says(bo, conversation, "bo's words");
    }
    town.settles();
    let places = [group, talk].map(|place| (place, message(&town, ada, place, "bo's words")));
    (town, people, places)
}

fn edit((conversation, message): (ConversationId, ContentId), text: &str) -> Command {
    let text = text.to_owned();
    Command::Edit {
        conversation,
        message,
        text,
    }
}

const fn back((conversation, message): (ConversationId, ContentId)) -> Command {
    Command::TakeBack {
        conversation,
        message,
    }
}

fn react((conversation, message): (ConversationId, ContentId), emoji: &str) -> Command {
    let emoji = Some(emoji.to_owned());
    Command::React {
        conversation,
        message,
        emoji,
    }
}

#[test]
fn a_person_changes_only_what_is_theirs() {
    let (mut town, [ada, bo, cy], [group, talk]) = spoken();
    let unknown = ContentId::try_from([1; 32].as_slice()).unwrap();
    let refused = [
        (ada, edit(group, "mine"), Complaint::NotYours),
        (cy, back(group), Complaint::NotAllowed),
        (ada, back(talk), Complaint::NotYours),
        (ada, back((group.0, unknown)), Complaint::NoSuchMessage),
        (ada, back((talk.0, group.1)), Complaint::NoSuchMessage),
    ];
    for (who, command, complaint) in refused {
        assert_eq!(town.does(who, command), Err(complaint));
    }
    // The owner of a group may take back what others have said, and nobody anything twice.
    town.does(ada, back(group)).unwrap();
    town.settles();
    let everybody = [ada, bo, cy];
    all_see(&town, &everybody, group.0, &["bo: taken back by ada"]);
    for command in [edit(group, "again"), back(group), react(group, "👍")] {
        assert_eq!(town.does(bo, command), Err(Complaint::NoSuchMessage));
    }
    all_see(&town, &[ada, bo], talk.0, &["bo: bo's words"]);
}

#[test]
fn an_edit_is_as_long_as_a_text_may_be_and_a_reaction_as_an_emoji() {
    let (mut town, [ada, bo, cy], [group, _]) = spoken();
    let reaction = || Complaint::Reaction(MAX_REACTION);
    let size = |actual| Complaint::TextSize {
        limit: MAX_TEXT,
        actual,
    };
    let (text, emoji) = ("y".repeat(MAX_TEXT + 1), "x".repeat(MAX_REACTION + 1));
    let refused = [
        (react(group, ""), reaction()),
        (react(group, "a\u{1b}"), reaction()),
        (react(group, &emoji), reaction()),
        (edit(group, ""), size(0)),
        (edit(group, &text), size(MAX_TEXT + 1)),
    ];
    for (command, complaint) in refused {
        assert_eq!(town.does(bo, command), Err(complaint));
    }
    let (text, emoji) = (&text[..MAX_TEXT], &emoji[..MAX_REACTION]);
    town.does(cy, react(group, emoji)).unwrap();
    town.does(bo, edit(group, text)).unwrap();
    town.settles();
    let expected = format!("bo: {text} (edited) cy{emoji}");
    all_see(&town, &[ada, bo, cy], group.0, &[&expected]);
}

#[test]
fn what_is_done_to_words_that_nobody_has_yet_comes_after_them() {
    let mut town = Town::on_disk(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.goes_offline(ada);
    for text in ["one", "two", "three"] {
        town.says(ada, talk, text);
    }
    edits(&mut town, ada, talk, "one", "first");
    takes_back(&mut town, ada, talk, "two");
    reacts(&mut town, ada, talk, "three", Some("🙂"));
    reacts(&mut town, ada, talk, "three", Some("🙃"));
    let seen = [
        "ada: first (edited)",
        "ada: taken back by ada",
        "ada: three ada🙃",
    ];
    all_see(&town, &[ada], talk, &seen);
    town.people[ada.0].restarts();
    all_see(&town, &[ada], talk, &seen);
    town.comes_back(ada);
    all_see(&town, &[ada, bo], talk, &seen);
    town.agree(&[ada, bo], talk);
}

#[test]
fn of_two_edits_at_once_the_one_that_the_server_has_last_stands_everywhere() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(ada, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    town.goes_offline(tablet);
    edits(&mut town, tablet, talk, "hello", "on the tablet");
    town.passes(Duration::from_secs(5));
    edits(&mut town, ada, talk, "hello", "on the phone");
    town.settles();
    all_see(&town, &[ada, bo], talk, &["ada: on the phone (edited)"]);
    town.comes_back(tablet);
    all_see(
        &town,
        &[ada, bo, tablet],
        talk,
        &["ada: on the tablet (edited)"],
    );
}

#[test]
fn whoever_comes_later_sees_nothing_of_what_is_about_earlier_words() {
    let mut town = Town::new(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    town.says(ada, group, "before cy came");
    town.settles();
    town.adds(ada, group, &[cy]);
    town.settles();
    answers(&mut town, bo, group, "before cy came", "an answer");
    reacts(&mut town, bo, group, "before cy came", Some("👍"));
    edits(&mut town, ada, group, "before cy came", "edited");
    town.settles();
    assert_eq!(lines(&town, cy, group), ["bo: an answer < ?: -"]);
    takes_back(&mut town, ada, group, "edited");
    town.settles();
    assert_eq!(lines(&town, cy, group), ["bo: an answer < ?: -"]);
    assert_eq!(town.shows(cy, group).unread, 1);
}

#[test]
fn what_is_taken_back_is_in_no_file_any_more() {
    let mut town = Town::on_disk(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "a word that I regret");
    town.says(ada, talk, "a word that stays");
    town.settles();
    edits(
        &mut town,
        ada,
        talk,
        "a word that I regret",
        "another that I regret",
    );
    town.settles();
    takes_back(&mut town, ada, talk, "another that I regret");
    town.passes(Duration::from_mins(10));
    for who in [ada, bo] {
        let file = town.people[who.0].file.clone().unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let log = format!("{}-wal", file.display());
        bytes.extend(std::fs::read(log).unwrap_or_default());
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(holds(b"a word that stays"), "the control word");
        assert!(!holds(b"that I regret"), "{who:?} still has it");
    }
    all_see(
        &town,
        &[ada, bo],
        talk,
        &["ada: taken back by ada", "ada: a word that stays"],
    );
}

#[test]
fn nobody_edits_or_takes_back_what_is_not_theirs() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let before = ["ada: ada's words bo👍", "mallory: hello"];
    let adas = message(&scene.town, ada, scene.group, "ada's words");
    let own = message(&scene.town, ada, scene.group, "hello");
    let timeline = scene.town.timeline(bo, scene.group).len();
    let edit = |of| Saying::Edit {
        of,
        text: "owned",
        in_reply_to: None,
    };
    scene.says(edit(adas));
    scene.says(Saying::Deletion(adas));
    // Of a reaction: ada's answer to it, an edit of it, and that it be taken back.
    let reaction = scene.says(Saying::Reaction {
        to: own,
        emoji: "🦹",
        replaces: None,
    });
    scene.says(edit(reaction));
    all_see(
        &scene.town,
        &[ada, bo],
        scene.group,
        &[before[0], "mallory: hello mallory🦹"],
    );
    assert_eq!(scene.town.timeline(bo, scene.group).len(), timeline);
    // A reaction of somebody else is nobody's to take back.
    let select = "SELECT content_id FROM timeline WHERE target = ?1";
    let bos = stored(&scene.town, ada, select, &adas);
    scene.says(Saying::Deletion(
        ContentId::try_from(bos.as_slice()).unwrap(),
    ));
    all_see(
        &scene.town,
        &[ada, bo],
        scene.group,
        &[before[0], "mallory: hello mallory🦹"],
    );
    scene.town.agree(&[ada, bo], scene.group);
}

#[test]
fn a_flood_of_reactions_is_one_reaction() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let adas = message(&scene.town, ada, scene.group, "ada's words");
    for number in 0..40 {
        let emoji = format!("{number}");
        scene.says(Saying::Reaction {
            to: adas,
            emoji: &emoji,
            replaces: None,
        });
    }
    let expected = ["ada: ada's words bo👍 mallory39", "mallory: hello"];
    all_see(&scene.town, &[ada, bo], scene.group, &expected);
    assert_eq!(scene.town.shows(bo, scene.group).unread, 2);
}

/// A client of another making may send them so, and a server put back from a backup may have them come so.
#[test]
fn what_comes_before_the_message_that_it_is_about_counts_once_that_is_there() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let mut rng = scene.town.rng.clone();
    let author = &scene.author;
    let edited = content::text(author, 4, "writen", &mut rng).unwrap();
    let gone = content::text(author, 5, "gone before it came", &mut rng).unwrap();
    scene.town.rng = rng;
    scene.says(Saying::Edit {
        of: edited.id,
        text: "written",
        in_reply_to: None,
    });
    scene.says(Saying::Deletion(gone.id));
    scene.sends(&edited.encoded);
    scene.sends(&gone.encoded);
    let end = [
        "ada: ada's words bo👍",
        "mallory: hello",
        "mallory: written (edited)",
        "mallory: taken back by mallory",
    ];
    all_see(&scene.town, &[ada, bo], scene.group, &end);
    let file = std::fs::read(scene.town.people[bo.0].file.as_ref().unwrap()).unwrap();
    let word = b"gone before it came";
    assert!(!file.windows(word.len()).any(|window| window == word));
}

/// Version 4 of the database knew none of this, and kept what it was told as what takes a newer version.
#[test]
fn what_an_earlier_version_kept_is_shown_as_what_it_is() {
    let mut town = Town::on_disk(10);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for text in ["one", "two", "three"] {
        town.says(ada, talk, text);
    }
    town.settles();
    edits(&mut town, ada, talk, "one", "first");
    reacts(&mut town, bo, talk, "three", Some("👍"));
    town.settles();
    let second = message(&town, bo, talk, "two");
    let body = stored(&town, bo, BODY, &second);
    takes_back(&mut town, ada, talk, "two");
    town.settles();
    town.people[bo.0].restarts_with(|database| {
        let keep = "UPDATE timeline SET kind = 0, body = ?2 WHERE content_id = ?1";
        database.execute(keep, (second.as_bytes(), body)).unwrap();
        database.execute_batch(TO_VERSION_5).unwrap();
        database
            .execute_batch(
                "DROP INDEX timeline_target;
             ALTER TABLE timeline DROP COLUMN target;
             ALTER TABLE timeline DROP COLUMN by_admin;
             PRAGMA user_version = 4;",
            )
            .unwrap();
    });
    let expected = [
        "ada: first (edited)",
        "ada: taken back by ada",
        "ada: three bo👍",
    ];
    all_see(&town, &[ada, bo], talk, &expected);
    assert_eq!(stored(&town, bo, BODY, &second), b"");
    town.says(ada, talk, "four");
    town.settles();
    town.agree(&[ada, bo], talk);
}

#[test]
fn the_answer_names_the_message() {
    let mut town = Town::new(11);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    let to = message(&town, bo, talk, "hello");
    let react = |emoji: Option<&str>| Command::React {
        conversation: talk,
        message: to,
        emoji: emoji.map(str::to_owned),
    };
    assert_eq!(
        town.does(bo, react(None)),
        Ok(Answer::Taken),
        "there is none"
    );
    let Ok(Answer::Message(id)) = town.does(bo, react(Some("👍"))) else {
        panic!("no message");
    };
    assert_eq!(
        town.does(bo, react(Some("👍"))),
        Ok(Answer::Taken),
        "it is so"
    );
    town.settles();
    assert!(town.events(bo).contains(&Event::Sent(talk, id)));
}

#[test]
fn a_reaction_that_is_taken_back_twice_takes_nothing_else_with_it() {
    let mut town = Town::new(12);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(ada, &Suite::ALL);
    let group = town.creates_group(ada, "climbing", &[bo]);
    town.says(ada, group, "meet at six");
    town.settles();
    reacts(&mut town, ada, group, "meet at six", Some("👍"));
    town.settles();
    town.goes_offline(tablet);
    reacts(&mut town, tablet, group, "meet at six", None);
    reacts(&mut town, ada, group, "meet at six", None);
    town.settles();
    town.comes_back(tablet);
    all_see(&town, &[ada, bo, tablet], group, &["ada: meet at six"]);
    town.agree(&[ada, bo, tablet], group);
}

#[test]
fn an_earlier_reaction_does_not_come_back() {
    let mut town = Town::new(13);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "meet at six");
    town.settles();
    for emoji in [Some("👍"), Some("❤️"), None] {
        reacts(&mut town, bo, talk, "meet at six", emoji);
        town.settles();
    }
    let everybody = [ada, bo, tablet];
    all_see(&town, &everybody, talk, &["ada: meet at six"]);
    // Another device takes back what has been replaced meanwhile.
    reacts(&mut town, bo, talk, "meet at six", Some("👍"));
    town.settles();
    town.goes_offline(tablet);
    reacts(&mut town, tablet, talk, "meet at six", None);
    reacts(&mut town, bo, talk, "meet at six", Some("🧗"));
    town.settles();
    town.comes_back(tablet);
    all_see(&town, &everybody, talk, &["ada: meet at six bo🧗"]);
    reacts(&mut town, tablet, talk, "meet at six", None);
    town.settles();
    all_see(&town, &everybody, talk, &["ada: meet at six"]);
}

/// What counts is what somebody may do where it comes, also on the device that said it.
#[test]
fn who_may_no_more_when_it_comes_has_done_nothing_on_their_own_screen_either() {
    let mut town = Town::on_disk(14);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.promotes(ada, group, bo, Role::Admin);
    for text in ["cy's words", "more words"] {
        town.says(cy, group, text);
    }
    town.settles();
    town.goes_offline(bo);
    takes_back(&mut town, bo, group, "cy's words");
    town.goes_offline(cy);
    edits(
        &mut town,
        cy,
        group,
        "more words",
        "words that nobody hears",
    );
    town.promotes(ada, group, bo, Role::Member);
    takes_back(&mut town, ada, group, "more words");
    town.settles();
    town.comes_back(bo);
    town.comes_back(cy);
    town.passes(Duration::from_mins(10));
    let end = ["cy: cy's words", "cy: taken back by ada"];
    all_see(&town, &[ada, bo, cy], group, &end);
    town.agree(&[ada, bo, cy], group);
    let file = std::fs::read(town.people[cy.0].file.as_ref().unwrap()).unwrap();
    let word = b"words that nobody hears";
    assert!(!file.windows(word.len()).any(|window| window == word));
}

#[test]
fn a_flood_of_edits_leaves_one() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let own = message(&scene.town, ada, scene.group, "hello");
    for number in 0..40 {
        let text = format!("edit {number}");
        scene.says(Saying::Edit {
            of: own,
            text: &text,
            in_reply_to: None,
        });
    }
    let expected = ["ada: ada's words bo👍", "mallory: edit 39 (edited)"];
    all_see(&scene.town, &[ada, bo], scene.group, &expected);
    let database = Copied::of(&scene.town.people[bo.0]).database;
    let count =
        "SELECT count(*), sum(length(body)) < 1000 FROM timeline WHERE target = ?1 AND kind";
    let superseded: (i64, bool) = database
        .query_row(&format!("{count} = 4"), [own.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(superseded, (39, true));
}
