//! Messages that disappear: on every device, once each has read them, and by no clock that jumps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::command::Starred;
use keyfold_engine::limits::{CLOCK_STEP, CLOCK_TICK, EXPIRE_AT_ONCE, INDEX_AFTER, MAX_HITS};
use keyfold_engine::view::{Entry, Expiry, What};
use keyfold_engine::{Answer, Command, Complaint, Deed, Event};
use keyfold_protocol::content::{ContentId, Expires, Saying};
use keyfold_protocol::limits::{MAX_TIMER, MIN_TIMER};
use keyfold_protocol::state::Policy;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;
use town::copied::TO_VERSION_7;
use town::mallory::Hostile;
use town::person::Loss;
use town::{Town, Who};

const HOUR: Duration = Duration::from_hours(1);
const MONTH: Duration = Duration::from_hours(30 * 24);

fn sets(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    timer: Option<u32>,
) -> Result<Answer, Complaint> {
    let answer = town.does(
        who,
        Command::SetTimer {
            conversation,
            timer,
        },
    );
    town.settles();
    answer
}

fn marks_read(town: &mut Town, who: Who, conversation: ConversationId) {
    let command = Command::MarkRead { conversation };
    assert_eq!(town.does(who, command), Ok(Answer::Taken));
}

fn entry(town: &Town, who: Who, conversation: ConversationId, text: &str) -> Entry {
    let mut timeline = town.timeline(who, conversation).into_iter();
    let found = timeline.find(|entry| entry.what == What::Text(text.to_owned()));
    found.unwrap_or_else(|| panic!("{who:?} has no {text:?}"))
}

fn id(town: &Town, who: Who, conversation: ConversationId, text: &str) -> ContentId {
    entry(town, who, conversation, text).id.unwrap()
}

fn finds(town: &Town, who: Who, words: &str) -> usize {
    let engine = &town.people[who.0].engine;
    let found = engine.search(words, None, None, MAX_HITS).unwrap().unwrap();
    found.hits.len()
}

/// A time in which messages disappear that takes few ticks.
const TIMER: u32 = 180;
const TIME: Duration = Duration::from_mins(3);

/// Ada and Bo talk; messages disappear after [`TIME`].
fn talk(seed: u64) -> (Town, [Who; 2], ConversationId) {
    let mut town = Town::on_disk(seed);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    sets(&mut town, ada, talk, Some(TIMER)).unwrap();
    (town, [ada, bo], talk)
}

#[test]
fn either_of_two_sets_the_timer_and_all_their_devices_hear_of_it() {
    let mut town = Town::on_disk(18);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let talk = town.meets(ada, bo);
    for (setter, handle, timer) in [(bo, "bo", TIMER), (ada, "ada", TIMER * 2)] {
        assert_eq!(
            sets(&mut town, setter, talk, Some(timer)),
            Ok(Answer::Taken)
        );
        for who in [ada, bo, tablet] {
            assert_eq!(town.shows(who, talk).timer, Some(timer));
            let line = town.timeline(who, talk).pop().unwrap();
            assert_eq!(line.what, What::Timed(Some(timer)), "{who:?}");
            assert_eq!(line.from.unwrap().handle, handle, "{who:?}");
        }
    }
}

/// An answer, a reaction, a pin and an edit of a message, by its author, and a star by its reader.
fn does_all_to(
    town: &mut Town,
    [author, reader]: [Who; 2],
    conversation: ConversationId,
    message: ContentId,
) {
    let to_all = [
        Command::Reply {
            conversation,
            to: message,
            text: "QUAGMIRE".to_owned(),
        },
        Command::React {
            conversation,
            message,
            emoji: Some("🎈".to_owned()),
        },
        Command::Pin {
            conversation,
            message,
            pinned: true,
        },
        Command::Edit {
            conversation,
            message,
            text: "ZEPPELIN lands".to_owned(),
        },
    ];
    for command in to_all {
        town.does(author, command).unwrap();
    }
    town.settles();
    let star = Command::Star {
        conversation,
        messages: vec![message],
        starred: Starred::Yes,
    };
    town.does(reader, star).unwrap();
}

