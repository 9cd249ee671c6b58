//! What a group agrees on: who may add, post and edit, and what it is about.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use keyfold_engine::outcome::Failure;
use keyfold_engine::view::{State, What};
use keyfold_engine::{Answer, Command, Complaint, Deed, Event};
use keyfold_protocol::content::Saying;
use keyfold_protocol::limits::{MAX_DESCRIPTION, MAX_GROUP_PICTURE};
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use town::mallory::Hostile;
use town::{Town, Who};

fn allows(town: &mut Town, who: Who, conversation: ConversationId, deed: Deed, policy: Policy) {
    let allow = Command::Allow {
        conversation,
        deed,
        policy,
    };
    town.does(who, allow).unwrap();
    town.settles();
}

fn describes(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    description: &str,
) -> Result<Answer, Complaint> {
    let description = description.to_owned();
    town.does(
        who,
        Command::Describe {
            conversation,
            description,
        },
    )
}

fn sends(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    text: &str,
) -> Result<Answer, Complaint> {
    let text = text.to_owned();
    town.does(who, Command::Send { conversation, text })
}

#[test]
fn everybody_sees_what_is_agreed_on() {
    let mut town = Town::on_disk(41);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let tablet = town.links(bo, &Suite::ALL);
    let shown = town.shows(ada, group);
    assert_eq!((shown.description.as_str(), shown.timer), ("", None));
    let policies = (shown.may_add, shown.may_post, shown.may_edit);
    assert_eq!(policies, (Policy::Admins, Policy::Everyone, Policy::Admins));
    town.goes_offline(tablet);
    describes(&mut town, ada, group, "Tuesdays at six.\nBring a rope.").unwrap();
    town.settles();
    allows(&mut town, ada, group, Deed::Add, Policy::Everyone);
    allows(&mut town, ada, group, Deed::Post, Policy::Admins);
    allows(&mut town, ada, group, Deed::Edit, Policy::Everyone);
    // Also who was away, who comes in, and after a restart.
    town.comes_back(tablet);
    town.adds(bo, group, &[cy]);
    town.settles();
    town.people[ada.0].restarts();
    town.settles();
    for who in [ada, bo, tablet, cy] {
        let shown = town.shows(who, group);
        assert_eq!(
            shown.description, "Tuesdays at six.\nBring a rope.",
            "{who:?}"
        );
        let policies = (shown.may_add, shown.may_post, shown.may_edit);
        assert_eq!(
            policies,
            (Policy::Everyone, Policy::Admins, Policy::Everyone)
        );
    }
    let lines = [
        What::Described("Tuesdays at six.\nBring a rope.".to_owned()),
        What::Allowed(Deed::Add, Policy::Everyone),
        What::Allowed(Deed::Post, Policy::Admins),
        What::Allowed(Deed::Edit, Policy::Everyone),
    ];
    for who in [ada, bo, tablet] {
        let timeline = town
            .timeline(who, group)
            .into_iter()
            .map(|entry| entry.what);
        let told: Vec<What> = timeline.filter(|what| lines.contains(what)).collect();
        assert_eq!(told, lines, "{who:?}");
    }
    town.agree(&[ada, bo, tablet, cy], group);
}

#[test]
fn who_may_not_is_told_and_nothing_changes() {
    let mut town = Town::new(42);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let talk = town.meets(ada, bo);
    town.settles();
    let refused = Err(Complaint::NotAllowed);
    assert_eq!(describes(&mut town, bo, group, "mine"), refused);
    let allow = |conversation| Command::Allow {
        conversation,
        deed: Deed::Post,
        policy: Policy::Admins,
    };
    assert_eq!(town.does(bo, allow(group)), refused);
    assert_eq!(town.does(ada, allow(talk)), Err(Complaint::GroupsOnly));
    assert_eq!(
        describes(&mut town, ada, talk, "ours"),
        Err(Complaint::GroupsOnly)
    );
    for (length, fits) in [(MAX_DESCRIPTION, true), (MAX_DESCRIPTION + 1, false)] {
        let described = describes(&mut town, ada, group, &"x".repeat(length));
        assert_eq!(described.is_ok(), fits, "{length}");
    }
    assert!(describes(&mut town, ada, group, "a\u{202e}b").is_err());
    town.settles();
    // Whoever may edit may do all of it, and no rules are theirs.
    allows(&mut town, ada, group, Deed::Edit, Policy::Everyone);
    describes(&mut town, bo, group, "everybody's").unwrap();
    town.settles();
    assert_eq!(town.does(bo, allow(group)), refused);
    assert_eq!(town.shows(ada, group).description, "everybody's");
    town.agree(&[ada, bo], group);
}

