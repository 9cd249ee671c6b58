//! What a person keeps in order on one device: what is deleted there stays away and is in none of its files, and conversations are marked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::command::{Mark, Starred};
use keyfold_engine::limits::{INDEX_AFTER, MAX_HITS, MAX_MARKED, MAX_PINNED, UNINDEX_AT_ONCE};
use keyfold_engine::view::{Filter, Marks, Mute, What};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::limits::MAX_TEXT;
use town::{Town, Who};

fn message(town: &Town, who: Who, conversation: ConversationId, text: &str) -> ContentId {
    let timeline = town.timeline(who, conversation);
    let found = timeline
        .iter()
        .find(|entry| entry.what == What::Text(text.to_owned()));
    found.unwrap().id.unwrap()
}

/// The id of no message.
fn nobodys_message() -> ContentId {
    let mut id = [7; 32];
    // It begins with the number of the hash function.
    id[0] = 1;
    ContentId::try_from(id.as_slice()).unwrap()
}

fn hides(town: &mut Town, who: Who, conversation: ConversationId, texts: &[&str]) {
    let messages = texts
        .iter()
        .map(|text| message(town, who, conversation, text))
        .collect();
    let command = Command::Hide {
        conversation,
        messages,
    };
    assert_eq!(town.does(who, command), Ok(Answer::Taken));
}

fn marks(town: &mut Town, who: Who, conversation: ConversationId, mark: Mark) {
    let command = Command::Mark { conversation, mark };
    assert_eq!(town.does(who, command), Ok(Answer::Taken));
}

fn deletes(town: &mut Town, who: Who, conversation: ConversationId) -> Result<Answer, Complaint> {
    town.does(who, Command::DeleteConversation { conversation })
}

fn lists(town: &Town, who: Who, filter: Filter) -> Vec<String> {
    let list = town.people[who.0].engine.list(filter).unwrap();
    list.into_iter().map(|one| one.name).collect()
}

fn finds(town: &Town, who: Who, words: &str) -> usize {
    let engine = &town.people[who.0].engine;
    let found = engine.search(words, None, None, MAX_HITS).unwrap().unwrap();
    found.hits.len()
}

