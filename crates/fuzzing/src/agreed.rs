//! What members read of each other: a conversation's state, its name, leave proofs, messages.

use keyfold_protocol::content::{
    self, Body, Content, Expires, Kept, Location, Picture, Profile, Unverified,
};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::limits::{
    MAX_ABOUT, MAX_LATITUDE, MAX_LEAVE_PROOFS, MAX_LINK, MAX_LONGITUDE, MAX_MOVES, MAX_NAME,
    MAX_OPTION, MAX_OPTIONS, MAX_PICTURE, MAX_PREVIEW_PICTURE, MAX_QUESTION, MAX_REACTION,
    MAX_STATE, MAX_TIMER, MIN_OPTIONS, MIN_TIMER,
};
use keyfold_protocol::state::{ConversationState, Name, Role};
use keyfold_wire::ids::{AccountId, ConversationId, Epoch};
use keyfold_wire::limits::{MAX_FILE, MAX_HANDLE, MAX_TEXT};

use crate::papers::Papers;

/// A conversation's state has one encoding.
pub fn state(data: &[u8]) {
    let Ok(mut state) = ConversationState::decode(data) else {
        return;
    };
    assert!(data.len() <= MAX_STATE);
    assert_eq!(state.encode(), data);
    let account = AccountId::new([7; 32]);
    state.set_role(account, Role::Admin);
    let moved = state.moved_to(state.handle, Epoch(9));
    let encoded = moved.encode();
    if encoded.len() <= MAX_STATE && moved.moves <= MAX_MOVES {
        assert_eq!(ConversationState::decode(&encoded), Ok(moved));
    }
}

/// The authenticated data of a commit.
pub fn leave_proofs(data: &[u8]) {
    let Ok(proofs) = LeaveProof::decode_list(data) else {
        return;
    };
    assert!(proofs.len() <= MAX_LEAVE_PROOFS);
    let encoded = LeaveProof::encode_list(&proofs);
    assert_eq!(LeaveProof::decode_list(&encoded).as_ref(), Ok(&proofs));
    let leaf = Papers::adas().leaf();
    if let [proof] = proofs.as_slice() {
        assert!(
            !proof.is_valid(b"another group", &leaf),
            "she never signed that"
        );
    }
}

pub(crate) const CONVERSATION: ConversationId = ConversationId::new([1; 16]);
pub(crate) const GROUP: &[u8] = b"group";