#[test]
fn a_message_disappears_on_each_device_in_its_own_time_and_from_its_files() {
    let mut town = Town::on_disk(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "stays");
    town.settles();
    sets(&mut town, bo, talk, Some(TIMER)).unwrap();
    town.says(ada, talk, "ZEPPELIN flies");
    town.settles();
    let message = id(&town, bo, talk, "ZEPPELIN flies");
    does_all_to(&mut town, [ada, bo], talk, message);
    town.passes(INDEX_AFTER * 2);
    // The author's runs since the server has it; nobody else's before it was read.
    let lasts = Some(TIMER);
    let shown = entry(&town, ada, talk, "ZEPPELIN lands").expiry.unwrap();
    assert_eq!((shown.lasts, shown.at.is_some()), (lasts, true));
    let shown = entry(&town, bo, talk, "ZEPPELIN lands").expiry;
    assert_eq!(shown, Some(Expiry { lasts, at: None }));
    assert_eq!(entry(&town, bo, talk, "stays").expiry, None);
    assert!(town.holds(bo, "ZEPPELIN") && town.holds(bo, "zeppelin"));

    marks_read(&mut town, bo, talk);
    let shown = entry(&town, bo, talk, "ZEPPELIN lands").expiry.unwrap();
    assert_eq!(shown.at, Some(town.now().after(TIME)));
    town.passes(TIME.saturating_sub(INDEX_AFTER * 2));
    let all = ["stays", "ZEPPELIN lands", "QUAGMIRE"];
    assert_eq!(town.reads(ada, talk), ["stays"]);
    assert_eq!(town.reads(bo, talk), all);
    town.passes(INDEX_AFTER * 2);
    assert_eq!(town.reads(bo, talk), ["stays"]);
    assert!(town.events(bo).contains(&Event::Hidden(talk)));
    // The tablet has read nothing.
    assert_eq!(town.reads(tablet, talk), all);
    marks_read(&mut town, tablet, talk);
    assert!(town.holds(tablet, "ZEPPELIN"));
    town.passes(TIME + CLOCK_TICK);
    for who in [ada, bo, tablet] {
        assert_eq!(town.reads(who, talk), ["stays"], "{who:?}");
        for word in ["ZEPPELIN", "zeppelin", "QUAGMIRE", "quagmire", "🎈"] {
            assert!(!town.holds(who, word), "{who:?} still has {word}");
        }
        assert_eq!(finds(&town, who, "zeppelin"), 0);
        let engine = &town.people[who.0].engine;
        assert!(engine.pinned(talk, 10).unwrap().is_empty());
        let starred = engine.starred(None, None, 10).unwrap().unwrap();
        assert!(starred.hits.is_empty());
        assert!(town.holds(who, "stays"));
    }
    town.agree(&[ada, bo, tablet], talk);
}

/// Whoever answers on one device has read on it what was said before; the others take it for read, too.
#[test]
fn an_answer_of_the_same_person_counts_as_reading() {
    let (mut town, [ada, bo], talk) = talk(13);
    let tablet = town.links(bo, &Suite::ALL);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    town.says(bo, talk, "fine");
    town.settles();
    assert_eq!(town.shows(tablet, talk).unread, 0);
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(tablet, talk).is_empty());
}

#[test]
fn what_is_said_later_of_what_is_gone_does_not_bring_it_back() {
    let (mut town, [ada, bo], talk) = talk(2);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    let message = id(&town, bo, talk, "ZEPPELIN");
    town.goes_offline(ada);
    let edit = Command::Edit {
        conversation: talk,
        message,
        text: "BALLOON".to_owned(),
    };
    town.does(ada, edit).unwrap();
    marks_read(&mut town, bo, talk);
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(bo, talk).is_empty());
    town.comes_back(ada);
    town.passes(TIME + CLOCK_TICK);
    for who in [ada, bo] {
        assert!(town.reads(who, talk).is_empty(), "{who:?}");
        assert!(!town.holds(who, "BALLOON"), "{who:?}");
    }
    town.says(bo, talk, "next");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["next"]);
    town.agree(&[ada, bo], talk);
}

