//! `content.json`: what is inside a message, written, read and refused, and the ids of messages.

mod expiring;
mod foreign;
mod kinds;

use keyfold_protocol::content::{
    self, Attachment, Author, Body, Composed, Content, ContentError, ContentId, Media, Picture,
    Profile, Saying, TextFormat, Thumbnail, Unverified,
};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::state::{Description, Name};
use keyfold_wire::file::FileId;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Timestamp};
use keyfold_wire::limits::MAX_TEXT;
use serde::{Deserialize, Serialize};

use crate::people::{Given, Person, leaf, person};
use crate::{Hex, Topic, refused};

/// `certificate` and `address` are those of the leaf that everything but `ids` comes from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Contents {
    conversation: Hex,
    group_id: Hex,
    certificate: Hex,
    address: Hex,
    texts: Vec<Text>,
    amending: Vec<Amending>,
    files: Vec<FileMessage>,
    profiles: Vec<ProfileMessage>,
    expiring: Vec<expiring::Expiring>,
    kinds: Vec<kinds::Kind>,
    leaving: Vec<Leaving>,
    ids: Vec<Id>,
    readable: Vec<Readable>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    salt: Hex,
    counter: u64,
    text: String,
    encoded: Hex,
    id: Hex,
}

/// A message about an earlier one.
#[derive(Serialize, Deserialize)]
struct Amending {
    salt: Hex,
    counter: u64,
    shows: Shows,
    in_reply_to: Option<Hex>,
    encoded: Hex,
    id: Hex,
}

/// A message that carries a file.
#[derive(Serialize, Deserialize)]
struct FileMessage {
    salt: Hex,
    counter: u64,
    file: Hex,
    key: Hex,
    nonce: Hex,
    hash: Hex,
    size: u64,
    media_type: String,
    name: String,
    expires_ms: u64,
    caption: String,
    media: Option<SeenOfIt>,
    encoded: Hex,
    id: Hex,
}

/// What can be seen of a file before it is loaded.
#[derive(Clone, Serialize, Deserialize)]
struct SeenOfIt {
    width: u32,
    height: u32,
    blur: Hex,
    duration_ms: u32,
    waveform: Hex,
    thumbnail: Option<Hex>,
}

/// A message that carries a profile.
#[derive(Serialize, Deserialize)]
struct ProfileMessage {
    salt: Hex,
    counter: u64,
    version: u64,
    name: String,
    about: String,
    picture: Option<Hex>,
    encoded: Hex,
    id: Hex,
}

#[derive(Serialize, Deserialize)]
struct Leaving {
    salt: Hex,
    counter: u64,
    signature_seed: Hex,
    signature: Hex,
    encoded: Hex,
    id: Hex,
}

#[derive(Serialize, Deserialize)]
struct Id {
    account: Hex,
    device: Hex,
    sender: String,
    conversation: Hex,
    room: String,
    salt: Hex,
    encoded: Hex,
    id: Hex,
}