#[test]
fn what_is_deleted_here_stays_away_here_and_is_in_no_file() {
    let mut town = Town::on_disk(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for text in ["ZEPPELIN", "stays", "QUAGMIRE"] {
        town.says(ada, talk, text);
    }
    town.settles();
    let id = message(&town, bo, talk, "ZEPPELIN");
    let react = |emoji: &str| Command::React {
        conversation: talk,
        message: id,
        emoji: Some(emoji.to_owned()),
    };
    town.does(ada, react("🎈")).unwrap();
    town.passes(INDEX_AFTER * 2);
    assert_eq!(town.shows(bo, talk).unread, 3);
    assert!(town.holds(bo, "zeppelin") && town.holds(bo, "ZEPPELIN"));

    town.goes_offline(bo);
    hides(&mut town, bo, talk, &["ZEPPELIN", "QUAGMIRE"]);
    assert!(town.events(bo).contains(&Event::Hidden(talk)));
    // At once, without the server.
    assert_eq!(town.reads(bo, talk), ["stays"]);
    assert_eq!(town.shows(bo, talk).unread, 1);
    for word in ["ZEPPELIN", "zeppelin", "QUAGMIRE", "quagmire"] {
        assert!(!town.holds(bo, word), "bo still has {word}");
        assert_eq!(finds(&town, bo, word), 0);
    }
    assert!(town.holds(bo, "stays"));
}

#[test]
fn what_is_done_later_to_what_was_deleted_here_does_not_bring_it_back() {
    let mut town = Town::on_disk(12);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let talk = town.meets(ada, bo);
    for text in ["ZEPPELIN", "stays", "QUAGMIRE"] {
        town.says(ada, talk, text);
    }
    town.settles();
    let id = message(&town, bo, talk, "ZEPPELIN");
    let react = |emoji: &str| Command::React {
        conversation: talk,
        message: id,
        emoji: Some(emoji.to_owned()),
    };
    town.goes_offline(bo);
    hides(&mut town, bo, talk, &["ZEPPELIN", "QUAGMIRE"]);
    let edit = Command::Edit {
        conversation: talk,
        message: id,
        text: "BALLOON".to_owned(),
    };
    town.does(ada, edit).unwrap();
    town.does(tablet, react("🎉")).unwrap();
    let answer = Command::Reply {
        conversation: talk,
        to: id,
        text: "an answer".to_owned(),
    };
    town.does(ada, answer).unwrap();
    town.comes_back(bo);
    town.people[bo.0].restarts();
    town.passes(Duration::from_mins(10));
    assert_eq!(town.reads(bo, talk), ["stays", "an answer"]);
    let last = town.timeline(bo, talk).pop().unwrap();
    assert_eq!(last.reply_to.unwrap().text, None);
    assert!(!town.holds(bo, "BALLOON") && !town.holds(bo, "balloon"));
    for command in [
        react("👍"),
        Command::TakeBack {
            conversation: talk,
            message: id,
        },
    ] {
        assert_eq!(town.does(bo, command), Err(Complaint::NoSuchMessage));
    }
    // On this device alone.
    for who in [ada, tablet] {
        let all = ["BALLOON", "stays", "QUAGMIRE", "an answer"];
        assert_eq!(town.reads(who, talk), all, "{who:?}");
    }
    // Its author takes it back: there is nothing to say of it here.
    let take_back = Command::TakeBack {
        conversation: talk,
        message: id,
    };
    town.does(ada, take_back).unwrap();
    town.settles();
    assert_eq!(town.reads(bo, talk), ["stays", "an answer"]);
    assert!(
        !town
            .timeline(bo, talk)
            .iter()
            .any(|entry| matches!(entry.what, What::TakenBack { .. }))
    );
    assert_eq!(town.people[bo.0].engine.waiting().unwrap(), 0);
}

#[test]
fn what_is_deleted_while_it_waits_is_sent_all_the_same_and_gone_then() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    town.goes_offline(ada);
    town.says(ada, talk, "ZEPPELIN");
    town.says(ada, talk, "goes on");
    hides(&mut town, ada, talk, &["ZEPPELIN"]);
    let shown = |town: &Town| {
        let timeline = town.timeline(ada, talk);
        timeline
            .into_iter()
            .filter(|entry| matches!(entry.what, What::Text(_)))
            .count()
    };
    assert_eq!(shown(&town), 2);
    assert_eq!(finds(&town, ada, "zeppelin"), 0);
    town.people[ada.0].restarts();
    assert_eq!(shown(&town), 2);
    town.comes_back(ada);
    town.passes(Duration::from_mins(10));
    assert_eq!(town.reads(bo, talk), ["hello", "ZEPPELIN", "goes on"]);
    assert_eq!(town.reads(ada, talk), ["hello", "goes on"]);
    assert!(!town.holds(ada, "ZEPPELIN") && !town.holds(ada, "zeppelin"));
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0);
    let id = message(&town, bo, talk, "ZEPPELIN");
    let react = Command::React {
        conversation: talk,
        message: id,
        emoji: Some("🎈".to_owned()),
    };
    town.does(bo, react).unwrap();
    town.settles();
    assert_eq!(town.reads(ada, talk), ["hello", "goes on"]);
}