#[test]
fn a_device_that_was_away_deletes_when_it_hears_of_the_time() {
    let (mut town, [ada, bo], talk) = talk(3);
    let tablet = town.links(ada, &Suite::ALL);
    town.goes_offline(tablet);
    town.says(ada, talk, "early");
    town.settles();
    marks_read(&mut town, bo, talk);
    town.goes_offline(bo);
    assert_eq!(town.reads(bo, talk), ["early"]);
    town.clock.advance(MONTH / 2);
    // Restarted without a server, with a clock that shows another week: nothing goes.
    town.people[bo.0].restarts();
    let now = town.now();
    town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
    assert_eq!(town.reads(bo, talk), ["early"]);
    town.comes_back(bo);
    assert!(town.reads(bo, talk).is_empty());
    assert!(!town.holds(bo, "early"));
    // The author's other device gets it when its time is over.
    town.comes_back(tablet);
    assert!(town.reads(tablet, talk).is_empty());
    assert!(!town.holds(tablet, "early"));
    assert_eq!(town.shows(tablet, talk).unread, 0);
    let arrived = |event: &Event| matches!(event, Event::Arrived(..));
    assert!(!town.events(tablet).iter().any(arrived));
    // Whoever has read nothing has all the time.
    town.says(bo, talk, "late");
    town.settles();
    town.goes_offline(ada);
    town.clock.advance(MONTH / 2);
    town.comes_back(ada);
    assert_eq!(town.reads(ada, talk), ["late"]);
}

#[test]
fn what_was_read_offline_disappears_offline() {
    let (mut town, [ada, bo], talk) = talk(4);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    town.goes_offline(bo);
    marks_read(&mut town, bo, talk);
    let mut ticks = 0;
    while !town.reads(bo, talk).is_empty() {
        // As a shell that runs, and is killed now and then: it ticks when it is told to.
        let now = town.now();
        let next = town.people[bo.0].deadline().unwrap();
        assert!(next <= now.after(CLOCK_TICK), "it waits for too long");
        town.clock.advance(CLOCK_TICK);
        let now = town.now();
        town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
        let shown = town.timeline(bo, talk);
        town.people[bo.0].restarts();
        assert_eq!(
            town.timeline(bo, talk),
            shown,
            "before anybody told the time"
        );
        town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
        ticks += 1;
        assert!(ticks <= TIMER / 60);
    }
    assert_eq!(ticks, TIMER / 60, "not before its time");
    assert!(!town.holds(bo, "ZEPPELIN"));
}

/// The device's own clock is set to 2038, and back, and to 1990.
#[test]
fn a_jump_of_the_clock_alone_deletes_nothing() {
    let (mut town, [ada, bo], talk) = talk(5);
    for text in ["one", "two"] {
        town.says(ada, talk, text);
    }
    town.settles();
    marks_read(&mut town, bo, talk);
    let all = ["one", "two"];
    let years = 12 * 365 * 24 * 3_600 * 1_000;
    for skew in [years, 0, -3 * years, 0, years] {
        for online in [false, true] {
            if !online {
                town.goes_offline(bo);
            }
            town.people[bo.0].skew = skew;
            let now = town.now();
            town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
            assert_eq!(town.reads(bo, talk), all, "{skew} {online}");
            town.people[bo.0].restarts();
            town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
            if online {
                town.comes_back(bo);
            }
            assert_eq!(town.reads(bo, talk), all, "{skew} {online}");
        }
    }
    // And in 2038 it goes when it should.
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(bo, talk).is_empty());
    assert!(town.reads(ada, talk).is_empty());
}

