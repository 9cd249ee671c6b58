//! Messages of Keyfold's own media types: polls, votes and their end, places, contact cards, files that are opened once, previews of links.

use keyfold_protocol::content::{
    self, Attachment, Author, Body, Card, Choice, Composed, ContentId, Location, Media, Picture,
    Poll, Preview, Saying, Vote,
};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::state::{Description, Name};
use keyfold_wire::file::FileId;
use keyfold_wire::ids::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Contents, SALT, author};
use crate::Hex;
use crate::people::Given;

/// One of them, as it is written and read.
#[derive(Serialize, Deserialize)]
pub(super) struct Kind {
    salt: Hex,
    counter: u64,
    says: Says,
    encoded: Hex,
    id: Hex,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Says {
    Poll {
        question: String,
        options: Vec<String>,
        several: bool,
    },
    Vote {
        on: Hex,
        choices: Vec<u8>,
    },
    PollEnd {
        of: Hex,
    },
    Location {
        latitude: i32,
        longitude: i32,
        accuracy: Option<u32>,
        label: String,
        uri: String,
    },
    Card {
        account: Hex,
        handle: String,
        name: String,
    },
    Once {
        file: Hex,
        key: Hex,
        nonce: Hex,
        hash: Hex,
        size: u64,
        media_type: String,
        name: String,
        expires_ms: u64,
    },
    Previewed {
        text: String,
        url: String,
        title: String,
        description: String,
        picture: Option<Hex>,
    },
}

/// What is said, with what it borrows.
enum Made {
    Poll(Poll),
    Vote(Vote),
    PollEnd(ContentId),
    Location(Location),
    Card(Card),
    Once(Attachment),
    Previewed(String, Preview),
}

pub(super) fn all() -> Vec<Kind> {
    let of = Hex::from([&[1][..], &[0x11; 31]].concat().as_slice());
    let place = |latitude, longitude, accuracy, label: &str, uri: &str| Says::Location {
        latitude,
        longitude,
        accuracy,
        label: label.to_owned(),
        uri: uri.to_owned(),
    };
    let poll = |options: &[&str], several| Says::Poll {
        question: "Where do we climb?".to_owned(),
        options: options.iter().map(|one| (*one).to_owned()).collect(),
        several,
    };
    let card = |name: &str| Says::Card {
        account: [0xaa; 32].into(),
        handle: "bo".to_owned(),
        name: name.to_owned(),
    };
    let preview = |description: &str, picture: Option<&[u8]>| Says::Previewed {
        text: "look: https://example.org/rock".to_owned(),
        url: "https://example.org/rock".to_owned(),
        title: "The rock".to_owned(),
        description: description.to_owned(),
        picture: picture.map(|picture| Hex(picture.to_vec())),
    };
    let vote = |choices: &[u8]| Says::Vote {
        on: of.clone(),
        choices: choices.to_vec(),
    };
    let cases = [
        poll(&["the wall", "the rock"], false),
        poll(&["a", "b", "c"], true),
        vote(&[1]),
        vote(&[0, 2, 11]),
        vote(&[]),
        Says::PollEnd { of: of.clone() },
        place(
            525_162_746,
            133_777_041,
            Some(20),
            "the gate",
            "geo:52.5162746,13.3777041;u=20",
        ),
        place(-900_000_000, 1_800_000_000, None, "", "geo:-90,180"),
        place(-1, 10, None, "", "geo:-0.0000001,0.000001"),
        card(""),
        card("Bo"),
        Says::Once {
            file: [0xf1; 32].into(),
            key: [0x4b; 32].into(),
            nonce: [0x6e; 7].into(),
            hash: [0x68; 32].into(),
            size: 300_000,
            media_type: "image/jpeg".to_owned(),
            name: "summit.jpg".to_owned(),
            expires_ms: 1_800_000_000_000,
        },
        preview("", None),
        preview("Two lines\nof it", Some(&[0xff, 0xd8, 0xff, 0xe0])),
    ];
    cases.into_iter().map(Kind::new).collect()
}

impl Kind {
    fn new(says: Says) -> Self {
        let mut one = Self {
            salt: SALT.into(),
            counter: 7,
            says,
            encoded: Hex(Vec::new()),
            id: Hex(Vec::new()),
        };
        let made = one.write(&author());
        (one.encoded, one.id) = (made.encoded.into(), made.id.as_bytes().into());
        one
    }

