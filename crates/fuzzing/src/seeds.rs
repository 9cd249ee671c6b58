//! Where fuzzing begins: right input of every kind. `cargo run -p keyfold-fuzzing --example seeds` writes it to `fuzz/seeds`.

use keyfold_protocol::content::{
    self, Attachment, Author, Card, Choice, ContentId, Expires, Location, Media, Picture, Poll,
    Preview, Profile, Saying,
};
use keyfold_protocol::file::FileKey;
use keyfold_protocol::identity::{DeviceToken, LinkRequest, RecoveryKey};
use keyfold_protocol::invitation::{Invitation, JoinRequest, LinkSecret};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::padding;
use keyfold_protocol::signal::{Cursors, Says, Signal};
use keyfold_protocol::state::{ConversationState, Description, Name, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::file::FileId;
use keyfold_wire::ids::{AccountId, ConversationHandle};
use keyfold_wire::{Message as _, v1};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::agreed::{CONVERSATION, GROUP};
use crate::club;
use crate::identity::numbers;
use crate::papers::{NOW, Papers};

mod frames;

/// One file to begin with.
pub struct Seed {
    /// Of which target.
    pub target: &'static str,
    /// What it is.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

fn seed(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed {
        target,
        name: name.into(),
        bytes: bytes.into(),
    }
}

/// Lengths of random input for targets that read a script out of it, and how many of each.
const SCRIPTS: [(usize, usize); 4] = [(64, 3), (256, 3), (1_024, 3), (3_000, 2)];

/// All of them.
pub fn seeds() -> Vec<Seed> {
    let mut all = frames::to_server();
    all.extend(frames::to_device());
    all.extend(papers());
    all.extend(texts());
    all.extend(agreed());
    all.extend(sealed());
    all.extend(links());
    let mut rng = StdRng::seed_from_u64(7);
    for target in [
        "group_message",
        "invitation",
        "engine_sequence",
        "server_sequence",
    ] {
        for (length, count) in SCRIPTS {
            for number in 0..count {
                let mut bytes = vec![0; length];
                rng.fill(bytes.as_mut_slice());
                all.push(seed(target, format!("script-{length}-{number}"), bytes));
            }
        }
    }
    all
}

/// A byte that says how to read the rest, and the rest.
fn mode(mode: u8, rest: &[u8]) -> Vec<u8> {
    [&[mode], rest].concat()
}

fn papers() -> Vec<Seed> {
    let ada = Papers::adas();
    let signed = v1::DeviceCertificate::decode(ada.certificate.as_slice()).unwrap();
    let registration = ada.registration().encode_to_vec();
    let mut rng = StdRng::seed_from_u64(3);
    let token = DeviceToken::generate(&mut rng);
    let link = LinkRequest::encode(&ada.keys, &Suite::ALL, &token);
    let (packages, ..) = club::samples();
    let recovery = RecoveryKey::generate(&mut rng).to_secret_text().to_string();
    vec![
        seed("certificate", "whole", mode(0, &ada.certificate)),
        seed("certificate", "body", mode(1, &signed.body)),
        seed("registration", "whole", mode(0, &registration)),
        seed("registration", "to-be-signed", mode(1, &registration)),
        seed("link_request", "both-suites", link),
        seed("key_package", "once", packages[0].clone()),
        seed("key_package", "last-resort", packages[1].clone()),
        seed("recovery_key", "hyphens", recovery.replace(' ', "-")),
        seed("recovery_key", "as-shown", recovery),
        seed("safety_number", "theirs", numbers().1.qr()),
        seed("safety_number", "ours", numbers().0.qr()),
    ]
}

fn texts() -> Vec<Seed> {
    let many = [
        ("handle", "latin", "Ada.Lovelace"),
        ("handle", "greek", "ΕΛΕΝΗ-μαρία"),
        ("handle", "final-sigma", "ΟΔΟΣ"),
        ("handle", "marks", "jo\u{308}rg_3"),
        ("handle", "wide", "ＡＤＡ"),
        ("handle", "hindi", "हिन्दी"),
        (
            "ids",
            "account",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        ),
        ("ids", "device", "00112233445566778899AABBCCDDEEFF"),
        (
            "ids",
            "content",
            "01112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        ),
        (
            "forwarded",
            "hops",
            "203.0.113.9\n198.51.100.7, [2001:db8::1]:443",
        ),
        ("server_url", "name", "https://chat.example.org:8443/"),
        ("server_url", "six", "http://[::1]:4000"),
        ("server_url", "local", "http://localhost"),
        ("name", "climbing", "Climbing 🧗 am Dienstag"),
        (
            "shown_text",
            "escapes",
            "a\u{1b}[2J\u{9b}31m\u{202e}txet\r\nb\tc",
        ),
        ("shown_text", "families", "👩‍👩‍👧 שלום"),
    ];
    let mut all: Vec<Seed> = many
        .map(|(target, name, text)| seed(target, name, text))
        .into();
    let frames = [
        &[3_u8, 0x82, 0x85, 1, 2, 3, 4, 9, 9, 9, 9, 9][..],
        &[0x89, 0],
        &[0x02, 0xfe, 0, 200],
    ];
    all.push(seed("frame_boundary", "three", frames.concat()));
    all
}

fn agreed() -> Vec<Seed> {
    let ada = Papers::adas();
    let (leaf, mut rng) = (ada.leaf(), StdRng::seed_from_u64(4));
    let handle = ConversationHandle::new([2; 32]);
    let name = Name::new("climbing").unwrap();
    let mut group = ConversationState::group(CONVERSATION, handle, name, ada.account.account());
    group.set_role(AccountId::new([3; 32]), Role::Admin);
    let other = AccountId::new([9; 32]);
    let direct = ConversationState::direct(CONVERSATION, handle, ada.account.account(), other);
    let proof = LeaveProof::make(&ada.keys, GROUP, &leaf);
    let author = Author::new(&leaf, CONVERSATION);
    let text = content::text(&author, 3, "meet at six", &mut rng).unwrap();
    let leaving = content::leaving(&author, 4, &proof, &mut rng);
    let of = text.id;
    let gone = Saying::Text {
        text: "gone soon",
        in_reply_to: None,
    };
    let expires = Some(Expires::AfterReading(60));
    let expiring = content::write_expiring(&author, 6, gone, expires, &mut rng).unwrap();
    let profile = Profile {
        version: 1_800_000_000_000,
        name: Name::new("Ada").unwrap(),
        about: Description::new("on the mountain").unwrap(),
        picture: Some(Picture::new(vec![0xff, 0xd8, 0xff, 0xe0]).unwrap()),
    };
    let mut about = |saying| {
        content::write(&author, 5, saying, &mut rng)
            .unwrap()
            .encoded
    };
    let mut seeds = vec![
        seed("state", "group", group.encode()),
        seed("state", "direct", direct.unwrap().encode()),
        seed("leave_proofs", "one", LeaveProof::encode_list(&[proof])),
        seed(
            "leave_proofs",
            "two",
            LeaveProof::encode_list(&[proof, proof]),
        ),
        seed(
            "content",
            "edit",
            about(Saying::Edit {
                of,
                text: "at seven",
                in_reply_to: Some(of),
            }),
        ),
        seed("content", "deletion", about(Saying::Deletion(of))),
        seed(
            "content",
            "reaction",
            about(Saying::Reaction {
                to: of,
                emoji: "🧗",
                replaces: Some(of),
            }),
        ),
        seed("content", "profile", about(Saying::Profile(&profile))),
        seed("content", "pin", about(Saying::Pin { of, pinned: true })),
        seed("content", "forwarded", about(Saying::Forwarded("six"))),
        seed("content", "text", text.encoded),
        seed("content", "leaving", leaving.encoded),
        seed("content", "expiring", expiring.encoded),
    ];
    seeds.extend(own_kinds(&author, of, &mut rng));
    seeds
}

/// Messages of Keyfold's own media types.
fn own_kinds(author: &Author, of: ContentId, rng: &mut StdRng) -> Vec<Seed> {
    let poll = Poll {
        question: "Where?".to_owned(),
        options: vec!["the wall".to_owned(), "the rock".to_owned()],
        choice: Choice::Several,
    };
    let place = Location {
        latitude: 525_162_746,
        longitude: -133_777_041,
        accuracy: Some(20),
        label: Name::new("the gate").unwrap(),
    };
    let card = Card {
        account: author.account,
        handle: "ada".to_owned(),
        name: Name::new("Ada").unwrap(),
    };
    let once = Attachment {
        id: FileId::new([0xf1; 32]),
        key: FileKey::new([0x4b; 32], [0x6e; 7]),
        hash: [0x68; 32],
        size: 300_000,
        media_type: "image/jpeg".to_owned(),
        name: None,
        expires: None,
        media: Media::default(),
    };
    let preview = Preview {
        url: "https://example.org".to_owned(),
        title: Name::new("The rock").unwrap(),
        description: Description::new("all of it").unwrap(),
        picture: Some(Picture::new(vec![0xff, 0xd8, 0xff, 0xe0]).unwrap()),
    };
    let mut about = |saying| content::write(author, 5, saying, rng).unwrap().encoded;
    vec![
        seed("content", "poll", about(Saying::Poll(&poll))),
        seed(
            "content",
            "vote",
            about(Saying::Vote {
                on: of,
                choices: &[0, 1],
            }),
        ),
        seed("content", "poll_end", about(Saying::PollEnd(of))),
        seed("content", "location", about(Saying::Location(&place))),
        seed("content", "card", about(Saying::Card(&card))),
        seed("content", "once", about(Saying::Once(&once))),
        seed(
            "content",
            "preview",
            about(Saying::Previewed {
                text: "https://example.org",
                preview: &preview,
            }),
        ),
    ]
}

fn links() -> Vec<Seed> {
    let (packages, ..) = club::samples();
    let secret = || LinkSecret::new([0x42; 32]);
    let link = Invitation {
        secret: secret(),
        maker: AccountId::new([1; 32]),
        addresses: vec![b"one".to_vec(), b"two".to_vec()],
        suite: Suite::Hybrid.number(),
        conversation: Some(CONVERSATION),
        title: Name::new("climbing").unwrap(),
    };
    let to_person = Invitation {
        conversation: None,
        secret: secret(),
        addresses: vec![vec![7; 56]],
        title: link.title.clone(),
        ..link
    };
    let keys = Papers::of("bo", 2).keys;
    let asked = JoinRequest::make(&secret(), [3; 16], packages[0].clone(), &keys);
    vec![
        seed("invitation_link", "group", link.fragment().as_bytes()),
        seed("invitation_link", "person", to_person.fragment().as_bytes()),
        seed("invitation_link", "encoded", link.encode()),
        seed("join_request", "whole", asked.encode()),
        seed(
            "join_request",
            "short",
            JoinRequest::new([1; 16], vec![2; 8], [3; 64]).encode(),
        ),
    ]
}

fn sealed() -> Vec<Seed> {
    let (_, welcome, split) = club::samples();
    let padded = padding::pad(b"an MLS message").unwrap();
    let secrets = &split.joiners[0].secrets;
    let length = u16::try_from(secrets.len()).unwrap().to_be_bytes();
    let parts = [length.as_slice(), secrets, &split.group_info].concat();
    let roster = [[0, 3].as_slice(), b"one", &[0, 3], b"two"].concat();
    let of = ContentId::from_bytes([1; 32]).unwrap();
    let cursors = Cursors {
        delivered: Some(of),
        read: None,
    };
    let said = |says| {
        let signal = Signal {
            device: Papers::adas().keys.device(),
            counter: 7,
            expires: NOW,
            says,
        };
        signal.encode()
    };
    vec![
        seed("envelope", "padded", padded.clone()),
        seed("padding", "padded", padded),
        seed("signal", "presence", said(Says::Presence(Some(NOW)))),
        seed("signal", "typing", said(Says::Typing(true))),
        seed("signal", "receipt", said(Says::Receipt(cursors))),
        seed("signal", "read-by", said(Says::ReadBy(of))),
        seed("welcome", "whole", welcome),
        seed("welcome", "parts", parts),
        seed("sealed_roster", "raw", mode(0, &[7; 80])),
        seed("sealed_roster", "two", mode(1, &roster)),
        seed("address", "any", vec![5; 26]),
    ]
}
