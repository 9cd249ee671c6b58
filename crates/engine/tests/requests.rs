//! Stories of strangers: what they begin waits until it is accepted, nothing else of it is shown, and nothing goes out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{MAX_REQUEST_KEPT, MAX_REQUESTS};
use keyfold_engine::view::{Filter, Receipt, Standing, What};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::client_frame::Request as Body;
use town::copied::TO_VERSION_11;
use town::{Town, Who};

impl Town {
    fn accepts(&mut self, who: Who, conversation: ConversationId) {
        self.does(who, Command::Accept { conversation }).unwrap();
        self.settles();
    }

    /// Whose request a conversation is.
    fn asked_by(&self, who: Who, id: ConversationId) -> Option<String> {
        self.shows(who, id).request.map(|contact| contact.handle)
    }

    fn listed(&self, who: Who, filter: Filter) -> Vec<ConversationId> {
        let list = self.people[who.0].engine.list(filter).unwrap();
        list.into_iter().map(|one| one.id).collect()
    }

    fn is_there(&self, who: Who, id: ConversationId) -> bool {
        let engine = &self.people[who.0].engine;
        engine.conversation(id).unwrap().is_some()
    }

    fn finds(&self, who: Who, word: &str) -> usize {
        let engine = &self.people[who.0].engine;
        let found = engine.search(word, None, None, 100).unwrap().unwrap();
        found.hits.len()
    }

    /// What somebody has sent into conversations.
    fn sent(&self, who: Who) -> usize {
        let asked = self.people[who.0].asked.iter();
        asked
            .filter(|body| {
                matches!(
                    body,
                    Body::Signal(_) | Body::Send(_) | Body::Commit(_) | Body::Create(_)
                )
            })
            .count()
    }
}

/// Ada, and Bo, who has written to her.
fn asked(seed: u64) -> (Town, Who, Who, ConversationId) {
    let mut town = Town::of_strangers(seed);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "first words");
    town.says(bo, talk, "more words");
    town.settles();
    (town, ada, bo, talk)
}

#[test]
fn a_stranger_waits_with_their_first_text_and_hears_nothing() {
    let (mut town, ada, bo, talk) = asked(1);
    town.does(ada, Command::Foreground { active: true })
        .unwrap();
    let show = |name: &str| Command::SetProfile {
        name: name.to_owned(),
        about: "about".to_owned(),
        picture: None,
    };
    town.does(ada, show("Ada")).unwrap();
    town.does(bo, show("Bo")).unwrap();
    town.passes(Duration::from_hours(24));
    assert_eq!(town.asked_by(ada, talk).as_deref(), Some("bo"));
    assert_eq!(town.reads(ada, talk), ["first words"]);
    assert_eq!(town.timeline(ada, talk).len(), 1, "nor any line of it");
    let shown = town.shows(ada, talk);
    assert_eq!(shown.unread, 0);
    assert!(matches!(shown.last.unwrap().what, What::Text(text) if text == "first words"));
    assert_eq!(town.listed(ada, Filter::Requests), [talk]);
    for filter in [
        Filter::All,
        Filter::People,
        Filter::Unread,
        Filter::Archived,
    ] {
        assert!(town.listed(ada, filter).is_empty());
    }
    assert_eq!(town.finds(ada, "words"), 1, "what is shown");
    let about = town.events(ada).iter().filter(|event| {
        matches!(
            event,
            Event::Ready(_) | Event::Arrived(..) | Event::Signal(_) | Event::Requested(_)
        )
    });
    assert_eq!(about.collect::<Vec<_>>(), [&Event::Requested(talk)]);
    let bos = town.me(bo).account;
    let profile = town.people[ada.0].engine.profile(&bos).unwrap().unwrap();
    assert_eq!((profile.name.as_str(), profile.about.as_str()), ("Bo", ""));
    assert_eq!(town.sent(ada), 0, "nothing goes out");
    let told: Vec<_> = town.timeline(bo, talk);
    assert!(told.iter().all(|entry| entry.receipt == Receipt::None));

    town.accepts(ada, talk);
    assert_eq!(town.asked_by(ada, talk), None);
    assert_eq!(town.reads(ada, talk), ["first words", "more words"]);
    assert_eq!(town.shows(ada, talk).unread, 2);
    assert_eq!(town.listed(ada, Filter::All), [talk]);
    assert!(town.listed(ada, Filter::Requests).is_empty());
    assert!(town.events(ada).contains(&Event::Ready(talk)));
    assert_eq!(town.finds(ada, "words"), 2);
    let profile = town.people[ada.0].engine.profile(&bos).unwrap().unwrap();
    assert_eq!(profile.about.as_str(), "about");
    town.passes(Duration::from_mins(5));
    let told = town.timeline(bo, talk);
    assert_eq!(told.last().unwrap().receipt, Receipt::Delivered);
    assert!(town.shows(bo, talk).last_active.is_some());
    let name = town.people[bo.0]
        .engine
        .contact("ada")
        .unwrap()
        .unwrap()
        .name;
    assert_eq!(name.unwrap().as_str(), "Ada");
    town.says(ada, talk, "hello");
    town.settles();
    town.agree(&[ada, bo], talk);
}

