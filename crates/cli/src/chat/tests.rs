//! The chat screen as people see it, drawn on a terminal in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use keyfold_client::{Link, Notice, SocketEnd};
use keyfold_engine::view::{
    Contact, Conversation, Entry, Expiry, Marks, Me, Member, Quote, Reacted, Receipt, Standing,
    State, What,
};
use keyfold_protocol::content::{Block, ContentId, Text, TextFormat, mention};
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Epoch, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::action::{Act, Wish, understand};
use super::model::Model;
use super::screen::draw;
use crate::words::Reader;

const MINUTE: u64 = 60_000;
/// 2026-11-23 22:55:04 UTC.
const NOW: Timestamp = Timestamp(1_795_474_504_120);

fn contact(handle: &str) -> Contact {
    let byte = handle.as_bytes()[0];
    Contact {
        account: AccountId::new([byte; 32]),
        handle: handle.to_owned(),
        confirmed: true,
        verified: false,
        account_key: [byte; 32],
        name: None,
        blocked: false,
    }
}

fn member(handle: &str) -> Member {
    Member {
        contact: contact(handle),
        role: Role::Member,
        devices: 1,
        me: handle == "ada",
    }
}

fn entry(position: i64, minutes_ago: u64, from: &str, what: What, state: State) -> Entry {
    let blocks = match &what {
        What::Text(text) => Text {
            text: text.clone(),
            format: TextFormat::Markdown,
            preview: None,
        }
        .blocks(),
        _ => Vec::new(),
    };
    let mut id = [1; 32];
    id[1] = u8::try_from(position % 256).unwrap();
    Entry {
        position,
        id: matches!(what, What::Text(_)).then(|| ContentId::from_bytes(id).unwrap()),
        from: Some(contact(from)),
        mine: from == "ada",
        at: Timestamp(NOW.0 - minutes_ago * MINUTE),
        what,
        state,
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        starred: false,
        receipt: Receipt::None,
        blocks,
        mentions_me: false,
        forwarded: false,
        pinned: false,
        expiry: None,
        preview: None,
    }
}

/// A text of these blocks.
pub(crate) fn formatted(blocks: Vec<Block>) -> Entry {
    Entry {
        blocks,
        ..entry(1, 0, "bo", What::Text(String::new()), State::Received)
    }
}

fn said(position: i64, minutes_ago: u64, from: &str, text: &str) -> Entry {
    let state = if from == "ada" {
        State::Sent
    } else {
        State::Received
    };
    let what = What::Text(text.to_owned());
    entry(position, minutes_ago, from, what, state)
}

fn model(entries: Vec<Entry>) -> Model {
    let id = ConversationId::new([7; 16]);
    let mut model = Model::new(id);
    let me = contact("ada");
    let me = Me {
        handle: me.handle,
        account: me.account,
        device: DeviceId::new([1; 16]),
        registered: true,
        primary: true,
        account_key: me.account_key,
    };
    let view = Conversation {
        id,
        name: "climbing".to_owned(),
        direct: false,
        standing: Standing::Active,
        members: ["ada", "bo", "cy"].map(member).to_vec(),
        epoch: Epoch(3),
        suite: Suite::Hybrid,
        unread: 0,
        description: String::new(),
        timer: None,
        may_add: Policy::Admins,
        may_post: Policy::Everyone,
        may_edit: Policy::Admins,
        last: None,
        marks: Marks::default(),
        last_active: None,
        typing: Vec::new(),
        request: None,
    };
    model.show(Some(view), entries, 0, Some(me));
    model.link = Link::Online { caught_up: true };
    model.reader = Reader {
        zone: TimeZone::UTC,
        now: NOW,
    };
    model
}

fn screen(model: &mut Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model)).unwrap();
    terminal.backend().to_string()
}

fn press(model: &mut Model, code: KeyCode, modifiers: KeyModifiers) -> Wish {
    understand(model, Event::Key(KeyEvent::new(code, modifiers)))
}

fn types(model: &mut Model, text: &str) -> Wish {
    for c in text.chars() {
        press(model, KeyCode::Char(c), KeyModifiers::NONE);
    }
    press(model, KeyCode::Enter, KeyModifiers::NONE)
}

