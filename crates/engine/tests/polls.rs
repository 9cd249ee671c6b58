//! Polls: everybody counts the same votes, whatever comes first, and nobody votes behind the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use keyfold_engine::limits::MAX_VOTERS;
use keyfold_engine::view::{Choice, PollEntry, What};
use keyfold_engine::{Answer, Command, Complaint, Deed, Event};
use keyfold_protocol::content::{ContentId, Poll, Saying};
use keyfold_protocol::limits::{MAX_OPTION, MAX_OPTIONS, MAX_QUESTION, MIN_OPTIONS};
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use rusqlite::Connection;
use town::copied::TO_VERSION_11;
use town::mallory::Hostile;
use town::person::copy_database;
use town::{Town, Who};

const OPTIONS: [&str; 3] = ["the wall", "the rock", "the gym"];

fn asks(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    options: &[&str],
    choice: Choice,
) -> Result<ContentId, Complaint> {
    let command = Command::SendPoll {
        conversation,
        question: "Where do we climb?".to_owned(),
        options: options.iter().map(|one| (*one).to_owned()).collect(),
        choice,
    };
    match town.does(who, command)? {
        Answer::Message(id) => Ok(id),
        other => panic!("{other:?}"),
    }
}

fn votes(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
    choices: &[u8],
) -> Result<Answer, Complaint> {
    let command = Command::Vote {
        conversation,
        message,
        choices: choices.to_vec(),
    };
    town.does(who, command)
}

fn ends(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
) -> Result<Answer, Complaint> {
    let command = Command::EndPoll {
        conversation,
        message,
    };
    town.does(who, command)
}

fn poll(town: &Town, who: Who, conversation: ConversationId, message: ContentId) -> PollEntry {
    let engine = &town.people[who.0].engine;
    let entry = engine.message(conversation, &message).unwrap().unwrap();
    match entry.what {
        What::Poll(poll) => poll,
        other => panic!("{other:?}"),
    }
}

/// The votes of each option, with a star behind what this person has chosen; `.` behind all where it is over.
fn counts(town: &Town, who: Who, conversation: ConversationId, message: ContentId) -> String {
    let poll = poll(town, who, conversation, message);
    let counts = poll.options.iter().map(|option| {
        let mine = if option.mine { "*" } else { "" };
        format!("{}{mine}", option.votes)
    });
    let all: Vec<_> = counts.collect();
    let end = if poll.ended { "." } else { "" };
    format!("{}{end}", all.join(" "))
}

fn voters(
    town: &Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
    option: u8,
) -> Vec<String> {
    let engine = &town.people[who.0].engine;
    let found = engine.voters(conversation, &message, option, None, MAX_VOTERS);
    let mut names: Vec<_> = found.unwrap().into_iter().map(|one| one.handle).collect();
    names.sort();
    names
}

#[test]
fn people_vote_change_their_minds_and_withdraw_on_any_device() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let tablet = town.links(bo, &Suite::ALL);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.settles();
    let id = asks(&mut town, ada, group, &OPTIONS, Choice::Single).unwrap();
    town.settles();
    let unread = town.shows(cy, group).unread;
    votes(&mut town, ada, group, id, &[0]).unwrap();
    votes(&mut town, bo, group, id, &[1]).unwrap();
    assert_eq!(counts(&town, bo, group, id), "0 1* 0", "at once");
    town.goes_offline(cy);
    votes(&mut town, cy, group, id, &[1]).unwrap();
    town.people[tablet.0].engine.waiting().unwrap();
    town.comes_back(cy);
    town.settles();
    assert_eq!(counts(&town, ada, group, id), "1* 2 0");
    for who in [bo, tablet, cy] {
        assert_eq!(counts(&town, who, group, id), "1 2* 0", "{who:?}");
    }
    assert_eq!(voters(&town, ada, group, id, 1), ["bo", "cy"]);
    assert!(voters(&town, ada, group, id, 9).is_empty());

    votes(&mut town, tablet, group, id, &[2]).unwrap();
    votes(&mut town, cy, group, id, &[]).unwrap();
    town.settles();
    for who in [bo, tablet] {
        assert_eq!(counts(&town, who, group, id), "1 0 1*");
    }
    assert_eq!(counts(&town, cy, group, id), "1 0 1");
    assert_eq!(poll(&town, cy, group, id).voters, 2);
    // What is chosen already is not said again, and a vote is no entry.
    let again = votes(&mut town, cy, group, id, &[]);
    assert_eq!(again, Ok(Answer::Taken));
    assert_eq!(town.shows(cy, group).unread, unread);
    assert!(town.events(cy).contains(&Event::Amended(group, id)));
    town.agree(&[ada, bo, tablet, cy], group);
}