/// What a reader shows of a message that this version would not write so.
#[derive(Serialize, Deserialize)]
struct Readable {
    why: String,
    encoded: Hex,
    counter: u64,
    shows: Shows,
    in_reply_to: Option<Hex>,
    needs_newer_version: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shows {
    Plain(String),
    Markdown(String),
    Edit {
        of: Hex,
        text: String,
    },
    Deletion {
        of: Hex,
    },
    Reaction {
        emoji: String,
        replaces: Option<Hex>,
    },
    Forwarded(String),
    Pin {
        of: Hex,
        pinned: bool,
    },
    Nothing,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    encoded: Hex,
}

const CONVERSATION: [u8; 16] = [0xcc; 16];
const GROUP_ID: [u8; 32] = [0x61; 32];
const ADDRESS: [u8; 56] = [0xad; 56];
const SALT: [u8; 16] = [7; 16];

fn ada() -> Person {
    person(0x10, "ada")
}

fn author() -> Author {
    Author::new(
        &leaf(&ada().certificate, &ADDRESS),
        ConversationId::new(CONVERSATION),
    )
}

impl Topic for Contents {
    fn generate() -> Self {
        let long = "a".repeat(MAX_TEXT);
        let texts = [(1, "hi"), (2, "**Tea** at five? ☕"), (1_000_000, &long)];
        Self {
            conversation: CONVERSATION.into(),
            group_id: GROUP_ID.into(),
            certificate: ada().certificate.into(),
            address: ADDRESS.into(),
            texts: texts
                .map(|(counter, text)| self::text(counter, text))
                .into(),
            amending: amending(),
            files: vec![
                file_message("", None),
                file_message("what a day", None),
                file_message("", Some(seen_of_it(None))),
                file_message(
                    "what a day",
                    Some(seen_of_it(Some(&[0xff, 0xd8, 0xff, 0xe0]))),
                ),
            ],
            profiles: vec![
                profile_message("Ada", "", None),
                profile_message(
                    "",
                    "on the mountain\nmostly",
                    Some(&[0xff, 0xd8, 0xff, 0xe0]),
                ),
            ],
            expiring: expiring::all(),
            kinds: kinds::all(),
            leaving: vec![leaving()],
            ids: ids(),
            readable: foreign::readable(),
            refused: foreign::refused(),
        }
    }

    fn check(&self) {
        let author = Author::new(
            &leaf(&self.certificate, &self.address),
            ConversationId::new(self.conversation.array()),
        );
        for one in &self.texts {
            let made =
                content::text(&author, one.counter, &one.text, &mut Given(&one.salt)).unwrap();
            assert_eq!(made.encoded, *one.encoded);
            assert_eq!(made.id.as_bytes().as_slice(), &*one.id);
            let read = self.read(&one.encoded).unwrap();
            assert_eq!(read.id, made.id);
            assert_eq!(read.counter, one.counter);
            assert_eq!(shows(&read), Shows::Markdown(one.text.clone()));
        }
        for one in &self.amending {
            let made = content::write(&author, one.counter, one.saying(), &mut Given(&one.salt));
            let made = made.unwrap();
            assert_eq!(made.encoded, *one.encoded);
            assert_eq!(made.id.as_bytes().as_slice(), &*one.id);
            let read = self.read(&one.encoded).unwrap();
            assert_eq!((read.id, read.counter), (made.id, one.counter));
            assert_eq!(shows(&read), one.shows);
            let answered = read.in_reply_to.map(|id| Hex::from(id.as_bytes()));
            assert_eq!(answered, one.in_reply_to);
        }
        for one in &self.files {
            let made = one.write(&author);
            assert_eq!(made.encoded, *one.encoded);
            assert_eq!(made.id.as_bytes().as_slice(), &*one.id);
            let read = self.read(&one.encoded).unwrap();
            let Body::File(file) = &read.body else {
                panic!("no file")
            };
            assert!(file.attachment == one.attachment());
            let caption = file.caption.as_ref().map(|caption| caption.text.as_str());
            assert_eq!(caption.unwrap_or_default(), one.caption);
            assert!(!read.needs_newer_version());
        }
        self.profiles
            .iter()
            .for_each(|one| self.check_profile(&author, one));
        self.expiring
            .iter()
            .for_each(|one| one.check(&author, self));
        self.kinds.iter().for_each(|one| one.check(&author, self));
        self.leaving
            .iter()
            .for_each(|one| self.check_leaving(&author, one));
        self.ids.iter().for_each(Id::check);
        for one in &self.readable {
            let read = self.read(&one.encoded).expect(&one.why);
            assert_eq!(shows(&read), one.shows, "{}", one.why);
            assert_eq!(read.counter, one.counter, "{}", one.why);
            let answered = read.in_reply_to.map(|id| Hex::from(id.as_bytes()));
            assert_eq!(answered, one.in_reply_to, "{}", one.why);
            assert_eq!(
                read.needs_newer_version(),
                one.needs_newer_version,
                "{}",
                one.why
            );
        }
        for one in &self.refused {
            refused(&one.why, self.read(&one.encoded), &one.error);
        }
    }
}

impl Contents {
    fn read(&self, encoded: &[u8]) -> Result<Content, ContentError> {
        Unverified::new(encoded.to_vec()).verify(
            ConversationId::new(self.conversation.array()),
            &self.group_id,
            &leaf(&self.certificate, &self.address),
        )
    }

