//! `state.json`: what a conversation agrees on, in its one encoding.

use keyfold_protocol::limits::MAX_TIMER;
use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::state::{
    ConversationState, Description, Errand, Kind, Name, Origin, Place, Policy, Role,
};
use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId, Epoch};
use serde::{Deserialize, Serialize};

use crate::cbor::{array, bytes, map, text, uint};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct States {
    valid: Vec<Valid>,
    later_entries: Vec<Later>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    id: Hex,
    kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Hex>,
    name: String,
    handle: Hex,
    roles: Vec<(Hex, String)>,
    who_may_add: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who_may_post: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who_may_edit: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<Hex>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timer: Option<u32>,
    moves: u64,
    /// Where it has moved: the handle of the group before, and in which epoch that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved_from: Option<(Hex, u64)>,
    /// Errands: what it is, and the key package or the account ids that it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errand: Option<(String, Hex)>,
    encoded: Hex,
}

/// Entries of a later version are kept byte for byte: read and written, it is the same.
#[derive(Serialize, Deserialize)]
struct Later {
    why: String,
    encoded: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    encoded: Hex,
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

const ID: [u8; 16] = [0xcc; 16];
const HANDLE: [u8; 32] = [0x4a; 32];

impl Topic for States {
    fn generate() -> Self {
        Self {
            valid: states().iter().map(valid).collect(),
            later_entries: later(),
            refused: [encodings(), fields(), errands(), sizes()].concat(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let state = one.state();
            assert_eq!(state.encode(), *one.encoded);
            assert_eq!(ConversationState::decode(&one.encoded), Ok(state));
        }
        for one in &self.later_entries {
            let state = ConversationState::decode(&one.encoded).expect(&one.why);
            assert_eq!(state.encode(), *one.encoded, "{}", one.why);
        }
        for one in &self.refused {
            refused(
                &one.why,
                ConversationState::decode(&one.encoded),
                &one.error,
            );
        }
    }
}

/// A place: the move counter, big-endian, and the handle.
fn written(place: &Place) -> Vec<u8> {
    [
        &place.moves.to_be_bytes(),
        place.handle.as_bytes().as_slice(),
    ]
    .concat()
}

/// A place, and what is behind it.
fn read(bytes: &[u8]) -> (Place, Vec<u8>) {
    let (moves, rest) = bytes.split_at(8);
    let (handle, rest) = rest.split_at(32);
    let place = Place {
        moves: u64::from_be_bytes(moves.try_into().unwrap()),
        handle: ConversationHandle::new(handle.try_into().unwrap()),
    };
    (place, rest.to_vec())
}

fn account(number: u8) -> AccountId {
    AccountId::new([number; 32])
}

fn states() -> [ConversationState; 10] {
    let (id, handle) = (ConversationId::new(ID), ConversationHandle::new(HANDLE));
    let direct = ConversationState::direct(id, handle, account(2), account(1)).unwrap();
    let group = ConversationState::group(id, handle, Name::new("climbing ⛰").unwrap(), account(7));
    let mut later = ConversationState::group(id, handle, Name::default(), account(9));
    later.set_role(account(1), Role::Admin);
    later.set_role(account(5), Role::Admin);
    later.add_policy = Policy::Everyone;
    later.moves = 300;
    later.moved_from = Some(Origin {
        handle: ConversationHandle::new([0x4b; 32]),
        epoch: Epoch(70_000),
    });
    let mut timed = direct.clone();
    timed.timer = Some(7 * 24 * 60 * 60);
    let mut ruled = group.clone();
    ruled.description = Description::new("Tuesdays at six.\nBring a rope.").unwrap();
    ruled.picture = Some(GroupPicture::new(vec![0xff, 0xd8, 0xff, 0xe0]).unwrap());
    ruled.post_policy = Policy::Admins;
    ruled.edit_policy = Policy::Everyone;
    ruled.timer = Some(MAX_TIMER);
    let place = Place { moves: 2, handle };
    let [let_me_in, not_a_member, not_followed, ask_these, stands_at] = [
        Errand::LetMeIn(b"an encoded key package".to_vec()),
        Errand::NotAMember,
        Errand::NotFollowed(place),
        Errand::AskThese(vec![account(3), account(4)]),
        Errand::StandsAt(place, b"an encoded key package".to_vec()),
    ]
    .map(|errand| ConversationState::errand(id, handle, errand));
    [
        direct,
        group,
        later,
        timed,
        ruled,
        let_me_in,
        not_a_member,
        not_followed,
        ask_these,
        stands_at,
    ]
}

fn policy(policy: Policy) -> String {
    format!("{policy:?}").to_lowercase()
}

fn who(policy: &str) -> Policy {
    match policy {
        "admins" => Policy::Admins,
        "everyone" => Policy::Everyone,
        other => panic!("who is {other}?"),
    }
}

fn valid(state: &ConversationState) -> Valid {
    let (kind, accounts) = match state.kind {
        Kind::Direct(both) => ("direct", both.map(|one| one.as_bytes().into()).into()),
        Kind::Group => ("group", Vec::new()),
        Kind::Errand => ("errand", Vec::new()),
    };
    Valid {
        id: state.id.as_bytes().into(),
        kind: kind.to_owned(),
        accounts,
        name: state.name.as_str().to_owned(),
        handle: state.handle.as_bytes().into(),
        roles: state
            .roles()
            .map(|(account, role)| {
                (
                    account.as_bytes().into(),
                    format!("{role:?}").to_lowercase(),
                )
            })
            .collect(),
        who_may_add: policy(state.add_policy),
        who_may_post: (state.post_policy != Policy::Everyone).then(|| policy(state.post_policy)),
        who_may_edit: (state.edit_policy != Policy::Admins).then(|| policy(state.edit_policy)),
        description: state.description.as_str().to_owned(),
        picture: state
            .picture
            .as_ref()
            .map(|picture| picture.as_bytes().into()),
        timer: state.timer,
        moves: state.moves,
        moved_from: state
            .moved_from
            .map(|from| (from.handle.as_bytes().into(), from.epoch.0)),
        errand: state.as_errand().map(|errand| match errand {
            Errand::LetMeIn(package) => ("let_me_in".to_owned(), package.as_slice().into()),
            Errand::NotAMember => ("not_a_member".to_owned(), [].as_slice().into()),
            Errand::NotFollowed(place) => ("not_followed".to_owned(), written(place).into()),
            Errand::AskThese(accounts) => {
                let ids: Vec<u8> = accounts.iter().flat_map(|one| *one.as_bytes()).collect();
                ("ask_these".to_owned(), ids.into())
            }
            Errand::StandsAt(place, package) => {
                let written = [written(place), package.clone()].concat();
                ("stands_at".to_owned(), written.into())
            }
        }),
        encoded: state.encode().into(),
    }
}

impl Valid {
    fn state(&self) -> ConversationState {
        let (id, handle) = (ConversationId::new(self.id.array()), self.handle.array());
        let handle = ConversationHandle::new(handle);
        let mut state = if let Some((what, package)) = &self.errand {
            assert_eq!(self.kind, "errand");
            let errand = match what.as_str() {
                "let_me_in" => Errand::LetMeIn(package.to_vec()),
                "not_a_member" => Errand::NotAMember,
                "not_followed" => Errand::NotFollowed(read(package).0),
                "ask_these" => {
                    let ids = package.chunks(32).map(|id| id.try_into().unwrap());
                    Errand::AskThese(ids.map(AccountId::new).collect())
                }
                "stands_at" => {
                    let (place, package) = read(package);
                    Errand::StandsAt(place, package)
                }
                other => panic!("what is {other}?"),
            };
            ConversationState::errand(id, handle, errand)
        } else if let [one, other] = self.accounts.as_slice() {
            assert_eq!(self.kind, "direct");
            let [one, other] = [one, other].map(|account| AccountId::new(account.array()));
            ConversationState::direct(id, handle, one, other).unwrap()
        } else {
            assert_eq!(self.kind, "group");
            let mut state = ConversationState::group(id, handle, Name::default(), account(0));
            state.set_role(account(0), Role::Member);
            state
        };
        state.name = Name::new(&self.name).unwrap();
        state.moves = self.moves;
        let from = self.moved_from.as_ref();
        state.moved_from = from.map(|(handle, epoch)| Origin {
            handle: ConversationHandle::new(handle.array()),
            epoch: Epoch(*epoch),
        });
        state.add_policy = who(&self.who_may_add);
        state.post_policy = self.who_may_post.as_deref().map_or(Policy::Everyone, who);
        state.edit_policy = self.who_may_edit.as_deref().map_or(Policy::Admins, who);
        state.description = Description::new(&self.description).unwrap();
        let picture = self
            .picture
            .as_ref()
            .map(|bytes| GroupPicture::new(bytes.to_vec()).unwrap());
        state.picture = picture;
        state.timer = self.timer;
        for (account, role) in &self.roles {
            let role = match role.as_str() {
                "admin" => Role::Admin,
                "owner" => Role::Owner,
                other => panic!("what is {other}?"),
            };
            state.set_role(AccountId::new(account.array()), role);
        }
        state
    }
}

/// A group without roles, entry by entry.
fn entries() -> Entries {
    let values = [
        uint(1),
        bytes(&ID),
        uint(1),
        text("tea"),
        bytes(&HANDLE),
        map(&[]),
        uint(0),
        uint(0),
    ];
    (0..).map(uint).zip(values).collect()
}

fn with(key: usize, value: Vec<u8>) -> Vec<u8> {
    let mut entries = entries();
    entries[key].1 = value;
    map(&entries)
}

fn and(key: Vec<u8>, value: Vec<u8>) -> Vec<u8> {
    let mut entries = entries();
    entries.push((key, value));
    map(&entries)
}

fn without(key: usize) -> Vec<u8> {
    let mut entries = entries();
    entries.remove(key);
    map(&entries)
}

fn later() -> Vec<Later> {
    let mut many = entries();
    many.push((uint(17), array(&[uint(1), map(&[(text("x"), uint(2))])])));
    many.push((uint(1_000), bytes(&[1, 2, 3])));
    // -1
    many.push((vec![0x20], text("negative")));
    many.push((text("theme"), text("dark")));
    vec![Later {
        why: "entries with numbers and texts as keys".to_owned(),
        encoded: map(&many).into(),
    }]
}

fn case(why: &str, error: &str, encoded: Vec<u8>) -> Refused {
    Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        encoded: encoded.into(),
    }
}

impl Clone for Refused {
    fn clone(&self) -> Self {
        case(&self.why, &self.error, self.encoded.0.clone())
    }
}

/// The same state in another encoding, and what is no encoding at all.
fn encodings() -> Vec<Refused> {
    let good = map(&entries());
    let mut swapped = entries();
    swapped.swap(2, 3);
    let mut unsorted = entries();
    unsorted.push((text("b"), uint(1)));
    unsorted.push((text("a"), uint(1)));
    let role = |number: u8| (bytes(&[number; 32]), uint(1));
    vec![
        case("nothing", "malformed", Vec::new()),
        case(
            "a byte behind the map",
            "malformed",
            [good.clone(), vec![0]].concat(),
        ),
        case("cut off", "malformed", good[..good.len() - 1].to_vec()),
        case("keys in another order", "malformed", map(&swapped)),
        case("later keys in another order", "malformed", map(&unsorted)),
        case(
            "a number longer than it need be",
            "malformed",
            with(7, vec![0x18, 0]),
        ),
        case("a key longer than it need be", "malformed", {
            let mut entries = entries();
            entries[7].0 = vec![0x18, 7];
            map(&entries)
        }),
        case(
            "a map of indefinite length",
            "malformed",
            [&[0xbf], &good[1..], &[0xff]].concat(),
        ),
        case("an entry twice", "malformed", and(uint(7), uint(0))),
        case("a later entry twice", "malformed", {
            let mut entries = entries();
            entries.extend([(text("a"), uint(1)), (text("a"), uint(1))]);
            map(&entries)
        }),
        case(
            "a key that is neither number nor text",
            "malformed",
            and(bytes(b"a"), uint(1)),
        ),
        case(
            "roles in another order",
            "malformed",
            with(5, map(&[role(2), role(1)])),
        ),
        case(
            "a role twice",
            "malformed",
            with(5, map(&[role(1), role(1)])),
        ),
    ]
}

fn fields() -> Vec<Refused> {
    let role = |number: u64| map(&[(bytes(&[1; 32]), uint(number))]);
    let direct = |accounts: Vec<u8>| {
        let mut entries = entries();
        entries[2].1 = uint(0);
        entries.push((uint(8), accounts));
        map(&entries)
    };
    let pair = |one: u8, other: u8| array(&[bytes(&[one; 32]), bytes(&[other; 32])]);
    let mut refused: Vec<Refused> = [0, 1, 2, 3, 4, 6]
        .map(|key| case(&format!("without entry {key}"), "malformed", without(key)))
        .into();
    refused.extend(moves());
    refused.extend([
        case("version 2", "newer_version", with(0, uint(2))),
        case(
            "a conversation id of 15 bytes",
            "malformed",
            with(1, bytes(&[1; 15])),
        ),
        case("kind 3", "newer_version", with(2, uint(3))),
        case(
            "a handle of 31 bytes",
            "malformed",
            with(4, bytes(&[1; 31])),
        ),
        case(
            "role 0, which is never written",
            "malformed",
            with(5, role(0)),
        ),
        case("role 3", "newer_version", with(5, role(3))),
        case("add policy 2", "newer_version", with(6, uint(2))),
        case("a name with a line feed", "name", with(3, text("a\nb"))),
        case("a name with U+2028", "name", with(3, text("a\u{2028}b"))),
        case(
            "a name with U+202E, which turns the direction",
            "name",
            with(3, text("a\u{202e}b")),
        ),
        case(
            "a name with U+2066, which turns the direction",
            "name",
            with(3, text("a\u{2066}b")),
        ),
        case(
            "a name that is not UTF-8",
            "malformed",
            with(3, vec![0x61, 0xff]),
        ),
        case(
            "a group with the two accounts of a direct conversation",
            "malformed",
            and(uint(8), pair(1, 2)),
        ),
        case(
            "a direct conversation without its accounts",
            "malformed",
            with(2, uint(0)),
        ),
        case("the larger account first", "malformed", direct(pair(2, 1))),
        case("twice the same account", "malformed", direct(pair(1, 1))),
        case(
            "three accounts",
            "malformed",
            direct(array(&[bytes(&[1; 32]), bytes(&[2; 32]), bytes(&[3; 32])])),
        ),
    ]);
    refused
}

/// A move counter without the group that the conversation has moved from, and the other way round.
fn moves() -> [Refused; 6] {
    let from = |moves: u64, epoch: Option<u64>, handle: Option<&[u8]>| {
        let mut entries = entries();
        entries[7].1 = uint(moves);
        entries.extend(epoch.map(|epoch| (uint(10), uint(epoch))));
        entries.extend(handle.map(|handle| (uint(11), bytes(handle))));
        map(&entries)
    };
    let handle = Some([0x4b; 32].as_slice());
    assert!(ConversationState::decode(&from(1, Some(3), handle)).is_ok());
    [
        (
            "an epoch moved from, of a conversation that has not moved",
            from(0, Some(3), None),
        ),
        (
            "a group moved from, of a conversation that has not moved",
            from(0, Some(3), handle),
        ),
        (
            "nothing moved from, of a conversation that has moved",
            from(1, None, None),
        ),
        ("an epoch moved from and no handle", from(1, Some(3), None)),
        ("a handle moved from and no epoch", from(1, None, handle)),
        (
            "a handle moved from, of 31 bytes",
            from(1, Some(3), Some(&[0x4b; 31])),
        ),
    ]
    .map(|(why, encoded)| case(why, "malformed", encoded))
}

/// An errand of this number and these bytes.
fn errand(number: u64, carries: &[u8]) -> Vec<u8> {
    let mut entries = entries();
    entries[2].1 = uint(2);
    entries[3].1 = text("");
    entries.push((uint(9), array(&[uint(number), bytes(carries)])));
    map(&entries)
}

fn errands() -> Vec<Refused> {
    let ids = |numbers: &[u8]| -> Vec<u8> {
        let ids = numbers.iter().flat_map(|number| [*number; 32]);
        ids.collect()
    };
    let most: Vec<u8> = (1..=16).collect();
    let too_many: Vec<u8> = (1..=17).collect();
    assert!(ConversationState::decode(&errand(3, &ids(&most))).is_ok());
    vec![
        case("errand 1 with bytes", "malformed", errand(1, &[0])),
        case("errand 2 without a place", "malformed", errand(2, &[])),
        case("a place of 39 bytes", "malformed", errand(2, &[0; 39])),
        case("a byte behind a place", "malformed", errand(2, &[0; 41])),
        case("an errand that names nobody", "malformed", errand(3, &[])),
        case(
            "an errand that names 31 bytes",
            "malformed",
            errand(3, &[1; 31]),
        ),
        case(
            "an errand that names accounts in another order",
            "malformed",
            errand(3, &ids(&[2, 1])),
        ),
        case(
            "an errand that names an account twice",
            "malformed",
            errand(3, &ids(&[1, 1])),
        ),
        case(
            "an errand that names 17 accounts",
            "too_large",
            errand(3, &ids(&too_many)),
        ),
        case("errand 4 without a place", "malformed", errand(4, &[0; 39])),
        case("errand 5", "newer_version", errand(5, &[])),
    ]
}

fn sizes() -> Vec<Refused> {
    let mut many = entries();
    many.extend((17..82).map(|key| (uint(key), uint(0))));
    let deep = [vec![0x81; 16], vec![0]].concat();
    vec![
        case(
            "a name of 257 bytes",
            "name",
            with(3, text(&"a".repeat(257))),
        ),
        case("a timer of no time", "malformed", and(uint(12), uint(0))),
        case(
            "a timer of over a year",
            "too_large",
            and(uint(12), uint(31_536_001)),
        ),
        case("an empty description", "malformed", and(uint(13), text(""))),
        case(
            "a description of 2,049 bytes",
            "name",
            and(uint(13), text(&"a".repeat(2_049))),
        ),
        case(
            "a description with a tab",
            "name",
            and(uint(13), text("a\tb")),
        ),
        case(
            "everyone may post, written down",
            "malformed",
            and(uint(14), uint(1)),
        ),
        case("post policy 2", "newer_version", and(uint(14), uint(2))),
        case(
            "admins edit, written down",
            "malformed",
            and(uint(15), uint(0)),
        ),
        case(
            "a picture that is none",
            "picture",
            and(uint(16), bytes(b"<svg>")),
        ),
        case("a picture of 16,385 bytes", "picture", {
            let mut picture = vec![0; 16_385];
            picture[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
            and(uint(16), bytes(&picture))
        }),
        case("65 later entries", "too_large", map(&many)),
        // Key, head and value are 4,097 bytes.
        case(
            "a later entry of 4,097 bytes",
            "too_large",
            and(uint(17), bytes(&[0; 4_093])),
        ),
        case(
            "a later entry nested more than 16 levels",
            "malformed",
            and(uint(17), deep),
        ),
        case("over 131,072 bytes", "too_large", vec![0; 131_073]),
    ]
}