#[test]
fn a_step_that_may_be_a_jump_counts_only_when_the_server_says_so() {
    let (mut town, [ada, bo], talk) = talk(6);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    marks_read(&mut town, bo, talk);
    town.goes_offline(bo);
    for _ in 0..2 {
        town.clock.advance(CLOCK_STEP + Duration::from_millis(1));
        let now = town.now();
        town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
    }
    assert_eq!(town.reads(bo, talk), ["ZEPPELIN"]);
    town.comes_back(bo);
    assert!(town.reads(bo, talk).is_empty());
    // The steps that do count.
    let (mut town, [ada, bo], talk) = self::talk(7);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    marks_read(&mut town, bo, talk);
    town.goes_offline(bo);
    for _ in 0..2 {
        town.clock.advance(CLOCK_STEP);
        let now = town.now();
        town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
    }
    assert!(town.reads(bo, talk).is_empty());
}

#[test]
fn a_server_that_lies_about_the_time_deletes_nothing() {
    let (mut town, [ada, bo], talk) = talk(8);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    marks_read(&mut town, bo, talk);
    // What it says of items.
    town.people[bo.0].bends_item = Some(Box::new(|item| item.received_ms = u64::MAX));
    town.says(ada, talk, "another");
    town.settles();
    assert_eq!(town.reads(bo, talk), ["ZEPPELIN", "another"]);
    town.people[bo.0].bends_item = None;
    // What it says when it greets: its own clock is set forward by years while a device's is not.
    let years = 12 * 365 * 24 * HOUR;
    town.people[bo.0].skew = -i64::try_from(years.as_millis()).unwrap();
    town.people[bo.0].disconnect();
    town.clock.advance(years);
    town.settles();
    assert_eq!(town.reads(bo, talk), ["ZEPPELIN", "another"]);
    town.passes(TIME + CLOCK_TICK);
    assert_eq!(town.reads(bo, talk), ["another"], "the other was not read");
    // An author's own message does not go before it was written.
    town.people[bo.0].bends_reply = Some(Box::new(|_, reply| {
        if let keyfold_wire::v1::server_frame::Content::Accepted(accepted) = reply {
            accepted.received_ms = 1;
        }
    }));
    town.people[bo.0].bends_item = Some(Box::new(|item| item.received_ms = 1));
    town.says(bo, talk, "mine");
    town.settles();
    assert_eq!(town.reads(bo, talk), ["another", "mine"]);
}