#[test]
fn nothing_is_said_or_done_before_accepting() {
    let (mut town, ada, _, talk) = asked(2);
    let message = town.timeline(ada, talk)[0].id.unwrap();
    let refused = [
        Command::Send {
            conversation: talk,
            text: "no".to_owned(),
        },
        Command::React {
            conversation: talk,
            message,
            emoji: Some("👍".to_owned()),
        },
        Command::Typing {
            conversation: talk,
            typing: true,
        },
        Command::Forward {
            conversation: talk,
            message,
            to: vec![talk],
        },
    ];
    for command in refused {
        assert_eq!(town.does(ada, command), Err(Complaint::NotAccepted));
    }
    town.does(ada, Command::MarkRead { conversation: talk })
        .unwrap();
    town.passes(Duration::from_mins(5));
    assert_eq!(town.sent(ada), 0);
    // Whoever begins with somebody who has asked accepts them.
    assert_eq!(town.meets(ada, Who(1)), talk);
    assert_eq!(town.asked_by(ada, talk), None);
    town.accepts(ada, talk);
    assert_eq!(town.reads(ada, talk).len(), 2);
    assert_eq!(town.shows(ada, talk).unread, 2, "nothing of it was read");
}

#[test]
fn who_is_known_does_not_wait() {
    let mut town = Town::of_strangers(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    town.settles();
    assert_eq!(town.asked_by(ada, talk), None, "she has begun it");
    assert_eq!(town.asked_by(bo, talk).as_deref(), Some("ada"));
    let group = town.creates_group(bo, "hut", &[ada, cy]);
    town.settles();
    assert_eq!(town.asked_by(ada, group), None, "she talks to Bo");
    assert_eq!(town.asked_by(cy, group).as_deref(), Some("bo"));
    // Being in a group together is not to know each other.
    town.accepts(cy, group);
    let other = town.meets(cy, ada);
    town.settles();
    assert_eq!(town.asked_by(ada, other).as_deref(), Some("cy"));
}

#[test]
fn a_group_of_a_stranger_is_declined_by_leaving_it() {
    let mut town = Town::of_strangers(4);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(bo, "hut", &[ada, cy]);
    town.says(bo, group, "come in");
    town.settles();
    assert_eq!(town.reads(ada, group), ["come in"]);
    town.does(
        ada,
        Command::DeleteConversation {
            conversation: group,
        },
    )
    .unwrap();
    assert!(!town.is_there(ada, group), "at once");
    town.says(bo, group, "anybody?");
    town.passes(Duration::from_mins(2));
    assert_eq!(town.members(bo, group), ["bo", "cy"]);
    assert!(!town.is_there(ada, group));
    assert!(town.listed(ada, Filter::Requests).is_empty());
    // Added again, it asks again.
    town.adds(bo, group, &[ada]);
    town.settles();
    town.says(bo, group, "please");
    town.passes(Duration::from_mins(2));
    assert_eq!(town.asked_by(ada, group).as_deref(), Some("bo"));
    assert_eq!(town.reads(ada, group), ["please"]);
    town.accepts(ada, group);
    town.says(ada, group, "well then");
    town.passes(Duration::from_mins(2));
    assert_eq!(town.reads(bo, group).last().unwrap(), "well then");
    // Whoever takes a stranger out again takes the request back, and asks again by adding them.
    town.removes(bo, group, &[cy]);
    town.passes(Duration::from_mins(2));
    assert!(!town.is_there(cy, group));
    town.adds(bo, group, &[cy]);
    town.settles();
    town.says(bo, group, "again");
    town.passes(Duration::from_mins(2));
    assert_eq!(town.asked_by(cy, group).as_deref(), Some("bo"));
    assert_eq!(town.reads(cy, group), ["again"]);
}

#[test]
fn a_group_that_was_left_shows_what_was_there_and_waits_with_the_rest() {
    let mut town = Town::of_strangers(5);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "hut", &[bo, cy]);
    town.accepts(bo, group);
    town.promotes(ada, group, bo, keyfold_protocol::state::Role::Admin);
    town.says(ada, group, "mine");
    town.settles();
    town.does(
        ada,
        Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    town.passes(Duration::from_mins(2));
    assert_eq!(town.shows(ada, group).standing, Standing::Left);
    town.adds(bo, group, &[ada]);
    town.settles();
    town.says(bo, group, "again");
    town.says(bo, group, "and more");
    town.passes(Duration::from_mins(2));
    assert_eq!(town.asked_by(ada, group).as_deref(), Some("bo"));
    assert_eq!(town.reads(ada, group), ["mine", "again"]);
    town.accepts(ada, group);
    assert_eq!(town.reads(ada, group), ["mine", "again", "and more"]);
}

#[test]
fn a_direct_one_that_was_deleted_asks_again_when_they_write() {
    let (mut town, ada, bo, talk) = asked(6);
    town.does(ada, Command::DeleteConversation { conversation: talk })
        .unwrap();
    assert!(!town.is_there(ada, talk));
    town.says(bo, talk, "still there?");
    town.settles();
    assert_eq!(town.asked_by(ada, talk).as_deref(), Some("bo"));
    assert_eq!(town.reads(ada, talk), ["still there?"]);
    assert_eq!(town.sent(ada), 0);
}

#[test]
fn blocking_takes_the_request_away_for_good() {
    let (mut town, ada, bo, talk) = asked(7);
    let account = town.me(bo).account;
    town.does(ada, Command::Block { account }).unwrap();
    assert!(!town.is_there(ada, talk));
    town.says(bo, talk, "unheard");
    town.settles();
    assert!(!town.is_there(ada, talk));
    let refused = town.does(ada, Command::Accept { conversation: talk });
    assert_eq!(refused, Err(Complaint::Blocked));
    town.does(ada, Command::Unblock { account }).unwrap();
    town.says(bo, talk, "again");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["again"]);
    assert_eq!(
        town.asked_by(ada, talk).as_deref(),
        Some("bo"),
        "it still waits"
    );
}