    fn write(&self, author: &Author) -> Composed {
        let made = self.says.make();
        let saying = match &made {
            Made::Poll(poll) => Saying::Poll(poll),
            Made::Vote(vote) => Saying::Vote {
                on: vote.on,
                choices: &vote.choices,
            },
            Made::PollEnd(of) => Saying::PollEnd(*of),
            Made::Location(location) => Saying::Location(location),
            Made::Card(card) => Saying::Card(card),
            Made::Once(file) => Saying::Once(file),
            Made::Previewed(text, preview) => Saying::Previewed { text, preview },
        };
        content::write(author, self.counter, saying, &mut Given(&self.salt)).unwrap()
    }

    pub(super) fn check(&self, author: &Author, contents: &Contents) {
        let made = self.write(author);
        assert_eq!(made.encoded, *self.encoded);
        assert_eq!(made.id.as_bytes().as_slice(), &*self.id);
        let read = contents.read(&self.encoded).unwrap();
        assert!(!read.needs_newer_version());
        let same = match (&read.body, self.says.make()) {
            (Body::Poll(poll), Made::Poll(made)) => **poll == made,
            (Body::Vote(vote), Made::Vote(made)) => *vote == made,
            (Body::PollEnd(of), Made::PollEnd(made)) => *of == made,
            (Body::Location(location), Made::Location(made)) => {
                let Says::Location { uri, .. } = &self.says else {
                    panic!("a place")
                };
                **location == made && location.uri() == *uri
            }
            (Body::Card(card), Made::Card(made)) => **card == made,
            (Body::Once(once), Made::Once(made)) => once.file.as_ref() == Some(&made),
            (Body::Text(text), Made::Previewed(said, made)) => {
                text.text == said && text.preview.as_deref() == Some(&made)
            }
            _ => false,
        };
        assert!(same, "read as it was written");
    }
}

impl Says {
    fn make(&self) -> Made {
        let id = |hex: &Hex| ContentId::from_bytes(hex.array()).unwrap();
        match self.clone() {
            Self::Poll {
                question,
                options,
                several,
            } => Made::Poll(Poll {
                question,
                options,
                choice: if several {
                    Choice::Several
                } else {
                    Choice::Single
                },
            }),
            Self::Vote { on, choices } => Made::Vote(Vote {
                on: id(&on),
                choices,
            }),
            Self::PollEnd { of } => Made::PollEnd(id(&of)),
            Self::Location {
                latitude,
                longitude,
                accuracy,
                label,
                uri: _,
            } => Made::Location(Location {
                latitude,
                longitude,
                accuracy,
                label: Name::new(&label).unwrap(),
            }),
            Self::Card {
                account,
                handle,
                name,
            } => Made::Card(Card {
                account: AccountId::new(account.array()),
                handle,
                name: Name::new(&name).unwrap(),
            }),
            other => other.carry(),
        }
    }

    /// Those that bring something along.
    fn carry(self) -> Made {
        match self {
            Self::Once {
                file,
                key,
                nonce,
                hash,
                size,
                media_type,
                name,
                expires_ms,
            } => Made::Once(Attachment {
                id: FileId::new(file.array()),
                key: FileKey::new(key.array(), nonce.array()),
                hash: hash.array(),
                size,
                media_type,
                name: Some(FileName::new(&name).unwrap()),
                expires: Some(Timestamp(expires_ms)),
                media: Media::default(),
            }),
            Self::Previewed {
                text,
                url,
                title,
                description,
                picture,
            } => {
                let preview = Preview {
                    url,
                    title: Name::new(&title).unwrap(),
                    description: Description::new(&description).unwrap(),
                    picture: picture.map(|picture| Picture::new(picture.to_vec()).unwrap()),
                };
                Made::Previewed(text, preview)
            }
            _ => panic!("it brings nothing along"),
        }
    }
}