    fn check_profile(&self, author: &Author, one: &ProfileMessage) {
        let made = one.write(author);
        assert_eq!(made.encoded, *one.encoded);
        assert_eq!(made.id.as_bytes().as_slice(), &*one.id);
        let read = self.read(&one.encoded).unwrap();
        assert!(matches!(&read.body, Body::Profile(profile) if **profile == one.profile()));
        assert!(!read.needs_newer_version());
    }

    fn check_leaving(&self, author: &Author, one: &Leaving) {
        let keys = crate::people::device(author.device, &one.signature_seed);
        let leaf = leaf(&self.certificate, &self.address);
        let proof = LeaveProof::make(&keys, &self.group_id, &leaf);
        assert_eq!(proof.signature(), one.signature.as_ref());
        let made = content::leaving(author, one.counter, &proof, &mut Given(&one.salt));
        assert_eq!(made.encoded, *one.encoded);
        assert_eq!(made.id.as_bytes().as_slice(), &*one.id);
        let read = self.read(&one.encoded).unwrap();
        assert!(read.body == Body::Leaving(proof));
        assert!(!read.needs_newer_version());
    }
}

fn shows(content: &Content) -> Shows {
    match &content.body {
        Body::Text(text) if text.format == TextFormat::Plain => Shows::Plain(text.text.clone()),
        Body::Text(text) if content::Kept::read(content.encoded()).unwrap().forwarded => {
            Shows::Forwarded(text.text.clone())
        }
        Body::Text(text) => Shows::Markdown(text.text.clone()),
        Body::Edit { of, text } => Shows::Edit {
            of: of.as_bytes().into(),
            text: text.text.clone(),
        },
        Body::Deletion(of) => Shows::Deletion {
            of: of.as_bytes().into(),
        },
        Body::Reaction(reaction) => Shows::Reaction {
            emoji: reaction.emoji.clone(),
            replaces: reaction.replaces.map(|id| id.as_bytes().into()),
        },
        Body::Pin { of, pinned } => Shows::Pin {
            of: of.as_bytes().into(),
            pinned: *pinned,
        },
        Body::Unsupported => Shows::Nothing,
        Body::File(_) | Body::Once(_) => panic!("a file"),
        Body::Poll(_) | Body::Vote(_) | Body::PollEnd(_) => panic!("a poll"),
        Body::Location(_) | Body::Card(_) => panic!("a place or a card"),
        Body::Profile(_) => panic!("a profile"),
        Body::Leaving(_) => panic!("somebody leaves"),
    }
}

fn text(counter: u64, text: &str) -> Text {
    let made = content::text(&author(), counter, text, &mut Given(&SALT)).unwrap();
    Text {
        salt: SALT.into(),
        counter,
        text: text.to_owned(),
        encoded: made.encoded.into(),
        id: made.id.as_bytes().into(),
    }
}

fn seen_of_it(thumbnail: Option<&[u8]>) -> SeenOfIt {
    SeenOfIt {
        width: 4_000,
        height: 3_000,
        blur: [0xb1; 24].into(),
        duration_ms: 63_500,
        waveform: [0, 128, 255].into(),
        thumbnail: thumbnail.map(Into::into),
    }
}

fn file_message(caption: &str, media: Option<SeenOfIt>) -> FileMessage {
    let mut one = FileMessage {
        salt: SALT.into(),
        counter: 5,
        file: [0xf1; 32].into(),
        key: [0x4b; 32].into(),
        nonce: [0x6e; 7].into(),
        hash: [0x68; 32].into(),
        size: 300_000,
        media_type: "image/jpeg".to_owned(),
        name: "summit at six.jpg".to_owned(),
        expires_ms: 1_800_000_000_000,
        caption: caption.to_owned(),
        media,
        encoded: Hex(Vec::new()),
        id: Hex(Vec::new()),
    };
    let made = one.write(&author());
    (one.encoded, one.id) = (made.encoded.into(), made.id.as_bytes().into());
    one
}

fn profile_message(name: &str, about: &str, picture: Option<&[u8]>) -> ProfileMessage {
    let mut one = ProfileMessage {
        salt: SALT.into(),
        counter: 6,
        version: 1_800_000_000_000,
        name: name.to_owned(),
        about: about.to_owned(),
        picture: picture.map(|picture| Hex(picture.to_vec())),
        encoded: Hex(Vec::new()),
        id: Hex(Vec::new()),
    };
    let made = one.write(&author());
    (one.encoded, one.id) = (made.encoded.into(), made.id.as_bytes().into());
    one
}

impl ProfileMessage {
    fn profile(&self) -> Profile {
        let picture = self.picture.as_ref();
        Profile {
            version: self.version,
            name: Name::new(&self.name).unwrap(),
            about: Description::new(&self.about).unwrap(),
            picture: picture.map(|picture| Picture::new(picture.to_vec()).unwrap()),
        }
    }