#[test]
fn only_whom_the_rules_let_sets_the_timer_of_a_group() {
    let mut town = Town::on_disk(9);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let refused = Err(Complaint::NotAllowed);
    assert_eq!(sets(&mut town, bo, group, Some(TIMER)), refused);
    let wrong = Err(Complaint::Timer(MIN_TIMER, MAX_TIMER));
    for timer in [0, MIN_TIMER - 1, MAX_TIMER + 1, u32::MAX] {
        assert_eq!(sets(&mut town, ada, group, Some(timer)), wrong, "{timer}");
        let fleeting = Command::SendFleeting {
            conversation: group,
            text: "hello".to_owned(),
            lasts: timer,
        };
        assert_eq!(town.does(ada, fleeting), wrong, "{timer}");
    }
    for timer in [MIN_TIMER, MAX_TIMER] {
        sets(&mut town, ada, group, Some(timer)).unwrap();
        assert_eq!(town.shows(bo, group).timer, Some(timer));
    }
    let allow = Command::Allow {
        conversation: group,
        deed: Deed::Edit,
        policy: Policy::Everyone,
    };
    town.does(ada, allow).unwrap();
    town.settles();
    sets(&mut town, bo, group, Some(TIMER)).unwrap();
    // Who comes in later hears of it.
    town.adds(ada, group, &[cy]);
    town.settles();
    assert_eq!(town.shows(cy, group).timer, Some(TIMER));
    town.says(cy, group, "hello");
    town.settles();
    let lasts = |town: &Town, who| entry(town, who, group, "hello").expiry.unwrap().lasts;
    assert_eq!(lasts(&town, bo), Some(TIMER));
    sets(&mut town, bo, group, None).unwrap();
    let last = town.timeline(cy, group).pop().unwrap();
    assert_eq!(last.what, What::Timed(None));
    assert_eq!(last.from.unwrap().handle, "bo");
    town.says(cy, group, "stays");
    town.settles();
    assert_eq!(entry(&town, bo, group, "stays").expiry, None);
    // One message alone, and no longer than the conversation lets it.
    let fleeting = |lasts| Command::SendFleeting {
        conversation: group,
        text: format!("for {lasts}"),
        lasts,
    };
    town.does(cy, fleeting(MIN_TIMER)).unwrap();
    town.settles();
    let shown = entry(&town, bo, group, &format!("for {MIN_TIMER}")).expiry;
    assert_eq!(shown.unwrap().lasts, Some(MIN_TIMER));
    sets(&mut town, ada, group, Some(TIMER)).unwrap();
    town.does(cy, fleeting(MAX_TIMER)).unwrap();
    town.settles();
    let shown = entry(&town, bo, group, &format!("for {MAX_TIMER}")).expiry;
    assert_eq!(shown.unwrap().lasts, Some(TIMER));
}

#[test]
fn what_waits_or_failed_has_not_begun_to_disappear() {
    let (mut town, [ada, bo], talk) = talk(10);
    town.goes_offline(ada);
    town.says(ada, talk, "waits");
    for _ in 0..10 {
        town.clock.advance(CLOCK_TICK);
        let now = town.now();
        town.people[ada.0].apply(keyfold_engine::Input::Tick, now);
    }
    assert_eq!(
        town.timeline(ada, talk).pop().unwrap().expiry.unwrap().at,
        None
    );
    town.comes_back(ada);
    assert_eq!(town.reads(bo, talk), ["waits"]);
    assert_eq!(town.reads(ada, talk), ["waits"]);
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(ada, talk).is_empty());
}

#[test]
fn what_another_client_makes_of_it_harms_nobody() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let text = |text| Saying::Text {
        text,
        in_reply_to: None,
    };
    let now = u32::try_from(scene.town.now().0 / 1_000).unwrap();
    scene.says_expiring(text("OVERDUE"), Expires::At(0));
    scene.says_expiring(text("never"), Expires::At(u32::MAX));
    scene.says_expiring(text("soon"), Expires::At(now + TIMER));
    scene.says_expiring(text("none"), Expires::AfterReading(0));
    scene.says_expiring(text("ages"), Expires::AfterReading(u32::MAX));
    let lasts = |town: &Town, text| entry(town, bo, scene.group, text).expiry.unwrap();
    assert_eq!(lasts(&scene.town, "none").lasts, Some(MIN_TIMER));
    assert_eq!(lasts(&scene.town, "ages").lasts, Some(MAX_TIMER));
    assert_eq!(lasts(&scene.town, "soon").lasts, None);
    let at = lasts(&scene.town, "soon").at;
    assert_eq!(at, Some(Timestamp(u64::from(now + TIMER) * 1_000)));
    // An edit of another's message does nothing, and one of an own one lets it last as long as it was said to.
    let others = id(&scene.town, bo, scene.group, "ada's words");
    let own = id(&scene.town, bo, scene.group, "hello");
    let ages = id(&scene.town, bo, scene.group, "ages");
    let edit = |of, text| Saying::Edit {
        of,
        text,
        in_reply_to: None,
    };
    scene.says_expiring(edit(others, "gone"), Expires::AfterReading(MIN_TIMER));
    scene.says_expiring(edit(own, "hello again"), Expires::AfterReading(MIN_TIMER));
    scene.says_expiring(edit(ages, "ages on"), Expires::At(0));
    let expected = [
        "ada's words",
        "hello again",
        "never",
        "soon",
        "none",
        "ages on",
    ];
    assert_eq!(scene.town.reads(bo, scene.group), expected);
    let group = scene.group;
    assert_eq!(entry(&scene.town, bo, group, "hello again").expiry, None);
    let expiry = entry(&scene.town, bo, group, "ages on").expiry.unwrap();
    assert_eq!(expiry.lasts, Some(MAX_TIMER));
    // Time goes on.
    for who in [ada, bo] {
        marks_read(&mut scene.town, who, group);
    }
    scene.town.passes(TIME + CLOCK_TICK);
    let expected = ["ada's words", "hello again", "never", "ages on"];
    for who in [ada, bo] {
        assert_eq!(scene.town.reads(who, group), expected);
    }
    assert!(!scene.town.holds(bo, "OVERDUE"));
}