#[test]
fn own_devices_learn_of_it_by_what_is_said_and_told_and_new_ones_come_in_then() {
    let mut town = Town::of_strangers(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "first words");
    town.says(bo, talk, "more words");
    town.settles();
    for who in [ada, laptop] {
        assert_eq!(town.reads(who, talk), ["first words"]);
    }
    // A device that is linked while it waits is not in it: nothing goes out.
    let tablet = town.links(ada, &Suite::ALL);
    assert!(!town.is_there(tablet, talk));
    town.passes(Duration::from_mins(5));
    assert_eq!(town.reads(bo, talk).len(), 2);
    let devices = |town: &Town| {
        let members = town.shows(bo, talk).members;
        let own = members.into_iter().find(|one| one.contact.handle == "ada");
        own.unwrap().devices
    };
    assert_eq!(devices(&town), 2);
    town.goes_offline(laptop);
    town.accepts(ada, talk);
    town.passes(Duration::from_mins(5));
    assert_eq!(devices(&town), 3);
    assert_eq!(town.asked_by(tablet, talk), None);
    town.comes_back(laptop);
    assert_eq!(town.asked_by(laptop, talk), None, "a receipt has told it");
    assert_eq!(town.reads(laptop, talk), ["first words", "more words"]);
    assert!(town.events(laptop).contains(&Event::Ready(talk)));
}

