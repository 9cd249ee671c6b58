//! Polls: a question with options, votes, and that it is over. Who may do what, and which vote stands, is for the reader to say.

use super::{ContentError, ContentId, fields};
use crate::cbor;
use crate::limits::{MAX_OPTION, MAX_OPTIONS, MAX_QUESTION, MIN_OPTIONS};
use crate::state::is_forbidden;

/// The media type of a poll.
pub const POLL: &str = "application/vnd.keyfold.poll+cbor";
/// The media type of a vote.
pub const VOTE: &str = "application/vnd.keyfold.vote+cbor";
/// The media type of what ends a poll.
pub const POLL_END: &str = "application/vnd.keyfold.poll-end+cbor";

const KEY_QUESTION: u64 = 1;
const KEY_OPTIONS: u64 = 2;
const KEY_SEVERAL: u64 = 3;

const KEY_CHOICES: u64 = 1;

/// A question with options.
#[derive(Clone, PartialEq, Eq)]
pub struct Poll {
    /// A line of at most `MAX_QUESTION` bytes.
    pub question: String,
    /// `MIN_OPTIONS` to `MAX_OPTIONS` different lines of at most `MAX_OPTION` bytes.
    pub options: Vec<String>,
    /// How many of them one may choose.
    pub choice: Choice,
}

/// How many options of a poll one may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// One.
    Single,
    /// As many as there are.
    Several,
}

/// What somebody chooses.
#[derive(Clone, PartialEq, Eq)]
pub struct Vote {
    /// The poll.
    pub on: ContentId,
    /// The options, by their numbers from 0 on, in order, each once. None: they choose nothing (any more).
    pub choices: Vec<u8>,
}

impl Poll {
    /// Whether it can be one.
    ///
    /// # Errors
    /// [`ContentError::Poll`].
    pub fn check(&self) -> Result<(), ContentError> {
        let options = &self.options;
        let count = (MIN_OPTIONS..=MAX_OPTIONS).contains(&options.len());
        let lines = options.iter().all(|option| is_line(option, MAX_OPTION));
        let mut named = std::collections::HashSet::new();
        let differ = options.iter().all(|option| named.insert(option));
        if count && lines && differ && is_line(&self.question, MAX_QUESTION) {
            Ok(())
        } else {
            Err(ContentError::Poll)
        }
    }

    /// Whether somebody may choose so: options that are there, and no more than one may.
    pub fn takes(&self, choices: &[u8]) -> bool {
        let there = |choice: &u8| usize::from(*choice) < self.options.len();
        choices.iter().all(there) && (self.choice == Choice::Several || choices.len() <= 1)
    }

    /// What it is found by: its question and its options.
    pub fn words(&self) -> String {
        let lines = std::iter::once(self.question.as_str());
        let lines: Vec<&str> = lines
            .chain(self.options.iter().map(String::as_str))
            .collect();
        lines.join("\n")
    }