/// Two people begin to talk at the same moment; what disappears in either disappears in the one that remains.
#[test]
fn it_disappears_wherever_the_conversation_goes_on() {
    let mut town = Town::on_disk(12);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.goes_offline(bo);
    let one = town.meets(ada, bo);
    town.does(
        ada,
        Command::SendFleeting {
            conversation: one,
            text: "from ada".to_owned(),
            lasts: TIMER,
        },
    )
    .unwrap();
    town.goes_offline(ada);
    town.people[bo.0].online = true;
    let other = town.meets(bo, ada);
    town.does(
        bo,
        Command::SendFleeting {
            conversation: other,
            text: "from bo".to_owned(),
            lasts: TIMER,
        },
    )
    .unwrap();
    town.settles();
    town.comes_back(ada);
    town.settles();
    for who in [ada, bo] {
        let mut both = town.reads(who, one);
        both.sort();
        assert_eq!(both, ["from ada", "from bo"], "{who:?}");
        marks_read(&mut town, who, one);
    }
    town.passes(TIME + CLOCK_TICK);
    for who in [ada, bo] {
        assert!(town.reads(who, one).is_empty(), "{who:?}");
        assert!(!town.holds(who, "from "), "{who:?}");
    }
}

/// A conversation that moves to a fresh group keeps its timer, and what was said before goes all the same.
#[test]
fn it_disappears_also_where_the_conversation_has_moved() {
    let mut town = Town::on_disk(14);
    let [ada, bo] = town.people(["ada", "bo"]);
    let club = town.creates_group(ada, "club", &[bo]);
    sets(&mut town, ada, club, Some(TIMER)).unwrap();
    town.says(ada, club, "ZEPPELIN");
    town.settles();
    marks_read(&mut town, bo, club);
    for who in [ada, bo] {
        let handle = town.people[ada.0]
            .asked
            .iter()
            .rev()
            .find_map(|asked| match asked {
                Body::Send(send) => Some(send.handle.clone()),
                _ => None,
            });
        town.people[who.0].refuses = Some(Box::new(move |asked| match asked {
            Body::Send(send) if Some(&send.handle) == handle.as_ref() => Some(v1::Refused {
                code: RefusalCode::NotFound.into(),
                ..v1::Refused::default()
            }),
            Body::Commit(commit) if Some(&commit.handle) == handle.as_ref() => Some(v1::Refused {
                code: RefusalCode::NotFound.into(),
                ..v1::Refused::default()
            }),
            _ => None,
        }));
    }
    town.says(bo, club, "is anybody there?");
    town.passes(TIME + CLOCK_TICK);
    town.passes(TIME + CLOCK_TICK);
    assert!(
        town.events(bo).contains(&Event::Moved(club))
            || town.events(ada).contains(&Event::Moved(club))
    );
    for who in [ada, bo] {
        assert_eq!(town.shows(who, club).timer, Some(TIMER), "{who:?}");
        assert!(!town.holds(who, "ZEPPELIN"), "{who:?}");
    }
    town.says(ada, club, "after");
    town.settles();
    assert_eq!(
        entry(&town, bo, club, "after").expiry.unwrap().lasts,
        Some(TIMER)
    );
}

