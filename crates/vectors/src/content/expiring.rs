//! Messages that are to be gone at some time, as this version writes them, and as it reads what others mean.

use keyfold_protocol::content::{self, Author, Expires, Saying};
use keyfold_protocol::limits::{MAX_TIMER, MIN_TIMER};
use serde::{Deserialize, Serialize};

use super::{Contents, SALT, author};
use crate::Hex;
use crate::people::Given;

/// A text that says when it is to be gone, and after how many seconds from reading it a reader lets it go, or when.
#[derive(Serialize, Deserialize)]
pub(super) struct Expiring {
    salt: Hex,
    counter: u64,
    text: String,
    relative: bool,
    time: u32,
    taken_as: u32,
    encoded: Hex,
    id: Hex,
}

/// The shortest and the longest that somebody may, one past either, and two instants.
pub(super) fn all() -> Vec<Expiring> {
    let cases = [
        (true, MIN_TIMER, MIN_TIMER),
        (true, 86_400, 86_400),
        (true, MAX_TIMER, MAX_TIMER),
        (true, 0, MIN_TIMER),
        (true, MIN_TIMER - 1, MIN_TIMER),
        (true, MAX_TIMER + 1, MAX_TIMER),
        (true, u32::MAX, MAX_TIMER),
        (false, 0, 0),
        (false, 1_644_389_236, 1_644_389_236),
        (false, u32::MAX, u32::MAX),
    ];
    let made = |(relative, time, taken_as)| {
        let mut one = Expiring {
            salt: SALT.into(),
            counter: 6,
            text: "gone soon".to_owned(),
            relative,
            time,
            taken_as,
            encoded: Hex(Vec::new()),
            id: Hex(Vec::new()),
        };
        let made = one.write(&author());
        (one.encoded, one.id) = (made.encoded.into(), made.id.as_bytes().into());
        one
    };
    cases.map(made).into()
}

impl Expiring {
    fn write(&self, author: &Author) -> content::Composed {
        let saying = Saying::Text {
            text: &self.text,
            in_reply_to: None,
        };
        // As it stands there, also where nobody means that.
        let expires = if self.relative {
            Expires::AfterReading(self.time)
        } else {
            Expires::At(self.time)
        };
        let salt = &mut Given(&self.salt);
        content::write_expiring(author, self.counter, saying, Some(expires), salt).unwrap()
    }

    pub(super) fn check(&self, author: &Author, contents: &Contents) {
        let made = self.write(author);
        assert_eq!(made.encoded, *self.encoded);
        assert_eq!(made.id.as_bytes().as_slice(), &*self.id);
        let read = contents.read(&self.encoded).unwrap();
        let expected = if self.relative {
            Expires::AfterReading(self.taken_as)
        } else {
            Expires::At(self.taken_as)
        };
        assert_eq!(read.expires, Some(expected));
        assert!(!read.needs_newer_version());
    }
}