fn a_day() -> Vec<Entry> {
    vec![
        entry(1, 26 * 60, "ada", What::Began, State::Received),
        said(2, 26 * 60, "ada", "Hi! Friday at six?"),
        said(3, 25 * 60, "bo", "Yes, see you there"),
        entry(
            4,
            50,
            "bo",
            What::Added(vec![contact("cy")]),
            State::Received,
        ),
        said(
            5,
            41,
            "cy",
            "Hello! I bring the long rope, the short one and everything else that we could possibly need up there.",
        ),
        said(6, 41, "cy", "你好 👩‍👩‍👧\nsecond line"),
        said(7, 2, "ada", "Great"),
        entry(
            9,
            1,
            "ada",
            What::Text("On my way".to_owned()),
            State::Waiting,
        ),
    ]
}

#[test]
fn a_conversation() {
    assert_snapshot!(screen(&mut model(a_day()), 64, 20));
}

/// What is formatted, forwarded, pinned.
#[test]
fn formatted_texts() {
    let account = contact("ada").account;
    let hello = mention(&account, "ada");
    let plan = format!(
        "{hello}, the plan for **Friday**:\n\n1. meet at *six*, ~~seven~~\n2. bring `rope`\n\n> as last time\n\n\
         [the map](https://maps.example.org/climbing/hall) and https://example.org"
    );
    let mut forwarded = said(
        2,
        4,
        "cy",
        "the hall is closed on **Saturday**, says the one who has the key to it",
    );
    forwarded.forwarded = true;
    let mut pinned = said(3, 3, "ada", "```\nalias up='climb --fast'\n```");
    pinned.pinned = true;
    let mut model = model(vec![said(1, 5, "bo", &plan), forwarded, pinned]);
    assert_snapshot!(screen(&mut model, 60, 24));
}

/// Answers, an edit, a message that was taken back, reactions.
fn an_afternoon() -> Vec<Entry> {
    let mut first = said(
        1,
        41,
        "bo",
        "Meet at six by the station, and bring the long rope",
    );
    first.edited = true;
    let reacted = |from: &str, emoji: &str| Reacted {
        from: contact(from),
        emoji: emoji.to_owned(),
        mine: from == "ada",
    };
    first.reactions = vec![reacted("cy", "👍🏽"), reacted("ada", "🧗")];
    let taken_back = |by: &str| What::TakenBack {
        by: Some(contact(by)),
        mine: by == "ada",
    };
    let quote = |entry: &Entry, text: Option<&str>| Quote {
        id: entry.id.unwrap(),
        from: entry.from.clone(),
        mine: entry.mine,
        text: text.map(str::to_owned),
    };
    let mut answer = said(2, 30, "ada", "I will be there");
    answer.reply_to = Some(quote(
        &first,
        Some("Meet at six by the station, and bring the long rope"),
    ));
    let gone = entry(3, 20, "cy", taken_back("cy"), State::Received);
    let moderated = entry(4, 19, "cy", taken_back("ada"), State::Received);
    let mut last = said(5, 2, "cy", "Me too\nwith the rope");
    last.reply_to = Some(quote(&answer, None));
    vec![first, answer, gone, moderated, last]
}

#[test]
fn answers_edits_and_reactions() {
    assert_snapshot!(screen(&mut model(an_afternoon()), 64, 14));
    assert_snapshot!(screen(&mut model(an_afternoon()), 30, 20));
}

#[test]
fn what_disappears_says_when() {
    let text = |position: i64, from: &str, text: &str, lasts, left: Option<u64>| {
        let mut entry = said(position, 3, from, text);
        let at = left.map(|left| Timestamp(NOW.0 + left * MINUTE));
        entry.expiry = Some(Expiry { lasts, at });
        entry
    };
    let mut edited = text(4, "bo", "Edited and gone soon", Some(600), Some(7));
    edited.edited = true;
    let entries = vec![
        entry(1, 5, "bo", What::Timed(Some(600)), State::Received),
        text(2, "ada", "On its way out", Some(600), Some(26 * 60)),
        text(3, "bo", "Not read", Some(86_400), None),
        edited,
        text(5, "bo", "Until a time", None, Some(0)),
    ];
    assert_snapshot!(screen(&mut model(entries), 72, 14));
}

#[test]
fn offline_with_unread_messages_and_others_elsewhere() {
    let mut model = model(a_day());
    model.view.as_mut().unwrap().unread = 2;
    model.opened();
    model.elsewhere = 3;
    model.link = Link::Offline {
        why: SocketEnd::Unreachable("connection refused".to_owned()),
    };
    model
        .prompt
        .insert("a prompt that is longer than the screen is wide goes on in the next row");
    assert_snapshot!(screen(&mut model, 64, 20));
}

