//! Frames: none holds what somebody typed, the name of a group, or, on conversations, anybody's handle.

use std::collections::HashMap;

use keyfold_wire::Message as _;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::Watch;
use crate::oracle::{Check, Violation};
use crate::script::DIRECTORY_ENDING;

/// So many bytes of a secret are looked for: it would hardly be found by chance.
const SPAN: usize = 8;

/// Violations that are kept: more say nothing more.
const MOST: usize = 5;

/// What must not be found, by its first bytes.
pub(crate) struct Secrets {
    all: HashMap<[u8; SPAN], Vec<Vec<u8>>>,
    /// Whether any begins with this byte.
    begins: [bool; 256],
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            begins: [false; 256],
        }
    }
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        self.insert(secret.as_bytes());
    }

    pub(super) fn insert(&mut self, secret: &[u8]) {
        if let Some(first) = secret.first_chunk::<SPAN>() {
            self.begins[usize::from(first[0])] = true;
            let all = self.all.entry(*first).or_default();
            if !all.iter().any(|one| one == secret) {
                all.push(secret.to_vec());
            }
        }
    }

    /// The first of them in these bytes.
    pub(super) fn find_in(&self, bytes: &[u8]) -> Option<&[u8]> {
        let mut places = bytes.windows(SPAN).enumerate();
        places.find_map(|(place, window)| {
            if !self.begins[usize::from(window[0])] {
                return None;
            }
            let behind = &bytes[place..];
            let mut all = self.all.get(behind.first_chunk::<SPAN>()?)?.iter();
            all.find(|secret| behind.starts_with(secret))
                .map(Vec::as_slice)
        })
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

impl Watch {
    /// A frame on its way to the server.
    pub(crate) fn goes_up(&mut self, body: &Body) {
        self.passes(body);
        // What a device says of itself to the directory names its person.
        let on_talk = matches!(body, Body::Create(_) | Body::Send(_) | Body::Commit(_));
        let frame = v1::ClientFrame {
            id: 1,
            request: Some(body.clone()),
        };
        self.looks_at(&frame.encode_to_vec(), on_talk, "to the server");
    }

    /// A frame on its way to a device.
    pub(crate) fn goes_down(&mut self, content: &Content) {
        let on_talk = matches!(content, Content::Accepted(_) | Content::Deliveries(_));
        let frame = v1::ServerFrame {
            id: 1,
            content: Some(content.clone()),
        };
        self.looks_at(&frame.encode_to_vec(), on_talk, "from the server");
    }

    fn looks_at(&mut self, bytes: &[u8], on_talk: bool, way: &str) {
        if let Some(secret) = self.secrets.find_in(bytes) {
            let secret = String::from_utf8_lossy(&secret[..secret.len().min(40)]).into_owned();
            self.notes(format!("a frame {way} holds {secret:?}"));
        }
        if on_talk && holds(bytes, DIRECTORY_ENDING.as_bytes()) {
            self.notes(format!("a frame {way} holds somebody's handle"));
        }
    }

    fn notes(&mut self, words: String) {
        if self.found.len() < MOST {
            self.found.push(Violation {
                check: Check::Wire,
                words,
            });
        }
    }
}