    fn write(&self, author: &Author) -> Composed {
        let saying = Saying::Profile(&self.profile());
        content::write(author, self.counter, saying, &mut Given(&self.salt)).unwrap()
    }
}

impl SeenOfIt {
    fn media(&self) -> Media {
        let thumbnail = self.thumbnail.as_ref();
        Media {
            sides: Some((self.width, self.height)),
            blur: Some(self.blur.to_vec()),
            duration: Some(self.duration_ms),
            waveform: Some(self.waveform.to_vec()),
            thumbnail: thumbnail.map(|bytes| Thumbnail::new(bytes.to_vec()).unwrap()),
        }
    }
}

impl FileMessage {
    fn attachment(&self) -> Attachment {
        Attachment {
            id: FileId::new(self.file.array()),
            key: FileKey::new(self.key.array(), self.nonce.array()),
            hash: self.hash.array(),
            size: self.size,
            media_type: self.media_type.clone(),
            name: Some(FileName::new(&self.name).unwrap()),
            expires: Some(Timestamp(self.expires_ms)),
            media: self.media.as_ref().map(SeenOfIt::media).unwrap_or_default(),
        }
    }

    fn write(&self, author: &Author) -> Composed {
        let saying = Saying::File {
            file: &self.attachment(),
            caption: &self.caption,
            in_reply_to: None,
        };
        content::write(author, self.counter, saying, &mut Given(&self.salt)).unwrap()
    }
}

impl Amending {
    fn saying(&self) -> Saying<'_> {
        let id = |hex: &Hex| ContentId::from_bytes(hex.array()).unwrap();
        let in_reply_to = self.in_reply_to.as_ref().map(id);
        match &self.shows {
            Shows::Plain(text) | Shows::Markdown(text) => Saying::Text { text, in_reply_to },
            Shows::Edit { of, text } => Saying::Edit {
                of: id(of),
                text,
                in_reply_to,
            },
            Shows::Deletion { of } => Saying::Deletion(id(of)),
            Shows::Reaction { emoji, replaces } => Saying::Reaction {
                to: in_reply_to.unwrap(),
                emoji,
                replaces: replaces.as_ref().map(id),
            },
            Shows::Forwarded(text) => Saying::Forwarded(text),
            Shows::Pin { of, pinned } => Saying::Pin {
                of: id(of),
                pinned: *pinned,
            },
            Shows::Nothing => panic!("nothing is written"),
        }
    }
}