#[test]
fn an_own_device_that_is_removed_goes_at_once() {
    let mut town = Town::of_strangers(14);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "first words");
    town.settles();
    let device = town.me(laptop).device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.passes(Duration::from_mins(2));
    let members = town.shows(bo, talk).members;
    let own = members.iter().find(|one| one.contact.handle == "ada");
    assert_eq!(own.unwrap().devices, 1);
    assert_eq!(town.asked_by(ada, talk).as_deref(), Some("bo"));
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0);
}

#[test]
fn a_file_of_a_stranger_is_not_offered() {
    use keyfold_engine::OutgoingFile;
    use keyfold_protocol::file::FileKey;
    use keyfold_wire::file::UploadToken;
    let mut town = Town::of_strangers(15);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    let file = OutgoingFile {
        token: UploadToken::new([1; 32]),
        key: FileKey::new([2; 32], [2; 7]),
        hash: [3; 32],
        size: 9,
        media_type: "image/png".to_owned(),
        name: None,
        media: keyfold_protocol::content::Media::default(),
        opens: keyfold_engine::command::Opens::Always,
    };
    let send = Command::SendFile {
        conversation: talk,
        file: Box::new(file),
        caption: "look".to_owned(),
    };
    let Ok(Answer::Upload(upload)) = town.does(bo, send) else {
        panic!("no upload");
    };
    let Ok(Answer::Message(message)) = town.does(bo, Command::FileUploaded(upload)) else {
        panic!("no message");
    };
    town.says(bo, talk, "first words");
    town.settles();
    let file_of = |town: &Town| {
        let engine = &town.people[ada.0].engine;
        engine.attachment(talk, &message).unwrap()
    };
    assert!(file_of(&town).is_none());
    assert_eq!(town.reads(ada, talk), ["first words"]);
    assert_eq!(town.finds(ada, "look"), 0);
    town.accepts(ada, talk);
    assert!(file_of(&town).is_some());
    assert_eq!(town.finds(ada, "look"), 1);
}

#[test]
fn who_tells_nothing_accepts_on_other_devices_by_what_they_say() {
    let mut town = Town::of_strangers(9);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    for who in [ada, laptop] {
        let quiet = Command::SetPrivacy {
            presence: keyfold_engine::view::Audience::Nobody,
            receipts: false,
            typing: false,
        };
        town.does(who, quiet).unwrap();
    }
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "first words");
    town.settles();
    town.accepts(ada, talk);
    town.passes(Duration::from_secs(10));
    assert_eq!(town.asked_by(laptop, talk).as_deref(), Some("bo"));
    town.says(ada, talk, "hello");
    town.settles();
    assert_eq!(town.asked_by(laptop, talk), None);
    town.agree(&[ada, bo, laptop], talk);
}

#[test]
fn two_that_ask_each_other_at_the_same_moment_know_each_other() {
    for seed in 20..24 {
        let mut town = Town::of_strangers(seed);
        let [ada, bo] = town.people(["ada", "bo"]);
        let begin = |handle: &str| Command::Create {
            people: vec![handle.to_owned()],
            name: None,
            suite: None,
        };
        let Ok(Answer::Conversation(hers)) = town.does(ada, begin("bo")) else {
            panic!("no conversation");
        };
        let Ok(Answer::Conversation(his)) = town.does(bo, begin("ada")) else {
            panic!("no conversation");
        };
        town.says(ada, hers, "from ada");
        town.says(bo, his, "from bo");
        town.passes(Duration::from_mins(2));
        for (who, id) in [(ada, hers), (bo, his)] {
            assert_eq!(town.asked_by(who, id), None);
            assert_eq!(town.reads(who, id).len(), 2);
            assert!(town.listed(who, Filter::Requests).is_empty());
        }
    }
}

