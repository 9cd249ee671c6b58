//! Places, contact cards and previews of links: shown as they were said, checked before they are used, and fetched by nobody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::command::LinkPreview;
use keyfold_engine::view::{CardCheck, CardEntry, Entry, LocationEntry, What};
use keyfold_engine::{Answer, Command, Complaint, Event, Place};
use keyfold_protocol::content::{Card, ContentId, Preview, Saying};
use keyfold_protocol::limits::{
    MAX_ACCURACY, MAX_LATITUDE, MAX_LONGITUDE, MAX_NAME, MAX_PREVIEW_PICTURE, MAX_PREVIEW_WORDS,
};
use keyfold_protocol::state::{Description, Name};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId};
use town::mallory::Hostile;
use town::{Town, Who};

fn last(town: &Town, who: Who, conversation: ConversationId) -> Entry {
    town.timeline(who, conversation).pop().unwrap()
}

fn says(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    place: Place,
) -> Result<Answer, Complaint> {
    let command = Command::SendLocation {
        conversation,
        place,
    };
    town.does(who, command)
}

fn location(entry: &Entry) -> &LocationEntry {
    match &entry.what {
        What::Location(location) => location,
        other => panic!("{other:?}"),
    }
}

fn card(entry: &Entry) -> &CardEntry {
    match &entry.what {
        What::Card(card) => card,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_is_shown_as_a_uri_disappears_and_is_forwarded() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let tablet = town.links(bo, &Suite::ALL);
    let (talk, other) = (town.meets(ada, bo), town.meets(bo, cy));
    let timer = Command::SetTimer {
        conversation: talk,
        timer: Some(60),
    };
    town.does(ada, timer).unwrap();
    town.settles();
    town.goes_offline(bo);
    let place = Place {
        latitude: 525_162_746,
        longitude: -133_777_041,
        accuracy: Some(20),
        label: " the gate ".to_owned(),
    };
    says(&mut town, ada, talk, place).unwrap();
    town.settles();
    town.comes_back(bo);
    town.settles();
    for who in [ada, bo, tablet] {
        let entry = last(&town, who, talk);
        let shown = location(&entry);
        assert_eq!(shown.uri, "geo:52.5162746,-13.3777041;u=20");
        assert_eq!(shown.label, "the gate");
        assert!(entry.expiry.is_some());
    }
    let found = town.people[bo.0].engine.search("gate", None, None, 10);
    assert_eq!(found.unwrap().unwrap().hits.len(), 1);
    let forward = Command::Forward {
        conversation: talk,
        message: last(&town, bo, talk).id.unwrap(),
        to: vec![other],
    };
    town.does(bo, forward).unwrap();
    town.settles();
    assert_eq!(location(&last(&town, cy, other)).label, "the gate");
    town.does(bo, Command::MarkRead { conversation: talk })
        .unwrap();
    town.passes(Duration::from_mins(3));
    assert!(!matches!(last(&town, bo, talk).what, What::Location(_)));
}

#[test]
fn a_place_is_on_earth() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let place = |latitude, longitude, accuracy| Place {
        latitude,
        longitude,
        accuracy,
        label: String::new(),
    };
    let (north, east) = (MAX_LATITUDE, MAX_LONGITUDE);
    for (one, fits) in [
        (place(north, east, Some(1)), true),
        (place(-north, -east, Some(MAX_ACCURACY)), true),
        (place(north + 1, 0, None), false),
        (place(-north - 1, 0, None), false),
        (place(0, east + 1, None), false),
        (place(0, i32::MIN, None), false),
        (place(0, 0, Some(0)), false),
        (place(0, 0, Some(MAX_ACCURACY + 1)), false),
    ] {
        let answer = says(&mut town, ada, talk, one);
        if fits {
            assert!(answer.is_ok());
        } else {
            assert_eq!(answer, Err(Complaint::Location(MAX_ACCURACY)));
        }
    }
    for (label, fits) in [
        ("l".repeat(MAX_NAME), true),
        ("l".repeat(MAX_NAME + 1), false),
        ("a\u{202e}b".to_owned(), false),
    ] {
        let named = Place {
            label,
            ..Place::default()
        };
        assert_eq!(says(&mut town, ada, talk, named).is_ok(), fits);
    }
}

