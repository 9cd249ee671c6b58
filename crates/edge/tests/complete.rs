//! Nothing of the engine is missing at the edge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeSet;

use keyfold_edge::{Line, Method, Work, message};
use keyfold_engine::command::{LinkPreview, Mark, Starred};
use keyfold_engine::view::{Audience, Choice, Mute};
use keyfold_engine::{Command, Deed, InvitationId, JoinRequestId, OpenedId, Place};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Timestamp};

/// The reads of the engine, and the methods that give what they give.
const READS: &[(&str, &str)] = &[
    ("me", "me"),
    ("recovery_key", "recovery_key"),
    ("contact", "contact"),
    ("waiting", "waiting"),
    ("find", "find"),
    ("conversations", "conversations"),
    ("conversation", "conversation"),
    ("timeline", "timeline"),
    ("timeline_last", "timeline_last"),
    ("timeline_last_placed", "timeline_last"),
    ("find_messages", "find_messages"),
    ("message", "message"),
    ("list", "list"),
    ("pinned", "pinned"),
    ("search", "search"),
    ("starred", "starred"),
    ("uploads", "uploads"),
    ("profile", "profile"),
    ("group_picture", "group_picture"),
    ("blocked", "blocked"),
    ("privacy", "privacy"),
    ("read_by", "read_by"),
    ("voters", "voters"),
    ("invitations", "invitations"),
    ("opened", "opened"),
    ("asks_first", "asks_first"),
];

/// Hold a file's key, which does not cross.
const FOR_SHELLS: [&str; 2] = ["attachment", "once"];

/// One of each command, with every field filled in.
fn commands() -> Vec<Command> {
    let mut all = about_devices();
    all.extend(about_messages());
    all.extend(about_conversations());
    all.extend(about_rules());
    all.extend(about_order());
    all.extend(about_signals());
    all.extend(about_kinds());
    all.extend(about_links());
    all
}

fn about_kinds() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let message = ContentId::from_bytes([1; 32]).unwrap();
    let preview = LinkPreview {
        url: "https://example.org".to_owned(),
        title: "The rock".to_owned(),
        description: "all of it".to_owned(),
        picture: Some(vec![0xff, 0xd8, 0xff]),
    };
    let place = Place {
        latitude: 525_162_746,
        longitude: -133_777_041,
        accuracy: Some(20),
        label: "the gate".to_owned(),
    };
    let poll = |choice| Command::SendPoll {
        conversation,
        question: "Where?".to_owned(),
        options: vec!["the wall".to_owned(), "the rock".to_owned()],
        choice,
    };
    vec![
        Command::SendPreviewed {
            conversation,
            text: "https://example.org".to_owned(),
            preview: Box::new(preview),
        },
        poll(Choice::Single),
        poll(Choice::Several),
        Command::Vote {
            conversation,
            message,
            choices: vec![0, 11],
        },
        Command::EndPoll {
            conversation,
            message,
        },
        Command::SendLocation {
            conversation,
            place,
        },
        Command::SendContact {
            conversation,
            handle: "bo".to_owned(),
        },
        Command::UseCard {
            conversation,
            message,
        },
        Command::OpenOnce {
            conversation,
            message,
        },
    ]
}

fn about_devices() -> Vec<Command> {
    let suites = vec![Suite::Classic, Suite::Hybrid];
    let handle = "bo".to_owned();
    let device = DeviceId::new([9; 16]);
    vec![
        Command::Register {
            handle: handle.clone(),
            invitation: "come in".to_owned(),
            suites: suites.clone(),
        },
        Command::RecoveryKeyKept,
        Command::RequestLink { suites },
        Command::AddDevice {
            link_request: vec![0, 255, 16],
        },
        Command::AcceptLink {
            certificate: vec![1, 2],
        },
        Command::RemoveDevice { device },
        Command::LookUp { handle },
        Command::MarkVerified {
            account: AccountId::new([8; 32]),
        },
        Command::Block {
            account: AccountId::new([8; 32]),
        },
        Command::Unblock {
            account: AccountId::new([8; 32]),
        },
        Command::SetProfile {
            name: "Bo".to_owned(),
            about: "on the\nmountain".to_owned(),
            picture: Some(vec![0xff, 0xd8, 0xff]),
        },
    ]
}

fn about_signals() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let audiences = [
        Audience::Everyone,
        Audience::Chosen(vec![AccountId::new([8; 32])]),
        Audience::Nobody,
    ];
    let mut all: Vec<Command> = audiences
        .into_iter()
        .map(|presence| Command::SetPrivacy {
            presence,
            receipts: true,
            typing: false,
        })
        .collect();
    all.extend([
        Command::Foreground { active: true },
        Command::Typing {
            conversation,
            typing: true,
        },
        Command::AskReadBy {
            conversation,
            message: ContentId::from_bytes([1; 32]).unwrap(),
        },
    ]);
    all
}

fn about_links() -> Vec<Command> {
    let invite = |conversation, uses| Command::Invite {
        conversation,
        lasts: 86_400,
        uses,
        approval: true,
    };
    vec![
        invite(Some(ConversationId::new([7; 16])), Some(3)),
        invite(None, None),
        Command::RevokeInvitation {
            invitation: InvitationId(1),
        },
        Command::Approve {
            request: JoinRequestId(2),
        },
        Command::Refuse {
            request: JoinRequestId(3),
        },
        Command::OpenInvitation {
            fragment: "pgABAVgg".to_owned(),
        },
        Command::CancelOpened {
            opened: OpenedId(4),
        },
    ]
}