#[test]
fn so_much_of_a_stranger_is_kept_and_no_more() {
    let mut town = Town::of_strangers(10);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    // One entry is the line of its beginning.
    let most = usize::try_from(MAX_REQUEST_KEPT).unwrap() - 1;
    for number in 0..most {
        town.says(bo, talk, &format!("number {number}"));
        town.settles();
    }
    town.says(bo, talk, "one too many");
    town.says(bo, talk, "and another");
    town.settles();
    town.accepts(ada, talk);
    let read = town.reads(ada, talk);
    assert_eq!(read.len(), most);
    assert_eq!(read.last().unwrap(), &format!("number {}", most - 1));
    let last = town.timeline(ada, talk).pop().unwrap();
    assert!(matches!(last.what, What::MayBeMissing(_)), "{last:?}");
    town.says(bo, talk, "heard again");
    town.settles();
    assert_eq!(town.reads(ada, talk).last().unwrap(), "heard again");
    let gaps = town.timeline(ada, talk);
    assert!(!gaps.iter().any(|entry| matches!(entry.what, What::Gap(_))));
}

#[test]
fn one_that_was_full_when_it_was_deleted_asks_again_when_they_write() {
    let mut town = Town::of_strangers(17);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    for number in 0..=MAX_REQUEST_KEPT {
        town.says(bo, talk, &format!("number {number}"));
    }
    town.settles();
    town.does(ada, Command::DeleteConversation { conversation: talk })
        .unwrap();
    town.settles();
    assert!(!town.is_there(ada, talk));
    town.says(bo, talk, "please");
    town.settles();
    assert!(town.is_there(ada, talk));
    assert_eq!(town.reads(ada, talk), ["please"]);
    town.accepts(ada, talk);
    assert_eq!(town.reads(ada, talk), ["please"]);
}

#[test]
fn a_flood_of_strangers_pushes_out_the_oldest_of_them_and_nothing_else() {
    let mut town = Town::of_strangers(11);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, cy);
    town.accepts(cy, talk);
    let mut groups = Vec::new();
    for number in 0..=MAX_REQUESTS {
        if number == MAX_REQUESTS {
            assert!(town.is_there(ada, groups[0]), "so many are shown");
        }
        let group = town.creates_group(bo, &format!("flood {number}"), &[ada]);
        town.says(bo, group, "buy");
        town.passes(Duration::from_secs(1));
        groups.push(group);
    }
    assert_eq!(town.listed(ada, Filter::Requests).len(), MAX_REQUESTS);
    assert!(!town.is_there(ada, groups[0]));
    assert!(town.is_there(ada, groups[1]));
    assert!(town.is_there(ada, talk));
    town.says(cy, talk, "still here");
    town.says(bo, groups[0], "me again");
    town.passes(Duration::from_secs(1));
    assert_eq!(town.reads(ada, talk), ["still here"]);
    assert_eq!(
        town.reads(ada, groups[0]),
        ["me again"],
        "it is the newest now"
    );
    assert!(!town.is_there(ada, groups[1]));
}

#[test]
fn it_waits_across_restarts_and_what_was_there_before_is_accepted() {
    let (mut town, ada, bo, talk) = asked(12);
    town.people[ada.0].restarts();
    town.settles();
    assert_eq!(town.reads(ada, talk), ["first words"]);
    town.people[ada.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_11).unwrap();
    });
    town.settles();
    assert_eq!(
        town.asked_by(ada, talk),
        None,
        "the version before knew of none"
    );
    assert_eq!(town.reads(ada, talk).len(), 2);
    let group = town.creates_group(bo, "hut", &[ada]);
    town.settles();
    assert_eq!(town.asked_by(ada, group), None);
}

#[test]
fn who_answers_everybody_lets_nobody_wait() {
    let mut town = Town::of_strangers(13);
    let [ada, bo] = town.people(["ada", "bo"]);
    assert!(town.people[ada.0].engine.asks_first().unwrap());
    town.does(ada, Command::AskFirst { wanted: false }).unwrap();
    let talk = town.meets(bo, ada);
    assert_eq!(town.asked_by(ada, talk), None);
    town.does(ada, Command::AskFirst { wanted: true }).unwrap();
    assert_eq!(town.asked_by(ada, talk), None, "as it was");
}