#[test]
fn a_narrow_terminal() {
    assert_snapshot!(screen(&mut model(a_day()), 30, 18));
}

#[test]
fn a_tiny_terminal_does_not_break() {
    for (width, height) in [(1, 1), (2, 5), (5, 2), (10, 4)] {
        let mut model = model(a_day());
        model.sheet = Some(vec!["a sheet".to_owned()]);
        model.prompt.insert("hello");
        screen(&mut model, width, height);
    }
}

#[test]
fn a_safety_number() {
    let mut model = model(a_day());
    types(&mut model, "/verify bo");
    assert_snapshot!(screen(&mut model, 64, 20));
}

#[test]
fn looking_back_stays_where_it_is_while_new_ones_come() {
    let talk = |count: i64| {
        (1..=count)
            .map(|n| said(n, 5, "bo", &format!("message {n}")))
            .collect::<Vec<_>>()
    };
    let mut model = model(talk(50));
    screen(&mut model, 40, 12);
    press(&mut model, KeyCode::PageUp, KeyModifiers::NONE);
    press(&mut model, KeyCode::PageUp, KeyModifiers::NONE);
    let before = screen(&mut model, 40, 12);
    model.heard(&Notice::Event(keyfold_engine::Event::Arrived(
        model.conversation,
        ContentId::from_bytes([1; 32]).unwrap(),
    )));
    model.entries = talk(51);
    let after = screen(&mut model, 40, 12);
    let timeline = |screen: &str| {
        screen
            .lines()
            .skip(2)
            .take(8)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(timeline(&before), timeline(&after));
    assert!(after.contains("1 new"), "{after}");
    press(&mut model, KeyCode::End, KeyModifiers::CONTROL);
    assert!(screen(&mut model, 40, 12).contains("message 51"));
}

#[test]
fn at_the_top_older_entries_are_asked_for() {
    let mut model = model((1..=200).map(|n| said(n, 5, "bo", "hello")).collect());
    screen(&mut model, 40, 12);
    assert!(matches!(
        press(&mut model, KeyCode::Home, KeyModifiers::CONTROL),
        Wish::More
    ));
    assert_eq!(model.limit, 400);
    assert!(
        matches!(
            press(&mut model, KeyCode::PageUp, KeyModifiers::NONE),
            Wish::Nothing
        ),
        "all is loaded"
    );
}

#[test]
fn what_is_typed_is_said_and_commands_are_carried_out() {
    let mut model = model(a_day());
    assert!(matches!(types(&mut model, "hello"), Wish::Do(Act::Say(text)) if text == "hello"));
    assert!(
        matches!(types(&mut model, "//dev/null"), Wish::Do(Act::Say(text)) if text == "/dev/null")
    );
    assert!(matches!(types(&mut model, "   "), Wish::Nothing));
    assert!(
        matches!(types(&mut model, "/add bo cy"), Wish::Do(Act::Add(people)) if people == ["bo", "cy"])
    );
    assert!(
        matches!(types(&mut model, "/remove bo"), Wish::Do(Act::Remove(people)) if people == ["bo"])
    );
    assert!(matches!(types(&mut model, "/leave"), Wish::Do(Act::Leave)));
    assert!(matches!(
        types(&mut model, "/accept"),
        Wish::Do(Act::Accept)
    ));
    assert!(
        matches!(types(&mut model, "/mark bo"), Wish::Do(Act::Mark(account)) if account == contact("bo").account)
    );
    assert!(matches!(types(&mut model, "/quit"), Wish::Quit));
    assert!(matches!(types(&mut model, "/dance"), Wish::Nothing));
    assert!(model.hint.as_deref().unwrap().contains("/help"));
    assert!(matches!(
        press(&mut model, KeyCode::Char('c'), KeyModifiers::CONTROL),
        Wish::Quit
    ));
}

#[test]
fn nothing_hostile_is_drawn() {
    let mut model = model(vec![said(1, 1, "bo", "a\x1b[2Jb\u{9b}c\u{202e}d")]);
    model.view.as_mut().unwrap().name = "x\x1b]0;owned\x07\u{202e}".to_owned();
    let drawn = screen(&mut model, 60, 8);
    assert!(drawn.contains("owned"));
    assert!(
        !drawn
            .chars()
            .any(|c| c != '\n' && crate::clean::is_unsafe(c)),
        "{drawn:?}"
    );
}