fn looks_up(town: &mut Town, who: Who, handle: &str) {
    let handle = handle.to_owned();
    town.does(who, Command::LookUp { handle }).unwrap();
    town.settles();
}

fn sends_card(
    town: &mut Town,
    who: Who,
    talk: ConversationId,
    handle: &str,
) -> Result<Answer, Complaint> {
    let command = Command::SendContact {
        conversation: talk,
        handle: handle.to_owned(),
    };
    town.does(who, command)
}

fn uses(
    town: &mut Town,
    who: Who,
    conversation: ConversationId,
    message: ContentId,
) -> Result<Answer, Complaint> {
    let command = Command::UseCard {
        conversation,
        message,
    };
    town.does(who, command)
}

#[test]
fn a_contact_card_is_checked_with_the_directory_and_leads_to_a_conversation() {
    let mut town = Town::new(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    town.settles();
    let unknown = sends_card(&mut town, ada, talk, "Cy");
    assert_eq!(unknown, Err(Complaint::NotLookedUp("cy".to_owned())));
    looks_up(&mut town, ada, "cy");
    sends_card(&mut town, ada, talk, "Cy").unwrap();
    town.settles();
    let entry = last(&town, bo, talk);
    let shown = card(&entry);
    assert_eq!(
        (shown.handle.as_str(), shown.account),
        ("cy", town.me(cy).account)
    );
    assert_eq!(shown.check, CardCheck::NotYet, "bo has not asked");
    let id = entry.id.unwrap();
    assert_eq!(uses(&mut town, bo, talk, id), Ok(Answer::Taken));
    town.settles();
    let account = town.me(cy).account;
    assert!(town.events(bo).contains(&Event::Found(account)));
    assert_eq!(card(&last(&town, bo, talk)).check, CardCheck::Right);
    let Ok(Answer::Conversation(met)) = uses(&mut town, bo, talk, id) else {
        panic!("no conversation");
    };
    town.settles();
    town.says(bo, met, "ada says hello");
    town.settles();
    assert_eq!(town.reads(cy, met), ["ada says hello"]);
    assert_eq!(uses(&mut town, bo, talk, id), Ok(Answer::Conversation(met)));
    // One's own card can be sent, and is of no use to oneself.
    sends_card(&mut town, bo, talk, "bo").unwrap();
    town.settles();
    let own = last(&town, bo, talk).id.unwrap();
    assert_eq!(uses(&mut town, bo, talk, own), Err(Complaint::OwnCard));
    town.says(bo, talk, "words");
    town.settles();
    let words = last(&town, ada, talk).id.unwrap();
    assert_eq!(uses(&mut town, ada, talk, words), Err(Complaint::NoCard));
}

#[test]
fn a_card_that_lies_is_told_plainly_and_leads_nowhere() {
    let mut scene = Hostile::new();
    let [ada, bo, _] = scene.people;
    let group = scene.group;
    let lie = |account, handle: &str| Card {
        account,
        handle: handle.to_owned(),
        name: Name::new("Bo, really").unwrap(),
    };
    // Another account under a handle that ada knows, and under one that nobody has.
    looks_up(&mut scene.town, ada, "bo");
    let wrong = scene.says(Saying::Card(&lie(AccountId::new([9; 32]), "bo")));
    let entry = last(&scene.town, ada, group);
    assert_eq!(card(&entry).check, CardCheck::Wrong);
    let told = Err(Complaint::CardWrong("bo".to_owned()));
    assert_eq!(uses(&mut scene.town, ada, group, wrong), told);
    let nobody = scene.says(Saying::Card(&lie(scene.town.me(bo).account, "nobody")));
    assert_eq!(uses(&mut scene.town, ada, group, nobody), Ok(Answer::Taken));
    scene.town.settles();
    let told = Event::NotFound("nobody".to_owned());
    assert!(scene.town.events(ada).contains(&told));
    assert_eq!(
        card(&last(&scene.town, ada, group)).check,
        CardCheck::NotYet
    );
}

fn preview() -> LinkPreview {
    let mut picture = vec![0xff, 0xd8, 0xff];
    picture.resize(MAX_PREVIEW_PICTURE, 7);
    LinkPreview {
        url: "https://example.org/rock".to_owned(),
        title: "The rock".to_owned(),
        description: "Two lines\nof it".to_owned(),
        picture: Some(picture),
    }
}

fn previewed(conversation: ConversationId, text: &str, preview: LinkPreview) -> Command {
    Command::SendPreviewed {
        conversation,
        text: text.to_owned(),
        preview: Box::new(preview),
    }
}

const TEXT: &str = "look: https://example.org/rock";

#[test]
fn a_preview_is_shown_with_its_text_until_that_is_edited() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.settles();
    town.does(ada, previewed(talk, TEXT, preview())).unwrap();
    town.settles();
    for who in [ada, bo] {
        let entry = last(&town, who, talk);
        assert_eq!(entry.what, What::Text(TEXT.to_owned()));
        let shown = entry.preview.unwrap();
        assert_eq!(shown.title.as_str(), "The rock");
        assert_eq!(shown.description.as_str(), "Two lines\nof it");
        assert!(shown.picture.is_some());
    }
    assert_eq!(town.reads(bo, talk), [TEXT]);
    let edit = Command::Edit {
        conversation: talk,
        message: last(&town, ada, talk).id.unwrap(),
        text: "never mind".to_owned(),
    };
    town.does(ada, edit).unwrap();
    town.settles();
    assert_eq!(last(&town, bo, talk).preview, None);
}

