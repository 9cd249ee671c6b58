//! What was said is found by its words: whatever became of it, wherever it was said, in any script, and nothing that is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{
    INDEX_AFTER, INDEX_AGAIN, INDEX_AT_ONCE, MAX_HITS, MAX_QUERY, MAX_SEARCH_WORDS,
};
use keyfold_engine::view::{Found, What};
use keyfold_engine::{Command, Complaint};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;
use rusqlite::Connection;
use town::copied::{Copied, TO_VERSION_5};
use town::person::copy_database;
use town::{Town, Who};

fn search(town: &Town, who: Who, words: &str, within: Option<ConversationId>) -> Found {
    let engine = &town.people[who.0].engine;
    engine
        .search(words, within, None, MAX_HITS)
        .unwrap()
        .unwrap()
}

/// The texts that are found, the newest first.
fn finds(town: &Town, who: Who, words: &str) -> Vec<String> {
    texts(&search(town, who, words, None))
}

fn texts(found: &Found) -> Vec<String> {
    let text = |hit: &keyfold_engine::view::Hit| match &hit.entry.what {
        What::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    found.hits.iter().map(text).collect()
}

fn message(town: &Town, who: Who, conversation: ConversationId, text: &str) -> ContentId {
    let timeline = town.timeline(who, conversation);
    let found = timeline
        .iter()
        .find(|entry| entry.what == What::Text(text.to_owned()));
    found.unwrap().id.unwrap()
}

fn edits(town: &mut Town, who: Who, conversation: ConversationId, text: &str, new: &str) {
    let command = Command::Edit {
        conversation,
        message: message(town, who, conversation, text),
        text: new.to_owned(),
    };
    town.does(who, command).unwrap();
}

fn takes_back(town: &mut Town, who: Who, conversation: ConversationId, text: &str) {
    let command = Command::TakeBack {
        conversation,
        message: message(town, who, conversation, text),
    };
    town.does(who, command).unwrap();
}

/// What came gets into the index.
fn indexed(town: &mut Town) {
    town.passes(INDEX_AFTER * 2);
}

/// How far the index of this conversation is.
fn up_to(town: &Town, who: Who) -> i64 {
    let database = Copied::of(&town.people[who.0]).database;
    let select = "SELECT coalesce(sum(up_to), 0) FROM searched";
    database.query_row(select, (), |row| row.get(0)).unwrap()
}

/// Runs a story twice: with words that are not in the index yet, and with words that are.
fn either_way(story: impl Fn(&dyn Fn(&mut Town))) {
    story(&|_| {});
    story(&indexed);
}

#[test]
fn a_message_is_found_by_its_words_at_once_and_ever_after() {
    either_way(|passes| {
        let mut town = Town::new(1);
        let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
        let talk = town.meets(ada, bo);
        let group = town.creates_group(ada, "climbing", &[bo, cy]);
        town.says(ada, talk, "Meet at the north wall");
        town.passes(Duration::from_secs(1));
        town.says(bo, group, "Élise brings the rope, north side");
        town.says(bo, group, "nothing else");
        town.settles();
        passes(&mut town);
        town.passes(Duration::from_secs(1));
        town.goes_offline(ada);
        town.says(ada, talk, "written on the train, north of here");
        let north = [
            "written on the train, north of here",
            "Élise brings the rope, north side",
            "Meet at the north wall",
        ];
        assert_eq!(finds(&town, ada, "NORTH"), north);
        assert_eq!(finds(&town, ada, "nor wa"), north[2..]);
        assert_eq!(finds(&town, ada, "elise"), north[1..2]);
        assert_eq!(finds(&town, ada, "orth"), [""; 0]);
        assert_eq!(finds(&town, cy, "north"), north[1..2]);
        let here = search(&town, ada, "north", Some(talk));
        assert_eq!(texts(&here), [north[0], north[2]]);
        assert_eq!(here.hits[1].conversation, talk);
        let snippet = &here.hits[1].snippet;
        assert_eq!(&snippet.text[snippet.marks[0].clone()], "north");
        town.comes_back(ada);
        passes(&mut town);
        assert_eq!(finds(&town, ada, "train"), north[..1]);
        assert_eq!(finds(&town, bo, "train"), north[..1]);
    });
}

#[test]
fn scripts_without_spaces_are_found() {
    either_way(|passes| {
        let mut town = Town::new(2);
        let [ada, bo] = town.people(["ada", "bo"]);
        let talk = town.meets(ada, bo);
        let said = [
            "明日東京都庁で会う",
            "我们去北京吧",
            "พรุ่งนี้เจอกันที่กรุงเทพ",
            "내일 서울에서 봐",
        ];
        for text in said {
            town.says(ada, talk, text);
        }
        town.settles();
        passes(&mut town);
        for (words, text) in [
            ("東京都", 0),
            ("庁", 0),
            ("う", 0),
            ("北京", 1),
            ("กรุงเทพ", 2),
            ("เจอกัน", 2),
            ("서울", 3),
            ("울에서", 3),
        ] {
            assert_eq!(finds(&town, bo, words), [said[text]], "{words}");
        }
        assert_eq!(finds(&town, bo, "京東"), [""; 0]);
        assert_eq!(finds(&town, bo, "京"), [said[1], said[0]]);
    });
}

#[test]
fn what_was_edited_is_found_by_what_it_says_now_and_what_was_taken_back_not_at_all() {
    either_way(|passes| {
        let mut town = Town::new(3);
        let [ada, bo] = town.people(["ada", "bo"]);
        let talk = town.meets(ada, bo);
        for text in ["meet at seven", "a regret"] {
            town.says(ada, talk, text);
        }
        town.settles();
        passes(&mut town);
        town.goes_offline(ada);
        edits(&mut town, ada, talk, "meet at seven", "meet at eight");
        takes_back(&mut town, ada, talk, "a regret");
        // At once where it was done, and when it has come elsewhere.
        for who in [ada, bo] {
            assert_eq!(finds(&town, who, "eight"), ["meet at eight"], "{who:?}");
            assert_eq!(finds(&town, who, "seven"), [""; 0]);
            assert_eq!(finds(&town, who, "regret"), [""; 0]);
            town.comes_back(ada);
        }
        edits(&mut town, ada, talk, "meet at eight", "meet at nine");
        town.settles();
        passes(&mut town);
        for who in [ada, bo] {
            assert_eq!(finds(&town, who, "meet"), ["meet at nine"], "{who:?}");
            assert_eq!(finds(&town, who, "eight"), [""; 0]);
            assert_eq!(finds(&town, who, "nine"), ["meet at nine"]);
        }
    });
}

/// Both ends begin to talk at the same moment: two conversations become one.
#[test]
fn two_conversations_that_become_one_are_searched_as_one() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.goes_offline(bo);
    let adas = town.meets(ada, bo);
    town.says(ada, adas, "ada rings the bell");
    town.passes(Duration::from_mins(1));
    town.goes_offline(ada);
    town.people[bo.0].online = true;
    let adas_wait = town.people[bo.0].engine.conversations().unwrap().is_empty();
    assert!(adas_wait, "bo knows nothing of it yet");
    let bos = town.meets(bo, ada);
    town.says(bo, bos, "bo rings the bell");
    indexed(&mut town);
    town.comes_back(ada);
    indexed(&mut town);
    for who in [ada, bo] {
        let conversations = town.people[who.0].engine.conversations().unwrap();
        assert_eq!(conversations.len(), 1, "{who:?}");
        let found = search(&town, who, "bell", None);
        assert_eq!(found.hits.len(), 2, "{who:?}: {:?}", texts(&found));
        for hit in &found.hits {
            assert_eq!(hit.conversation, conversations[0].id);
        }
        let within = search(&town, who, "bell", Some(conversations[0].id));
        assert_eq!(within.hits.len(), 2, "{who:?}");
    }
    // Each is still taken out of the index by the words that it has there.
    let talk = town.people[ada.0].engine.conversations().unwrap()[0].id;
    edits(&mut town, ada, talk, "ada rings the bell", "ada is silent");
    edits(&mut town, bo, talk, "bo rings the bell", "bo is silent");
    town.settles();
    for who in [ada, bo] {
        assert_eq!(finds(&town, who, "bell"), [""; 0], "{who:?}");
        assert_eq!(finds(&town, who, "silent").len(), 2);
    }
}