#[test]
fn several_may_be_chosen_where_the_poll_lets_one_and_only_what_is_there() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let one = asks(&mut town, ada, talk, &OPTIONS, Choice::Single).unwrap();
    let more = asks(&mut town, ada, talk, &OPTIONS, Choice::Several).unwrap();
    town.settles();
    votes(&mut town, bo, talk, more, &[2, 0, 2]).unwrap();
    town.settles();
    assert_eq!(counts(&town, ada, talk, more), "1 0 1");
    let refused = Err(Complaint::Vote(3));
    assert_eq!(votes(&mut town, bo, talk, one, &[0, 1]), refused);
    assert_eq!(votes(&mut town, bo, talk, one, &[3]), refused);
    assert_eq!(votes(&mut town, bo, talk, more, &[0, 200]), refused);
    town.says(ada, talk, "so?");
    town.settles();
    let text = town.timeline(bo, talk).pop().unwrap().id.unwrap();
    assert_eq!(
        votes(&mut town, bo, talk, text, &[0]),
        Err(Complaint::NoPoll)
    );
    assert_eq!(counts(&town, bo, talk, one), "0 0 0");
}

#[test]
fn a_poll_keeps_its_limits() {
    let mut town = Town::new(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let refused = Err(Complaint::Poll(MIN_OPTIONS, MAX_OPTIONS));
    let names: Vec<String> = (0..=MAX_OPTIONS).map(|one| format!("{one}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ask = |options: &[&str]| asks(&mut town, ada, talk, options, Choice::Single);
    assert!(ask(&names[..MAX_OPTIONS]).is_ok());
    assert_eq!(ask(&names).map(drop), refused);
    assert!(ask(&names[..MIN_OPTIONS]).is_ok());
    assert_eq!(ask(&names[..MIN_OPTIONS - 1]).map(drop), refused);
    let longest = "o".repeat(MAX_OPTION);
    assert!(ask(&[&longest, "b"]).is_ok());
    assert_eq!(ask(&[&format!("{longest}o"), "b"]).map(drop), refused);
    for bad in ["a", " a ", "", "  ", "a\nb", "\u{202e}a"] {
        assert_eq!(ask(&["a", bad]).map(drop), refused, "{bad:?}");
    }
    for (bytes, fits) in [(0, false), (MAX_QUESTION, true), (MAX_QUESTION + 1, false)] {
        let command = Command::SendPoll {
            conversation: talk,
            question: "q".repeat(bytes),
            options: vec!["a".to_owned(), "b".to_owned()],
            choice: Choice::Several,
        };
        assert_eq!(town.does(ada, command).is_ok(), fits, "{bytes}");
    }
}

#[test]
fn behind_the_end_nobody_votes_whoever_says_it_first_to_whom() {
    let mut town = Town::on_disk(4);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.settles();
    let id = asks(&mut town, bo, group, &OPTIONS, Choice::Single).unwrap();
    town.settles();
    votes(&mut town, cy, group, id, &[0]).unwrap();
    town.settles();
    assert_eq!(
        ends(&mut town, cy, group, id),
        Err(Complaint::NotAllowed),
        "neither hers nor an admin"
    );
    // Cy changes her mind while nobody hears her, and the end comes before.
    town.goes_offline(cy);
    votes(&mut town, cy, group, id, &[1]).unwrap();
    assert_eq!(counts(&town, cy, group, id), "0 1* 0");
    ends(&mut town, bo, group, id).unwrap();
    town.settles();
    town.people[cy.0].restarts();
    town.comes_back(cy);
    town.settles();
    assert_eq!(counts(&town, cy, group, id), "1* 0 0.");
    for who in [ada, bo] {
        assert_eq!(counts(&town, who, group, id), "1 0 0.", "{who:?}");
        assert_eq!(
            votes(&mut town, who, group, id, &[2]),
            Err(Complaint::PollOver)
        );
    }
    assert_eq!(ends(&mut town, ada, group, id), Err(Complaint::PollOver));
    let ended = poll(&town, cy, group, id).ended_by.unwrap();
    assert_eq!(ended.handle, "bo");
    town.agree(&[ada, bo, cy], group);
}

#[test]
fn an_admin_ends_the_poll_of_another_and_who_may_not_post_may_vote() {
    let mut town = Town::new(5);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.settles();
    let id = asks(&mut town, bo, group, &OPTIONS, Choice::Single).unwrap();
    town.promotes(ada, group, cy, Role::Admin);
    let allow = Command::Allow {
        conversation: group,
        deed: Deed::Post,
        policy: Policy::Admins,
    };
    town.does(ada, allow).unwrap();
    town.settles();
    assert_eq!(
        asks(&mut town, bo, group, &OPTIONS, Choice::Single),
        Err(Complaint::NotAllowed)
    );
    votes(&mut town, bo, group, id, &[2]).unwrap();
    town.settles();
    assert_eq!(counts(&town, ada, group, id), "0 0 1");
    ends(&mut town, cy, group, id).unwrap();
    town.settles();
    for who in [ada, bo, cy] {
        assert!(counts(&town, who, group, id).ends_with('.'), "{who:?}");
    }
}

#[test]
fn a_vote_of_who_has_left_stands_and_one_behind_leaving_does_not() {
    let mut town = Town::new(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo, cy]);
    town.settles();
    let id = asks(&mut town, ada, group, &OPTIONS, Choice::Single).unwrap();
    town.settles();
    votes(&mut town, cy, group, id, &[1]).unwrap();
    town.settles();
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(cy, leave).unwrap();
    assert_eq!(
        votes(&mut town, cy, group, id, &[2]),
        Err(Complaint::Leaving)
    );
    town.settles();
    for who in [ada, bo] {
        assert_eq!(counts(&town, who, group, id), "0 1 0");
        assert_eq!(voters(&town, who, group, id, 1), ["cy"]);
    }
}

#[test]
fn a_poll_is_found_quoted_pinned_and_taken_back_with_its_votes_but_never_edited_or_forwarded() {
    let mut town = Town::on_disk(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let options = ["the zanzibar crag", "home"];
    let id = asks(&mut town, ada, talk, &options, Choice::Single).unwrap();
    town.settles();
    votes(&mut town, bo, talk, id, &[0]).unwrap();
    town.settles();
    let found = |town: &Town, words: &str| {
        let found = town.people[bo.0].engine.search(words, None, None, 10);
        found.unwrap().unwrap().hits.len()
    };
    assert_eq!((found(&town, "zanzi"), found(&town, "climb")), (1, 1));
    town.passes(std::time::Duration::from_mins(2));
    assert_eq!((found(&town, "zanzi"), found(&town, "climb")), (1, 1));
    let edit = Command::Edit {
        conversation: talk,
        message: id,
        text: "other".to_owned(),
    };
    assert_eq!(town.does(ada, edit), Err(Complaint::NotYours));
    let forward = Command::Forward {
        conversation: talk,
        message: id,
        to: vec![talk],
    };
    assert_eq!(town.does(ada, forward), Err(Complaint::NoText));
    let reply = Command::Reply {
        conversation: talk,
        to: id,
        text: "home!".to_owned(),
    };
    town.does(bo, reply).unwrap();
    town.settles();
    let answer = town.timeline(ada, talk).pop().unwrap();
    let quoted = answer.reply_to.unwrap().text;
    assert_eq!(quoted.as_deref(), Some("Where do we climb?"));
    assert!(town.holds(bo, "zanzibar"));
    let back = Command::TakeBack {
        conversation: talk,
        message: id,
    };
    town.does(ada, back).unwrap();
    town.settles();
    town.passes(std::time::Duration::from_mins(2));
    assert_eq!(found(&town, "zanzi"), 0);
    for who in [ada, bo] {
        assert!(!town.holds(who, "zanzibar"), "{who:?}");
        assert!(voters(&town, who, talk, id, 0).is_empty());
        assert_eq!(
            votes(&mut town, who, talk, id, &[1]),
            Err(Complaint::NoSuchMessage)
        );
    }
}

#[test]
fn votes_of_a_made_up_client_count_only_where_they_may() {
    let mut scene = Hostile::new();
    let [ada, bo, mallory] = scene.people;
    let group = scene.group;
    let id = asks(&mut scene.town, ada, group, &OPTIONS, Choice::Single).unwrap();
    scene.town.settles();
    votes(&mut scene.town, bo, group, id, &[1]).unwrap();
    scene.town.settles();
    let vote = |on, choices: &'static [u8]| Saying::Vote { on, choices };
    let last = scene.says(vote(id, &[0]));
    // None of these is a vote, and the one before stands.
    scene.says(vote(id, &[0, 1]));
    scene.says(vote(id, &[11]));
    scene.says(Saying::PollEnd(id));
    let words = scene.town.timeline(bo, group).iter().find_map(|entry| {
        let text = What::Text("ada's words".to_owned());
        (entry.what == text).then_some(entry.id)?
    });
    scene.says(vote(words.unwrap(), &[0]));
    scene.says(Saying::PollEnd(words.unwrap()));
    // Nor is a vote reacted to, pinned or taken back: whoever does not want it any more chooses nothing.
    scene.says(Saying::Deletion(last));
    scene.says(Saying::Reaction {
        to: last,
        emoji: "👍",
        replaces: None,
    });
    for who in [ada, bo] {
        let expected = if who == bo { "1 1* 0" } else { "1 1 0" };
        assert_eq!(counts(&scene.town, who, group, id), expected);
    }
    for number in 0..40 {
        let choices = &[number % 2];
        scene.says(Saying::Vote { on: id, choices });
    }
    assert_eq!(counts(&scene.town, ada, group, id), "0 2 0");
    let edit = Saying::Edit {
        of: id,
        text: "another question",
        in_reply_to: None,
    };
    scene.says(edit);
    assert_eq!(
        poll(&scene.town, bo, group, id).question,
        "Where do we climb?"
    );
    let file = scene.town.people[bo.0].file.as_ref().unwrap();
    let copy = file.with_file_name("copy.db");
    copy_database(file, &copy);
    let database = Connection::open(&copy).unwrap();
    let count = "SELECT count(*) FROM timeline WHERE kind = 7";
    let kept: i64 = database.query_row(count, (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 2, "one of bo, one of mallory");
    let _ = mallory;
}

#[test]
fn what_comes_before_its_poll_counts_once_that_is_there() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let group = scene.group;
    // Mallory votes on her own poll, and ends it, before she asks.
    let poll_of = Poll {
        question: "Where do we climb?".to_owned(),
        options: vec!["a".to_owned(), "b".to_owned()],
        choice: Choice::Single,
    };
    let mut rng = scene.town.rng.clone();
    let asked =
        keyfold_protocol::content::write(&scene.author, 90, Saying::Poll(&poll_of), &mut rng)
            .unwrap();
    let vote = |choices| Saying::Vote {
        on: asked.id,
        choices,
    };
    scene.says(vote(&[0]));
    scene.says(vote(&[7]));
    scene.sends(&asked.encoded);
    for who in [ada, bo] {
        assert_eq!(counts(&scene.town, who, group, asked.id), "1 0");
    }
}

#[test]
fn an_earlier_version_kept_votes_as_what_it_did_not_know() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let id = asks(&mut town, ada, talk, &OPTIONS, Choice::Single).unwrap();
    town.settles();
    votes(&mut town, bo, talk, id, &[1]).unwrap();
    town.settles();
    let entries = town.timeline(ada, talk).len();
    town.people[ada.0].restarts_with(|database| {
        let before = "UPDATE timeline SET kind = 0, target = NULL WHERE kind = 7";
        assert_eq!(database.execute(before, ()), Ok(1));
        // It had none of the poll's words.
        let rules =
            "UPDATE setting SET value = CAST(x'01' || substr(value, 2) AS BLOB) WHERE name = 'search_rules'";
        database.execute(rules, ()).unwrap();
        database.execute_batch(TO_VERSION_11).unwrap();
    });
    assert_eq!(counts(&town, ada, talk, id), "0 1 0");
    assert_eq!(town.timeline(ada, talk).len(), entries);
    ends(&mut town, ada, talk, id).unwrap();
    town.settles();
    assert_eq!(counts(&town, bo, talk, id), "0 1* 0.");
    let found = town.people[ada.0].engine.search("climb", None, None, 10);
    assert_eq!(found.unwrap().unwrap().hits.len(), 1);
}