/// The answer came, and the message itself not, for as long as it lasts: it is not shown, and gone when it comes.
#[test]
fn what_was_accepted_and_did_not_come_back_disappears_in_time() {
    let (mut town, [ada, bo], talk) = talk(15);
    town.people[ada.0].bends_item = Some(Box::new(|item| {
        if let Some(v1::item::Content::Message(message)) = &item.content
            && message.commit.is_none()
        {
            item.content = None;
        }
    }));
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["ZEPPELIN"]);
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(ada, talk).is_empty());
    town.people[ada.0].bends_item = None;
    // An answer that was lost: the message comes back first, and its time has begun when the server took it.
    town.people[bo.0].loses = Some(Box::new(|asked| match asked {
        Body::Send(_) => Loss::Reply,
        _ => Loss::Nothing,
    }));
    town.says(bo, talk, "QUAGMIRE");
    town.turn(bo);
    town.people[bo.0].loses = None;
    town.goes_offline(bo);
    town.clock.advance(MONTH / 2);
    town.comes_back(bo);
    assert_eq!(town.reads(bo, talk), ["ZEPPELIN"], "which he has not read");
    assert!(!town.holds(bo, "QUAGMIRE"));
    assert_eq!(town.reads(ada, talk), ["QUAGMIRE"], "she has not read it");
}

#[test]
fn many_disappear_in_several_steps() {
    let (mut town, [ada, bo], talk) = talk(16);
    let many = EXPIRE_AT_ONCE + 1;
    for number in 0..many {
        town.says(ada, talk, &format!("number {number}"));
    }
    town.settles();
    assert_eq!(town.reads(bo, talk).len(), many);
    marks_read(&mut town, bo, talk);
    town.goes_offline(ada);
    town.goes_offline(bo);
    for _ in 0..2 {
        town.clock.advance(CLOCK_STEP);
        let now = town.now();
        town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
    }
    assert_eq!(town.reads(bo, talk).len(), 1);
    let now = town.now();
    assert!(town.people[bo.0].deadline().unwrap() <= now);
    town.people[bo.0].apply(keyfold_engine::Input::Tick, now);
    assert!(town.reads(bo, talk).is_empty());
    let hidden = town
        .events(bo)
        .iter()
        .filter(|event| **event == Event::Hidden(talk));
    assert_eq!(hidden.count(), 2, "once for each step");
}

/// Version 7 of the database knew none of this, and kept it as what takes a newer version.
#[test]
fn what_an_earlier_version_kept_disappears_once_it_is_read() {
    let (mut town, [ada, bo], talk) = talk(17);
    town.says(ada, talk, "ZEPPELIN");
    town.settles();
    let message = id(&town, bo, talk, "ZEPPELIN");
    let edit = Command::Edit {
        conversation: talk,
        message,
        text: "BALLOON".to_owned(),
    };
    town.does(ada, edit).unwrap();
    town.says(ada, talk, "another");
    town.settles();
    town.people[bo.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_7).unwrap();
        let forget = "UPDATE timeline SET target = NULL WHERE target = ?1";
        assert_eq!(database.execute(forget, [message.as_bytes()]).unwrap(), 1);
    });
    town.settles();
    assert_eq!(town.reads(bo, talk), ["BALLOON", "another"]);
    let lasts = Some(TIMER);
    let shown = entry(&town, bo, talk, "BALLOON").expiry;
    assert_eq!(shown, Some(Expiry { lasts, at: None }));
    marks_read(&mut town, bo, talk);
    town.passes(TIME + CLOCK_TICK);
    assert!(town.reads(bo, talk).is_empty());
    for word in ["ZEPPELIN", "BALLOON"] {
        assert!(!town.holds(bo, word), "{word}");
    }
}