#[test]
fn where_admins_speak_the_others_read_and_react() {
    let mut town = Town::new(44);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "news", &[bo, cy]);
    town.says(bo, group, "before");
    town.settles();
    let before = town.timeline(bo, group).pop().unwrap().id.unwrap();
    // Bo has written something, and cannot know.
    town.goes_offline(bo);
    let Ok(Answer::Message(late)) = sends(&mut town, bo, group, "too late") else {
        panic!("not taken");
    };
    allows(&mut town, ada, group, Deed::Post, Policy::Admins);
    town.says(ada, group, "the news");
    town.settles();
    town.comes_back(bo);
    let failed = Event::SendFailed(group, late, Failure::NotAllowed);
    assert!(town.events(bo).contains(&failed), "{:?}", town.events(bo));
    let timeline = town.timeline(bo, group);
    let entry = timeline
        .iter()
        .find(|entry| entry.id == Some(late))
        .unwrap();
    assert_eq!(entry.state, State::Failed);
    for who in [ada, cy] {
        let texts = town.reads(who, group);
        assert!(!texts.iter().any(|text| text.contains("late")), "{texts:?}");
    }
    let refused = Err(Complaint::NotAllowed);
    assert_eq!(sends(&mut town, bo, group, "words"), refused);
    let edit = Command::Edit {
        conversation: group,
        message: before,
        text: "words".to_owned(),
    };
    assert_eq!(town.does(bo, edit), refused);
    let news = town.timeline(cy, group).pop().unwrap();
    assert_eq!(news.what, What::Text("the news".to_owned()));
    let pin = Command::Pin {
        conversation: group,
        message: news.id.unwrap(),
        pinned: true,
    };
    assert_eq!(town.does(cy, pin), refused);
    // What is theirs they take back, and they react.
    let back = Command::TakeBack {
        conversation: group,
        message: before,
    };
    town.does(bo, back).unwrap();
    let react = Command::React {
        conversation: group,
        message: news.id.unwrap(),
        emoji: Some("👍".to_owned()),
    };
    town.does(cy, react).unwrap();
    town.settles();
    let timeline = town.timeline(ada, group);
    let entry = timeline.iter().find(|entry| entry.id == news.id).unwrap();
    assert_eq!(entry.reactions.len(), 1);
    let entry = timeline.iter().find(|entry| entry.id == Some(before));
    assert!(matches!(entry.unwrap().what, What::TakenBack { .. }));
    town.promotes(ada, group, bo, Role::Admin);
    town.settles();
    town.says(bo, group, "from an admin");
    town.settles();
    let last = town.timeline(cy, group).pop().unwrap();
    assert_eq!(last.what, What::Text("from an admin".to_owned()));
    town.agree(&[ada, bo, cy], group);
}

#[test]
fn nobody_hears_a_member_who_speaks_where_admins_do() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let group = scene.group;
    allows(&mut scene.town, ada, group, Deed::Post, Policy::Admins);
    let mallory = scene.people[2];
    scene.town.comes_back(mallory);
    scene.town.goes_offline(mallory);
    scene.mallory = town::copied::Copied::of(&scene.town.people[mallory.0]);
    let shown = |town: &Town, who| {
        (
            town.timeline(who, group).len(),
            town.shows(who, group).unread,
        )
    };
    let before = [ada, bo].map(|who| shown(&scene.town, who));
    scene.says(Saying::Text {
        text: "buy gold",
        in_reply_to: None,
    });
    scene.says(Saying::Forwarded("buy more"));
    assert_eq!([ada, bo].map(|who| shown(&scene.town, who)), before);
}

fn picture(length: usize, of: u8) -> Vec<u8> {
    let mut bytes = vec![of; length];
    bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    bytes
}

fn pictures(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    picture: Option<Vec<u8>>,
) -> Result<Answer, Complaint> {
    let command = Command::SetGroupPicture {
        conversation,
        picture,
    };
    let answer = town.does(who, command);
    town.settles();
    answer
}

fn seen(town: &Town, who: Who, group: ConversationId) -> Option<Vec<u8>> {
    let picture = town.people[who.0].engine.group_picture(group).unwrap();
    picture.map(|picture| picture.as_bytes().to_vec())
}

#[test]
fn a_group_has_a_picture_also_for_who_was_away_and_who_comes_later() {
    let mut town = Town::on_disk(43);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let tablet = town.links(bo, &Suite::ALL);
    assert_eq!(seen(&town, bo, group), None);
    town.goes_offline(tablet);
    let rock = picture(MAX_GROUP_PICTURE, 1);
    pictures(&mut town, ada, group, Some(rock.clone())).unwrap();
    town.comes_back(tablet);
    town.adds(ada, group, &[cy]);
    town.settles();
    town.people[ada.0].restarts();
    for who in [ada, bo, tablet, cy] {
        assert!(seen(&town, who, group).as_ref() == Some(&rock), "{who:?}");
    }
    pictures(&mut town, ada, group, None).unwrap();
    for who in [ada, bo, tablet, cy] {
        assert_eq!(seen(&town, who, group), None, "{who:?}");
    }
    let lines = [What::Pictured(true), What::Pictured(false)];
    for who in [ada, bo, tablet] {
        let timeline = town.timeline(who, group).into_iter();
        let told = timeline
            .map(|entry| entry.what)
            .filter(|what| lines.contains(what));
        assert!(told.eq(lines.clone()), "{who:?}");
    }
    town.agree(&[ada, bo, tablet, cy], group);
}

#[test]
fn a_groups_picture_is_for_whom_its_rules_let_and_of_a_size() {
    let mut town = Town::new(44);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    let talk = town.meets(ada, bo);
    town.settles();
    let small = || Some(picture(40, 2));
    assert_eq!(
        pictures(&mut town, bo, group, small()),
        Err(Complaint::NotAllowed)
    );
    assert_eq!(
        pictures(&mut town, ada, talk, small()),
        Err(Complaint::GroupsOnly)
    );
    let refused = Err(Complaint::GroupPicture(MAX_GROUP_PICTURE));
    let large = Some(picture(MAX_GROUP_PICTURE + 1, 2));
    assert_eq!(pictures(&mut town, ada, group, large), refused);
    let drawn = Some(b"<svg onload=x>".to_vec());
    assert_eq!(pictures(&mut town, ada, group, drawn), refused);
    assert_eq!(seen(&town, bo, group), None);
    allows(&mut town, ada, group, Deed::Edit, Policy::Everyone);
    pictures(&mut town, bo, group, small()).unwrap();
    assert!(seen(&town, ada, group) == small());
}