type Bend = fn(&mut LinkPreview);

#[test]
fn a_preview_keeps_its_limits_and_is_of_a_link_in_the_text() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let bends: [(&str, Bend); 9] = [
        ("another link", |one| one.url.push('s')),
        ("a picture too large", |one| {
            one.picture.as_mut().unwrap().push(7);
        }),
        ("no picture", |one| one.picture = Some(b"GIF89a".to_vec())),
        ("no title", |one| one.title = " ".to_owned()),
        ("a long title", |one| one.title = "t".repeat(MAX_NAME + 1)),
        ("a direction", |one| one.title = "\u{202e}kcor".to_owned()),
        ("long words", |one| {
            one.description = "w".repeat(MAX_PREVIEW_WORDS + 1);
        }),
        ("a script", |one| one.url = "javascript:alert(1)".to_owned()),
        ("a mailbox", |one| {
            one.url = "mailto:bo@example.org".to_owned();
        }),
    ];
    for (what, bend) in bends {
        let mut bad = preview();
        bend(&mut bad);
        let text = format!("{TEXT} mailto:bo@example.org");
        let refused = town.does(ada, previewed(talk, &text, bad));
        assert_eq!(refused, Err(Complaint::Preview), "{what}");
    }
    let mut most = preview();
    most.title = "t".repeat(MAX_NAME);
    most.description = "w".repeat(MAX_PREVIEW_WORDS);
    let longest = format!(
        "{TEXT} {}",
        "w".repeat(keyfold_wire::limits::MAX_TEXT - TEXT.len() - 1)
    );
    town.does(ada, previewed(talk, &longest, most)).unwrap();
    town.settles();
    assert!(last(&town, bo, talk).preview.is_some());
}

#[test]
fn a_preview_of_a_link_that_the_text_does_not_have_is_not_shown() {
    let mut scene = Hostile::new();
    let bo = scene.people[1];
    let shown = Preview {
        url: "https://example.org/rock".to_owned(),
        title: Name::new("Your bank").unwrap(),
        description: Description::default(),
        picture: None,
    };
    // As long as the link, so that a message is made of one that can be written.
    let text = "go to https://example.org/rock";
    let mut rng = scene.town.rng.clone();
    let saying = Saying::Previewed {
        text,
        preview: &shown,
    };
    let made = keyfold_protocol::content::write(&scene.author, 2, saying, &mut rng).unwrap();
    let at = made
        .encoded
        .windows(4)
        .position(|four| four == b"rock")
        .unwrap();
    let mut other = made.encoded;
    other[at..at + 4].copy_from_slice(b"hill");
    scene.sends(&other);
    let entry = last(&scene.town, bo, scene.group);
    assert_eq!(
        entry.what,
        What::Text("go to https://example.org/hill".to_owned())
    );
    assert_eq!(entry.preview, None);
}