#[test]
fn the_words_of_what_is_taken_back_or_superseded_are_not_in_the_index_either() {
    let mut town = Town::on_disk(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    // In small letters they are in the index alone.
    for text in ["XYLOPHONE and more", "ZEPPELIN and more", "QUAGMIRE stays"] {
        town.says(ada, talk, text);
    }
    town.settles();
    indexed(&mut town);
    for who in [ada, bo] {
        for word in ["xylophone", "zeppelin", "quagmire"] {
            assert!(town.holds(who, word), "{word} is in the index");
        }
    }
    edits(&mut town, ada, talk, "ZEPPELIN and more", "BALLOON");
    town.settles();
    edits(&mut town, ada, talk, "BALLOON", "KITE");
    takes_back(&mut town, ada, talk, "XYLOPHONE and more");
    town.settles();
    town.passes(Duration::from_mins(10));
    for who in [ada, bo] {
        assert!(town.holds(who, "quagmire") && town.holds(who, "kite"));
        for word in ["xylophone", "zeppelin", "balloon", "XYLOPHONE", "BALLOON"] {
            assert!(!town.holds(who, word), "{who:?} still has {word}");
        }
    }
}

#[test]
fn pages_follow_one_another_the_newest_first() {
    let mut town = Town::new(6);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let mut said = Vec::new();
    for number in 0..23 {
        let text = format!("word {number}");
        let place = if number % 3 == 0 { group } else { talk };
        town.says(ada, place, &text);
        town.passes(Duration::from_secs(1));
        said.insert(0, text);
        if number == 17 {
            // Some in the index, the rest not.
            indexed(&mut town);
        }
    }
    let engine = &town.people[bo.0].engine;
    for within in [None, Some(talk)] {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = engine.search("word", within, after, 5).unwrap().unwrap();
            assert!(page.hits.len() == 5 || page.next.is_none());
            pages.extend(texts(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut expected = said.clone();
        if within.is_some() {
            expected.retain(|text| text[5..].parse::<u32>().unwrap() % 3 != 0);
        }
        assert_eq!(pages, expected);
    }
}

#[test]
fn a_query_that_makes_no_sense_is_answered_so() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for number in 0..=MAX_HITS {
        town.says(ada, talk, &format!("word {number}"));
    }
    town.settles();
    let engine = &town.people[ada.0].engine;
    let ask = |words: &str| engine.search(words, None, None, usize::MAX).unwrap();
    let refused = Err(Complaint::Query {
        words: MAX_SEARCH_WORDS,
        bytes: MAX_QUERY,
    });
    for words in [
        String::new(),
        "?!\" ' * -".to_owned(),
        "a".repeat(MAX_QUERY + 1),
        "a ".repeat(MAX_SEARCH_WORDS + 1),
    ] {
        assert_eq!(ask(&words), refused, "{words:?}");
    }
    for words in ["a".repeat(MAX_QUERY), "a ".repeat(MAX_SEARCH_WORDS)] {
        assert_eq!(ask(&words).unwrap().hits.len(), 0);
    }
    // Nothing in it means anything to the index.
    for words in [
        "\"word",
        "word*",
        "word NEAR(",
        "(word)",
        "words:word",
        "-word",
    ] {
        assert!(ask(words).is_ok(), "{words}");
    }
    let page = ask("word").unwrap();
    assert_eq!(page.hits.len(), MAX_HITS);
    assert!(page.next.is_some());
    let nowhere = ConversationId::new([9; 16]);
    assert_eq!(
        engine.search("word", Some(nowhere), None, 1).unwrap(),
        Err(Complaint::NoSuchConversation)
    );
}

/// A database of version 5 has no index, and may hold a lot: it is searched at once, and indexed step by step, going on after a crash.
#[test]
fn what_an_earlier_version_kept_is_found_and_indexed_step_by_step() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let count = INDEX_AT_ONCE + 20;
    for number in 0..count {
        town.says(ada, talk, &format!("word {number}"));
        if number % 50 == 0 {
            town.settles();
        }
    }
    town.settles();
    edits(&mut town, ada, talk, "word 3", "another");
    town.settles();
    town.goes_offline(bo);
    town.people[bo.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_5).unwrap();
    });
    assert_eq!(up_to(&town, bo), 0);
    assert_eq!(finds(&town, bo, "another"), ["another"]);
    assert_eq!(finds(&town, bo, "499"), ["word 499"]);
    town.comes_back(bo);
    let first = up_to(&town, bo);
    assert!(
        first > 0 && first < i64::try_from(count).unwrap(),
        "{first}"
    );
    assert_eq!(finds(&town, bo, "another"), ["another"]);
    assert_eq!(finds(&town, bo, "499"), ["word 499"]);
    town.people[bo.0].restarts();
    assert_eq!(up_to(&town, bo), first);
    town.passes(INDEX_AGAIN * 4);
    assert!(up_to(&town, bo) >= i64::try_from(count).unwrap());
    assert_eq!(finds(&town, bo, "another"), ["another"]);
    assert_eq!(finds(&town, bo, "519"), ["word 519"]);
    assert_eq!(search(&town, bo, "word", None).hits.len(), MAX_HITS);
}

/// An index that was made by other rules can't be kept up.
#[test]
fn an_index_of_other_rules_is_made_anew() {
    let mut town = Town::on_disk(9);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "meet at SIXTEEN");
    town.settles();
    indexed(&mut town);
    let file = town.people[bo.0].file.clone().unwrap();
    let other = file.with_file_name("other.db");
    copy_database(&file, &other);
    let database = Connection::open(&other).unwrap();
    database
        .execute_batch("UPDATE setting SET value = x'00' WHERE name = 'search_rules'")
        .unwrap();
    drop(database);
    town.people[bo.0].file = Some(other);
    town.people[bo.0].restarts();
    // An edit is the first that meets it.
    edits(&mut town, ada, talk, "meet at SIXTEEN", "meet at SEVEN");
    town.settles();
    assert_eq!(finds(&town, bo, "seven"), ["meet at SEVEN"]);
    assert_eq!(finds(&town, bo, "sixteen"), [""; 0]);
    town.passes(Duration::from_mins(10));
    assert_eq!(finds(&town, bo, "seven"), ["meet at SEVEN"]);
    // What was said first stays on the timeline, in capitals.
    assert!(!town.holds(bo, "sixteen") && town.holds(bo, "seven"));
}