#[test]
fn what_cannot_be_deleted_is_said_and_nothing_is() {
    let mut town = Town::new(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    for number in 0..MAX_MARKED {
        town.says(ada, talk, &format!("{number}"));
        if number % 50 == 0 {
            town.settles();
        }
    }
    town.settles();
    let hide = |messages: Vec<ContentId>| Command::Hide {
        conversation: talk,
        messages,
    };
    let timeline = town.timeline(bo, talk);
    let ids: Vec<_> = timeline.iter().filter_map(|entry| entry.id).collect();
    assert_eq!(ids.len(), MAX_MARKED);
    let unknown = nobodys_message();
    let with = |id: ContentId| ids.iter().copied().skip(1).chain([id]).collect::<Vec<_>>();
    let several = Err(Complaint::TooManyMessages(MAX_MARKED));
    assert_eq!(town.does(bo, hide(Vec::new())), several);
    let more = ids.iter().copied().chain([ids[0]]).collect();
    assert_eq!(town.does(bo, hide(more)), several);
    assert_eq!(
        town.does(bo, hide(with(unknown))),
        Err(Complaint::NoSuchMessage)
    );
    assert_eq!(town.timeline(bo, talk), timeline, "nothing was deleted");
    assert_eq!(town.does(bo, hide(with(ids[0]))), Ok(Answer::Taken));
    assert_eq!(town.reads(bo, talk), [""; 0]);
    assert_eq!(town.shows(bo, talk).unread, 0);
}

#[test]
fn a_conversation_is_cleared_here_and_goes_on() {
    let mut town = Town::on_disk(4);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    let talk = town.meets(bo, cy);
    town.says(bo, talk, "elsewhere");
    town.says(ada, group, "ZEPPELIN");
    town.says(cy, group, "QUAGMIRE");
    town.settles();
    town.passes(INDEX_AFTER * 2);
    town.goes_offline(bo);
    town.says(bo, group, "on its way");
    let id = message(&town, bo, group, "QUAGMIRE");
    assert_eq!(
        town.does(
            bo,
            Command::Clear {
                conversation: group
            }
        ),
        Ok(Answer::Taken)
    );
    assert!(town.timeline(bo, group).is_empty());
    let shown = town.shows(bo, group);
    assert_eq!((shown.unread, shown.last), (0, None));
    for word in ["ZEPPELIN", "zeppelin", "QUAGMIRE", "quagmire"] {
        assert!(!town.holds(bo, word), "bo still has {word}");
    }
    assert_eq!(
        (finds(&town, bo, "zeppelin"), finds(&town, bo, "elsewhere")),
        (0, 1)
    );
    let react = Command::React {
        conversation: group,
        message: id,
        emoji: Some("🎈".to_owned()),
    };
    town.does(ada, react).unwrap();
    town.comes_back(bo);
    town.says(cy, group, "something new");
    town.settles();
    town.passes(INDEX_AFTER * 2);
    assert_eq!(town.reads(bo, group), ["something new"]);
    assert_eq!(town.shows(bo, group).unread, 1);
    let all = ["ZEPPELIN", "QUAGMIRE", "on its way", "something new"];
    assert_eq!(town.reads(ada, group), all);
    assert_eq!((finds(&town, bo, "some"), finds(&town, bo, "way")), (1, 0));
}

/// Words leave the index one by one, which takes its time; of many it is made anew.
#[test]
fn clearing_more_than_goes_out_of_the_index_at_once_makes_it_anew() {
    for count in [UNINDEX_AT_ONCE, UNINDEX_AT_ONCE + 1] {
        let mut town = Town::on_disk(5);
        let [ada, bo] = town.people(["ada", "bo"]);
        let talk = town.meets(ada, bo);
        let group = town.creates_group(ada, "climbing", &[bo]);
        town.says(ada, group, "elsewhere");
        for number in 0..count {
            town.says(ada, talk, &format!("ZEPPELIN {number}"));
            if number % 50 == 0 {
                town.settles();
            }
        }
        town.passes(INDEX_AFTER * 2);
        assert!(town.holds(bo, "zeppelin"));
        town.does(bo, Command::Clear { conversation: talk })
            .unwrap();
        assert!(!town.holds(bo, "zeppelin") && !town.holds(bo, "ZEPPELIN"));
        assert_eq!(finds(&town, bo, "elsewhere"), 1);
        town.passes(INDEX_AFTER * 2);
        assert_eq!(
            (finds(&town, bo, "elsewhere"), finds(&town, bo, "zeppelin")),
            (1, 0)
        );
        town.says(ada, talk, "ZEPPELIN again");
        town.passes(INDEX_AFTER * 2);
        assert_eq!(finds(&town, bo, "zeppelin"), 1);
    }
}

#[test]
fn a_deleted_conversation_comes_again_empty_when_somebody_writes() {
    let mut town = Town::on_disk(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.says(ada, talk, "ZEPPELIN");
    town.says(ada, group, "QUAGMIRE");
    town.settles();
    marks(&mut town, bo, talk, Mark::Pinned(None));
    marks(
        &mut town,
        bo,
        talk,
        Mark::Draft("not said YACHT".to_owned()),
    );
    town.settles();
    assert_eq!(deletes(&mut town, bo, talk), Ok(Answer::Taken));
    assert!(town.events(bo).contains(&Event::Marked(talk)));
    assert_eq!(lists(&town, bo, Filter::All), ["climbing"]);
    assert_eq!(town.people[bo.0].engine.find("ada").unwrap(), []);
    for word in ["ZEPPELIN", "YACHT"] {
        assert!(!town.holds(bo, word), "bo still has {word}");
    }
    town.people[bo.0].restarts();
    assert_eq!(lists(&town, bo, Filter::All), ["climbing"]);
    town.says(ada, talk, "are you there?");
    town.settles();
    assert_eq!(lists(&town, bo, Filter::All), ["ada", "climbing"]);
    assert_eq!(town.reads(bo, talk), ["are you there?"]);
    assert_eq!(town.shows(bo, talk).marks, Marks::default());
    // And when this person begins it again.
    deletes(&mut town, bo, talk).unwrap();
    assert_eq!(town.meets(bo, ada), talk);
    assert_eq!(lists(&town, bo, Filter::People), ["ada"]);
    assert_eq!(town.reads(bo, talk), [""; 0]);

    // A group is left first, and is back for who is added again.
    assert_eq!(deletes(&mut town, bo, group), Err(Complaint::LeaveFirst));
    assert_eq!(town.reads(bo, group), ["QUAGMIRE"]);
    town.does(
        bo,
        Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    assert_eq!(
        deletes(&mut town, bo, group),
        Err(Complaint::LeaveFirst),
        "it is not left yet"
    );
    town.passes(Duration::from_mins(1));
    assert_eq!(deletes(&mut town, bo, group), Ok(Answer::Taken));
    assert_eq!(lists(&town, bo, Filter::Groups), [""; 0]);
    for word in ["QUAGMIRE", "climbing"] {
        assert!(!town.holds(bo, word), "bo still has {word}");
    }
    town.adds(ada, group, &[bo]);
    town.settles();
    assert_eq!(lists(&town, bo, Filter::Groups), ["climbing"]);
    town.says(cy, group, "welcome back");
    town.settles();
    assert_eq!(town.reads(bo, group), ["welcome back"]);
}

#[test]
fn an_archived_conversation_comes_back_with_a_message_unless_it_is_muted_for_good() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let until = town.now().after(Duration::from_hours(8));
    for (mute, comes_back) in [
        (Mute::Off, true),
        (Mute::Until(until), true),
        (Mute::ButMentions, true),
        (Mute::Always, false),
    ] {
        marks(&mut town, bo, talk, Mark::Muted(mute));
        marks(&mut town, bo, talk, Mark::Archived);
        assert_eq!(lists(&town, bo, Filter::All), [""; 0]);
        assert_eq!(lists(&town, bo, Filter::Archived), ["ada"]);
        town.says(ada, talk, "hello");
        town.settles();
        let shown = town.shows(bo, talk);
        assert_eq!(shown.marks.archived, !comes_back, "{mute:?}");
        assert_eq!(shown.marks.mute, mute);
    }
    // What this person says there brings it back in any case.
    town.says(bo, talk, "hello, too");
    assert_eq!(lists(&town, bo, Filter::All), ["ada"]);
    marks(&mut town, bo, talk, Mark::Archived);
    marks(&mut town, bo, talk, Mark::Unarchived);
    assert_eq!(lists(&town, bo, Filter::All), ["ada"]);
}

#[test]
fn a_conversation_is_unread_by_what_came_or_by_hand_until_it_is_read() {
    let mut town = Town::on_disk(8);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.says(ada, talk, "hello");
    town.settles();
    assert_eq!(lists(&town, bo, Filter::Unread), ["ada"]);
    marks(&mut town, bo, group, Mark::Unread);
    town.people[bo.0].restarts();
    assert_eq!(lists(&town, bo, Filter::Unread), ["ada", "climbing"]);
    for conversation in [talk, group] {
        town.does(bo, Command::MarkRead { conversation }).unwrap();
    }
    assert_eq!(lists(&town, bo, Filter::Unread), [""; 0]);
    marks(&mut town, bo, group, Mark::Unread);
    town.says(bo, group, "read by who answers");
    assert_eq!(lists(&town, bo, Filter::Unread), [""; 0]);
    assert_eq!(lists(&town, bo, Filter::Groups), ["climbing"]);
    assert_eq!(lists(&town, bo, Filter::People), ["ada"]);
    assert_eq!(lists(&town, ada, Filter::Unread).len(), 0);
}

#[test]
fn pinned_conversations_stand_first_in_their_order_and_are_not_too_many() {
    let mut town = Town::on_disk(9);
    let [ada] = town.people(["ada"]);
    let names: Vec<String> = (0..=MAX_PINNED)
        .map(|number| format!("g{number:02}"))
        .collect();
    let mut groups = Vec::new();
    for name in &names {
        let bo = "nobody".to_owned();
        groups.push(town.creates(ada, &[bo], Some(name), None));
    }
    for group in &groups[..MAX_PINNED] {
        marks(&mut town, ada, *group, Mark::Pinned(None));
    }
    let one_more = Command::Mark {
        conversation: groups[MAX_PINNED],
        mark: Mark::Pinned(None),
    };
    let refused = Err(Complaint::TooManyPinned(MAX_PINNED));
    assert_eq!(town.does(ada, one_more.clone()), refused);
    assert_eq!(lists(&town, ada, Filter::Groups), names);
    // Another turn, also behind the last.
    marks(&mut town, ada, groups[4], Mark::Pinned(Some(0)));
    marks(&mut town, ada, groups[0], Mark::Pinned(Some(99)));
    town.people[ada.0].restarts();
    let order = lists(&town, ada, Filter::Groups);
    assert_eq!(
        (order[0].as_str(), order[MAX_PINNED - 1].as_str()),
        ("g04", "g00")
    );
    marks(&mut town, ada, groups[4], Mark::Unpinned);
    marks(&mut town, ada, groups[1], Mark::Archived);
    assert_eq!(town.does(ada, one_more), Ok(Answer::Taken));
    let order = lists(&town, ada, Filter::All);
    assert_eq!(order[..2], ["g02", "g03"]);
    assert_eq!(order[MAX_PINNED - 2], names[MAX_PINNED]);
    let turns = |town: &Town| -> Vec<Option<u32>> {
        let list = town.people[ada.0].engine.list(Filter::All).unwrap();
        list.iter().map(|one| one.marks.pinned).collect()
    };
    let pinned = turns(&town);
    assert_eq!(
        pinned[..MAX_PINNED - 1],
        (0..).map(Some).take(MAX_PINNED - 1).collect::<Vec<_>>()
    );
    // Pinned, it is not archived any more.
    marks(&mut town, ada, groups[1], Mark::Pinned(Some(0)));
    assert_eq!(lists(&town, ada, Filter::All)[0], "g01");
}

#[test]
fn a_draft_waits_for_who_comes_back_and_leaves_nothing_behind() {
    let mut town = Town::on_disk(10);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let draft = |text: String| Command::Mark {
        conversation: talk,
        mark: Mark::Draft(text),
    };
    let longest = "a".repeat(MAX_TEXT);
    assert_eq!(
        town.does(ada, draft(format!("{longest}a"))),
        Err(Complaint::Draft(MAX_TEXT))
    );
    assert_eq!(town.does(ada, draft(longest)), Ok(Answer::Taken));
    town.does(ada, draft("ZEPPELIN".to_owned())).unwrap();
    town.people[ada.0].restarts();
    let shown = town.shows(ada, talk);
    assert_eq!(shown.marks.draft.as_deref(), Some("ZEPPELIN"));
    assert_eq!(town.shows(bo, talk).marks.draft, None);
    town.does(ada, draft(String::new())).unwrap();
    assert_eq!(town.shows(ada, talk).marks, Marks::default());
    town.passes(Duration::from_mins(10));
    assert!(!town.holds(ada, "ZEPPELIN"));
}

fn stars(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    text: &str,
    starred: Starred,
) -> Result<Answer, Complaint> {
    let messages = vec![message(town, who, conversation, text)];
    let command = Command::Star {
        conversation,
        messages,
        starred,
    };
    town.does(who, command)
}

/// The texts of all starred messages, page by page.
fn starred(town: &Town, who: Who, within: Option<ConversationId>) -> Vec<String> {
    let engine = &town.people[who.0].engine;
    let (mut texts, mut after) = (Vec::new(), None);
    loop {
        let page = engine.starred(within, after, 2).unwrap().unwrap();
        texts.extend(page.hits.into_iter().map(|hit| hit.snippet.text));
        after = page.next;
        if after.is_none() {
            return texts;
        }
    }
}

#[test]
fn starred_messages_are_listed_until_they_are_gone() {
    let mut town = Town::on_disk(11);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(ada, "climbing", &[bo]);
    for (place, text) in [
        (talk, "one"),
        (group, "two"),
        (talk, "three"),
        (talk, "four"),
    ] {
        town.says(ada, place, text);
        town.passes(Duration::from_secs(1));
    }
    town.goes_offline(bo);
    town.says(bo, talk, "waits");
    for (place, text) in [
        (talk, "one"),
        (group, "two"),
        (talk, "three"),
        (talk, "waits"),
    ] {
        assert_eq!(
            stars(&mut town, bo, place, text, Starred::Yes),
            Ok(Answer::Taken)
        );
    }
    town.people[bo.0].restarts();
    town.comes_back(bo);
    assert_eq!(starred(&town, bo, None), ["waits", "three", "two", "one"]);
    assert_eq!(starred(&town, bo, Some(talk)), ["waits", "three", "one"]);
    let marked = town
        .timeline(bo, talk)
        .iter()
        .filter(|entry| entry.starred)
        .count();
    assert_eq!(marked, 3);
    assert!(town.timeline(ada, talk).iter().all(|entry| !entry.starred));
    stars(&mut town, bo, talk, "three", Starred::No).unwrap();
    let take_back = Command::TakeBack {
        conversation: talk,
        message: message(&town, ada, talk, "one"),
    };
    town.does(ada, take_back).unwrap();
    town.settles();
    assert_eq!(starred(&town, bo, None), ["waits", "two"]);
    hides(&mut town, bo, talk, &["waits"]);
    town.does(
        bo,
        Command::Clear {
            conversation: group,
        },
    )
    .unwrap();
    assert_eq!(starred(&town, bo, None), [""; 0]);
}

#[test]
fn what_cannot_be_starred_or_marked_is_said() {
    let mut town = Town::new(13);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let unknown = Command::Star {
        conversation: talk,
        messages: vec![nobodys_message()],
        starred: Starred::Yes,
    };
    assert_eq!(town.does(bo, unknown), Err(Complaint::NoSuchMessage));
    let none = Command::Star {
        conversation: talk,
        messages: Vec::new(),
        starred: Starred::Yes,
    };
    assert_eq!(
        town.does(bo, none),
        Err(Complaint::TooManyMessages(MAX_MARKED))
    );
    let nowhere = Command::Mark {
        conversation: ConversationId::new([9; 16]),
        mark: Mark::Muted(Mute::Until(Timestamp(1))),
    };
    assert_eq!(town.does(bo, nowhere), Err(Complaint::NoSuchConversation));
}