fn about_messages() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let message = ContentId::from_bytes([1; 32]).unwrap();
    let text = || "meet at six \u{202e} \"\n\u{0}".to_owned();
    vec![
        Command::Send {
            conversation,
            text: text(),
        },
        Command::Reply {
            conversation,
            to: message,
            text: text(),
        },
        Command::Edit {
            conversation,
            message,
            text: text(),
        },
        Command::TakeBack {
            conversation,
            message,
        },
        Command::React {
            conversation,
            message,
            emoji: Some("👍".to_owned()),
        },
        Command::MarkRead { conversation },
        Command::Pin {
            conversation,
            message,
            pinned: true,
        },
        Command::Forward {
            conversation,
            message,
            to: vec![conversation, ConversationId::new([6; 16])],
        },
    ]
}

fn about_conversations() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let people = vec!["bo".to_owned(), "cy".to_owned()];
    let name = "climbing".to_owned();
    vec![
        Command::Create {
            people: people.clone(),
            name: Some(name.clone()),
            suite: Some(Suite::Classic),
        },
        Command::Add {
            conversation,
            people: people.clone(),
        },
        Command::Remove {
            conversation,
            people,
        },
        Command::Leave { conversation },
        Command::Rename { conversation, name },
        Command::ChangeRole {
            conversation,
            account: AccountId::new([8; 32]),
            role: Role::Admin,
        },
        Command::Update { conversation },
    ]
}

fn about_rules() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let allow = |deed, policy| Command::Allow {
        conversation,
        deed,
        policy,
    };
    vec![
        Command::Describe {
            conversation,
            description: "on Tuesdays".to_owned(),
        },
        Command::SetGroupPicture {
            conversation,
            picture: Some(vec![0xff, 0xd8, 0xff]),
        },
        allow(Deed::Add, Policy::Everyone),
        allow(Deed::Post, Policy::Admins),
        allow(Deed::Edit, Policy::Everyone),
        Command::SetTimer {
            conversation,
            timer: Some(86_400),
        },
        Command::SetTimer {
            conversation,
            timer: None,
        },
        Command::Accept { conversation },
        Command::AskFirst { wanted: false },
        Command::Report {
            conversation,
            messages: vec![ContentId::from_bytes([1; 32]).unwrap()],
            about: "again and again".to_owned(),
        },
        Command::SendFleeting {
            conversation,
            text: "gone soon".to_owned(),
            lasts: 60,
        },
    ]
}

/// What a person keeps in order on one device.
fn about_order() -> Vec<Command> {
    let conversation = ConversationId::new([7; 16]);
    let messages = || {
        [1, 2]
            .map(|hash| ContentId::from_bytes([1, hash].repeat(16).try_into().unwrap()).unwrap())
            .to_vec()
    };
    let star = |starred| Command::Star {
        conversation,
        messages: messages(),
        starred,
    };
    let mut all = vec![
        Command::Hide {
            conversation,
            messages: messages(),
        },
        Command::Clear { conversation },
        Command::DeleteConversation { conversation },
        star(Starred::Yes),
        star(Starred::No),
    ];
    let marks = [
        Mark::Archived,
        Mark::Unarchived,
        Mark::Muted(Mute::Off),
        Mark::Muted(Mute::Until(Timestamp(1_767_225_600_000))),
        Mark::Muted(Mute::Always),
        Mark::Muted(Mute::ButMentions),
        Mark::Unread,
        Mark::Pinned(Some(3)),
        Mark::Pinned(None),
        Mark::Unpinned,
        Mark::Draft("Tea at".to_owned()),
    ];
    all.extend(marks.map(|mark| Command::Mark { conversation, mark }));
    all
}

#[test]
fn every_command_can_be_asked_for_and_arrives_as_it_was_meant() {
    let mut asked = BTreeSet::new();
    for command in commands() {
        let method = Method::of(command.clone()).unwrap();
        let (name, _) = method.written();
        asked.insert(name);
        let line = message::call(&message::Id::Text("one".to_owned()), &method);
        let Ok(Line::One(call)) = Line::read(line.as_bytes()) else {
            panic!("{line} is no call");
        };
        let method = call
            .method
            .unwrap_or_else(|error| panic!("{line}: {error:?}"));
        let Work::Command(arrived, _) = method.work() else {
            panic!("{name} is no command");
        };
        assert!(arrived == command, "{name} became another command");
    }
    let all: BTreeSet<_> = Method::COMMANDS.iter().copied().collect();
    assert_eq!(asked, all, "one of each is tried");
}

#[test]
fn every_read_of_the_engine_has_a_method() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/src/query");
    let mut reads = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let lines = source
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("pub fn "));
        reads.extend(lines.map(|rest| rest.split(['(', '<']).next().unwrap().to_owned()));
    }
    let known = READS.iter().map(|(read, _)| *read);
    let known: BTreeSet<_> = known.chain(FOR_SHELLS).map(str::to_owned).collect();
    assert_eq!(
        reads, known,
        "a read of the engine has no method, or is gone"
    );
    for (_, method) in READS {
        assert!(Method::READS.contains(method), "{method} is no read");
    }
}

#[test]
fn no_two_methods_have_one_name() {
    let all = [Method::COMMANDS, Method::READS, Method::SHELL].concat();
    let names: BTreeSet<_> = all.iter().collect();
    assert_eq!(names.len(), all.len());
}