    /// As it travels.
    pub(super) fn encode(&self) -> Vec<u8> {
        let several = self.choice == Choice::Several;
        cbor::encode(|e| {
            e.map(if several { 3 } else { 2 })?;
            e.u64(KEY_QUESTION)?.str(&self.question)?;
            e.u64(KEY_OPTIONS)?.array(self.options.len() as u64)?;
            for option in &self.options {
                e.str(option)?;
            }
            if several {
                e.u64(KEY_SEVERAL)?.bool(true)?;
            }
            e.ok()
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let mut poll = Self {
            question: String::new(),
            options: Vec::new(),
            choice: Choice::Single,
        };
        fields::read(encoded, |key, d| {
            match key {
                KEY_QUESTION => d.str()?.clone_into(&mut poll.question),
                KEY_OPTIONS => {
                    let count = cbor::array(d)?;
                    if count > MAX_OPTIONS as u64 {
                        return Err(ContentError::Poll);
                    }
                    for _ in 0..count {
                        poll.options.push(d.str()?.to_owned());
                    }
                }
                KEY_SEVERAL if d.bool()? => poll.choice = Choice::Several,
                KEY_SEVERAL => {}
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        poll.check()?;
        Ok(poll)
    }
}

/// Numbers of options in order, each once.
pub(super) fn check_choices(choices: &[u8]) -> Result<(), ContentError> {
    let rising = choices.iter().zip(choices.iter().skip(1));
    let rising = rising.into_iter().all(|(one, next)| one < next);
    let known = |choice: &u8| usize::from(*choice) < MAX_OPTIONS;
    if rising && choices.iter().all(known) {
        Ok(())
    } else {
        Err(ContentError::Poll)
    }
}

/// A vote as it travels.
pub(super) fn encode_choices(choices: &[u8]) -> Vec<u8> {
    cbor::encode(|e| {
        e.map(1)?.u64(KEY_CHOICES)?.array(choices.len() as u64)?;
        for choice in choices {
            e.u8(*choice)?;
        }
        e.ok()
    })
}

/// Reads a vote.
///
/// # Errors
/// [`ContentError`].
pub(super) fn decode_choices(encoded: &[u8]) -> Result<Vec<u8>, ContentError> {
    let mut choices = None;
    fields::read(encoded, |key, d| {
        if key != KEY_CHOICES {
            return Ok(false);
        }
        let count = cbor::array(d)?;
        if count > MAX_OPTIONS as u64 {
            return Err(ContentError::Poll);
        }
        let mut read = Vec::new();
        for _ in 0..count {
            read.push(d.u8()?);
        }
        choices = Some(read);
        Ok(true)
    })?;
    let choices = choices.ok_or(ContentError::Malformed)?;
    check_choices(&choices)?;
    Ok(choices)
}

/// What ends a poll: nothing in it yet.
pub(super) fn encode_end() -> Vec<u8> {
    cbor::encode(|e| e.map(0)?.ok())
}

/// Reads what ends a poll.
///
/// # Errors
/// [`ContentError`].
pub(super) fn decode_end(encoded: &[u8]) -> Result<(), ContentError> {
    fields::read(encoded, |_, _| Ok(false))
}

/// One line that says something and can't disturb the screen.
pub(super) fn is_line(text: &str, most: usize) -> bool {
    text.len() <= most && !text.trim().is_empty() && !text.chars().any(is_forbidden)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn poll(options: usize) -> Poll {
        Poll {
            question: "q".repeat(MAX_QUESTION),
            options: (0..options)
                .map(|one| format!("{one:o>MAX_OPTION$}"))
                .collect(),
            choice: Choice::Several,
        }
    }

    #[test]
    fn a_poll_is_read_within_its_limits() {
        for (count, fits) in [
            (MIN_OPTIONS - 1, false),
            (MIN_OPTIONS, true),
            (MAX_OPTIONS, true),
            (MAX_OPTIONS + 1, false),
        ] {
            let encoded = poll(count).encode();
            assert_eq!(Poll::decode(&encoded).is_ok(), fits, "{count}");
        }
        let bends: [fn(&mut Poll); 6] = [
            |poll| poll.question.push('q'),
            |poll| poll.question.clear(),
            |poll| poll.question = "a\u{202e}b".to_owned(),
            |poll| poll.options[0].push('o'),
            |poll| poll.options[0] = poll.options[1].clone(),
            |poll| poll.options[1] = "a\nb".to_owned(),
        ];
        for bend in bends {
            let mut bad = poll(3);
            bend(&mut bad);
            assert!(Poll::decode(&bad.encode()) == Err(ContentError::Poll));
        }
        let single = Poll {
            choice: Choice::Single,
            ..poll(2)
        };
        assert!(Poll::decode(&single.encode()) == Ok(single));
    }

    #[test]
    fn choices_stand_in_order_each_once() {
        for (choices, fits) in [
            (&[][..], true),
            (&[0, 1, 11], true),
            (&[12], false),
            (&[1, 0], false),
            (&[1, 1], false),
        ] {
            let read = decode_choices(&encode_choices(choices));
            assert_eq!(read.is_ok_and(|read| read == choices), fits, "{choices:?}");
        }
        assert!(decode_choices(&encode_end()).is_err(), "no choices at all");
        // What a later version adds is passed over.
        assert_eq!(decode_choices(b"\xa2\x01\x81\x00\x09\xf5").unwrap(), [0]);
        assert_eq!(decode_end(b"\xa1\x09\xf5"), Ok(()));
        assert!(decode_end(b"\xa0\x00").is_err(), "more behind");
    }
}