/// An answer, an edit, a deletion, two reactions, a mention, a forwarded text, a pin and its end.
fn amending() -> Vec<Amending> {
    let first = Hex::from(text(1, "hi").id.array::<32>());
    let other = Hex::from(text(2, "ho").id.array::<32>());
    let reaction = |emoji: &str, replaces| Shows::Reaction {
        emoji: emoji.to_owned(),
        replaces,
    };
    let edit = Shows::Edit {
        of: first.clone(),
        text: "high".to_owned(),
    };
    let deletion = Shows::Deletion { of: first.clone() };
    let answer = Shows::Markdown("to you".to_owned());
    let mention = content::mention(&AccountId::new([0xaa; 32]), "bo_b") + ", tea?";
    let pin = |pinned| Shows::Pin {
        of: first.clone(),
        pinned,
    };
    let cases = [
        (answer, Some(first.clone())),
        (edit, Some(other.clone())),
        (deletion, None),
        (reaction("❤", None), Some(first.clone())),
        (reaction("👍🏽", Some(other)), Some(first.clone())),
        (Shows::Markdown(mention), None),
        (Shows::Forwarded("see you".to_owned()), None),
        (pin(true), Some(first.clone())),
        (pin(false), Some(first.clone())),
    ];
    let made = |(shows, in_reply_to)| {
        let mut one = Amending {
            salt: SALT.into(),
            counter: 4,
            shows,
            in_reply_to,
            encoded: Hex(Vec::new()),
            id: Hex(Vec::new()),
        };
        let made = content::write(&author(), 4, one.saying(), &mut Given(&SALT)).unwrap();
        (one.encoded, one.id) = (made.encoded.into(), made.id.as_bytes().into());
        one
    };
    cases.map(made).into()
}

fn proof() -> LeaveProof {
    LeaveProof::make(
        &ada().device,
        &GROUP_ID,
        &leaf(&ada().certificate, &ADDRESS),
    )
}

fn leaving() -> Leaving {
    let proof = proof();
    let made = content::leaving(&author(), 3, &proof, &mut Given(&SALT));
    Leaving {
        salt: SALT.into(),
        counter: 3,
        signature_seed: ada().device.seed().as_slice().into(),
        signature: proof.signature().into(),
        encoded: made.encoded.into(),
        id: made.id.as_bytes().into(),
    }
}

fn ids() -> Vec<Id> {
    // The example of docs/protocol/content.md, and the same said by another device, elsewhere.
    let places = [
        (0xaa, 0xdd, 0xcc),
        (0xaa, 0xde, 0xcc),
        (0xab, 0xdd, 0xcc),
        (0xaa, 0xdd, 0xcd),
    ];
    let id = |(account, device, conversation)| {
        let author = Author {
            account: AccountId::new([account; 32]),
            device: DeviceId::new([device; 16]),
            conversation: ConversationId::new([conversation; 16]),
        };
        let made = content::text(&author, 1, "hi", &mut Given(&SALT)).unwrap();
        Id {
            account: author.account.as_bytes().into(),
            device: author.device.as_bytes().into(),
            sender: author.sender_uri(),
            conversation: author.conversation.as_bytes().into(),
            room: author.room_uri(),
            salt: SALT.into(),
            encoded: made.encoded.into(),
            id: made.id.as_bytes().into(),
        }
    };
    places.map(id).into()
}

impl Id {
    fn check(&self) {
        let author = Author {
            account: AccountId::new(self.account.array()),
            device: DeviceId::new(self.device.array()),
            conversation: ConversationId::new(self.conversation.array()),
        };
        assert_eq!(author.sender_uri(), self.sender);
        assert_eq!(author.room_uri(), self.room);
        let id = ContentId::of(&author, &self.encoded, &self.salt.array());
        assert_eq!(id.as_bytes().as_slice(), &*self.id);
    }
}