/// What MLS decrypted of another member. What is shown of it is what will be shown of it.
pub fn content(data: &[u8]) {
    let shown = content::text_of(data);
    let kept = Kept::read(data);
    let leaves = content::is_leaving(data);
    let leaf = Papers::adas().leaf();
    let verified = Unverified::new(data.to_vec()).verify(CONVERSATION, GROUP, &leaf);
    let Ok(verified) = verified else { return };
    assert_eq!(verified.encoded(), data);
    let leaving = matches!(verified.body, Body::Leaving(_));
    assert_eq!(leaves, Ok(leaving));
    let kept = kept.unwrap();
    assert!(leaving || kept.body == verified.body);
    assert_eq!(kept.in_reply_to, verified.in_reply_to);
    assert_eq!(kept.expires, verified.expires);
    if let Some(Expires::AfterReading(seconds)) = verified.expires {
        assert!((MIN_TIMER..=MAX_TIMER).contains(&seconds));
    }
    match &verified.body {
        Body::Text(text) => {
            assert!(text.text.len() <= MAX_TEXT);
            if let Some(preview) = &text.preview {
                assert!(preview.is_of(text) && preview.url.len() <= MAX_LINK);
                let picture = preview
                    .picture
                    .as_ref()
                    .map_or(0, |one| one.as_bytes().len());
                assert!(picture <= MAX_PREVIEW_PICTURE);
                assert!(!preview.url.contains(['\u{202e}', '\n']));
            }
            let spans = text.blocks().into_iter().flat_map(|block| block.spans);
            assert!(spans.into_iter().all(|span| !span.text.is_empty()));
            assert_eq!(text.as_typed(|_| None), text.text);
            assert_eq!(shown.unwrap().unwrap().text, text.text);
        }
        Body::Edit { text, .. } => assert!(text.text.len() <= MAX_TEXT),
        Body::Reaction(reaction) => {
            assert!((1..=MAX_REACTION).contains(&reaction.emoji.len()));
            assert!(!reaction.emoji.chars().any(char::is_control));
        }
        Body::Deletion(_) | Body::Pin { .. } | Body::PollEnd(_) => {}
        Body::Poll(_) | Body::Vote(_) | Body::Location(_) | Body::Card(_) | Body::Once(_) => {
            own_kind(&verified);
        }
        Body::File(file) => {
            assert!(file.attachment.size <= MAX_FILE);
            let name = file.attachment.name.as_ref();
            let name = name.map_or("", |name| name.as_str());
            assert!(!name.contains(['/', '\\', '\u{202e}']));
            assert!(!name.chars().any(char::is_control));
            let caption = file.caption.as_ref();
            assert!(caption.is_none_or(|caption| caption.text.len() <= MAX_TEXT));
        }
        Body::Profile(profile) => {
            assert!(profile.about.as_str().len() <= MAX_ABOUT);
            assert!(profile.name.as_str().len() <= MAX_NAME);
            let picture = profile.picture.as_ref().map(Picture::as_bytes);
            assert!(picture.is_none_or(|picture| picture.len() <= MAX_PICTURE));
            assert!(Profile::decode(&profile.encode()).as_ref() == Ok(&**profile));
        }
        Body::Leaving(proof) => assert!(proof.is_valid(GROUP, &leaf)),
        Body::Unsupported => {
            assert!(verified.needs_newer_version());
            assert!(matches!(shown, Ok(None)), "it is not shown as a text later");
        }
    }
}

/// What is of a media type of Keyfold's own, and shown as it is.
fn own_kind(verified: &Content) {
    let is_line = |text: &str, most| {
        assert!((1..=most).contains(&text.len()));
        assert!(!text.contains(['\u{202e}', '\u{2028}']) && !text.chars().any(char::is_control));
    };
    match &verified.body {
        Body::Poll(poll) => {
            is_line(&poll.question, MAX_QUESTION);
            assert!((MIN_OPTIONS..=MAX_OPTIONS).contains(&poll.options.len()));
            poll.options
                .iter()
                .for_each(|option| is_line(option, MAX_OPTION));
        }
        Body::Vote(vote) => assert!(vote.choices.is_sorted_by(|one, next| one < next)),
        Body::Location(location) => {
            assert!(location.latitude.unsigned_abs() <= MAX_LATITUDE.unsigned_abs());
            assert!(location.longitude.unsigned_abs() <= MAX_LONGITUDE.unsigned_abs());
            let uri = location.uri();
            let point = uri["geo:".len()..].split(';').next().unwrap();
            let (latitude, longitude) = point.split_once(',').unwrap();
            assert_eq!(Location::degrees(latitude), Some(location.latitude));
            assert_eq!(Location::degrees(longitude), Some(location.longitude));
        }
        Body::Card(card) => is_line(&card.handle, MAX_HANDLE),
        Body::Once(once) => {
            assert!(once.file.is_some(), "only what is kept here has none");
            let kept = content::without_key(verified.encoded()).unwrap();
            let Body::Once(kept) = Kept::read(&kept).unwrap().body else {
                panic!("it is kept as what it is");
            };
            assert!(kept.file.is_none() && kept.media_type == once.media_type);
        }
        _ => {}
    }
}

/// A group's name.
pub fn name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(name) = Name::new(text) else { return };
    assert_eq!(name.as_str(), text);
    assert!(text.len() <= MAX_NAME);
    assert!(!text.chars().any(char::is_control));
    assert_eq!(format!("{name:?}"), "<secret>");
}
