//! Handle rules: one script, nothing invisible, nobody's look-alike (Unicode Technical Standard 39).
//!
//! Two handles with the same skeleton look alike, so only one of them can be taken.

use keyfold_wire::handle::normal_form;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};

use crate::refusal::Refusal;

/// Names of two letters are names (Bo, Cy, 李明); shorter ones are hard to tell apart from typing errors.
pub const MIN_LETTERS: usize = 2;

/// Longer ones do not fit beside a name on a phone's screen.
pub const MAX_LETTERS: usize = 32;

/// A stack of more marks on a letter hides the letter.
const MAX_MARKS: usize = 2;

/// A permitted handle.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle {
    normal: String,
    skeleton: String,
}

/// Handles belong into the directory only, not into a log.
impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle(..)")
    }
}

impl Handle {
    /// Reads a handle as somebody typed it.
    ///
    /// # Errors
    /// [`Refusal::HandleInvalid`].
    pub fn parse(typed: &str) -> Result<Self, Refusal> {
        let normal = normal_form(typed);
        if typed.trim() != typed || !is_permitted(&normal) {
            return Err(Refusal::HandleInvalid);
        }
        let skeleton = look(&normal);
        Ok(Self { normal, skeleton })
    }

    /// What the directory and certificates say: NFKC, lower case.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// What it looks like: equal for handles that people would take for each other.
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }
}

/// The skeleton knows nothing of case and takes a zero for a capital O: hence lower case around it.
fn look(normal: &str) -> String {
    let once: String = skeleton(normal).collect::<String>().to_lowercase();
    skeleton(&once).collect::<String>().to_lowercase()
}

fn is_permitted(normal: &str) -> bool {
    let letters = normal.chars().count();
    (MIN_LETTERS..=MAX_LETTERS).contains(&letters)
        && normal.is_single_script()
        && normal.starts_with(char::is_alphanumeric)
        && !normal.ends_with(is_separator)
        && normal.chars().all(is_permitted_letter)
        && has_bare_separators(normal)
        && longest_run(normal, is_combining_mark) <= MAX_MARKS
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | '_' | '-')
}

fn is_permitted_letter(letter: char) -> bool {
    is_separator(letter)
        || (letter.identifier_allowed() && (letter.is_alphanumeric() || is_combining_mark(letter)))
}

/// No two separators in a row, and no mark on one.
fn has_bare_separators(normal: &str) -> bool {
    let next = normal.chars().skip(1);
    normal
        .chars()
        .zip(next)
        .all(|(one, next)| !is_separator(one) || !(is_separator(next) || is_combining_mark(next)))
}

fn longest_run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    let run = |(longest, now): (usize, usize), letter| {
        let now = if belongs(letter) { now + 1 } else { 0 };
        (longest.max(now), now)
    };
    text.chars().fold((0, 0), run).0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn looks(handle: &str) -> String {
        Handle::parse(handle).unwrap().skeleton
    }

    #[test]
    fn people_in_many_scripts_get_their_names() {
        for typed in [
            "ada",
            "Ada.Lovelace",
            "j0rg-3",
            "jörg",
            "михаил",
            "ελένη",
            "משה",
            "محمد",
            "さくら",
            "田中さん",
            "김철수",
            "हिन्दी",
        ] {
            assert!(Handle::parse(typed).is_ok(), "{typed}");
        }
        assert_eq!(Handle::parse("ＡＤＡ").unwrap().normal(), "ada");
        assert_eq!(Handle::parse("Straße").unwrap().normal(), "straße");
        assert_eq!(Handle::parse("ΝΊΚΟΣ").unwrap().normal(), "νίκος");
        assert_eq!(Handle::parse("jo\u{308}rg").unwrap().normal(), "jörg");
    }

    #[test]
    fn two_letters_and_thirty_two_are_permitted_and_one_past_is_not() {
        assert!(Handle::parse("a").is_err());
        assert!(Handle::parse("bo").is_ok());
        assert!(Handle::parse(&"ä".repeat(32)).is_ok());
        assert!(Handle::parse(&"ä".repeat(33)).is_err());
    }

    #[test]
    fn mixed_scripts_invisible_letters_and_ornaments_are_refused() {
        for typed in [
            "аda",
            "ada\u{200b}",
            "ad\u{202e}a",
            "a da",
            "ada\n",
            " ada",
            "ada@x",
            "ada/x",
            ".ada",
            "ada.",
            "a..da",
            "-ada",
            "ada💥",
            "a\u{301}\u{301}\u{301}\u{301}da",
            "ad.\u{301}a",
            "ada\0",
            "",
        ] {
            assert_eq!(
                Handle::parse(typed),
                Err(Refusal::HandleInvalid),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn look_alikes_have_one_skeleton_and_others_have_not() {
        assert_eq!(looks("paypal"), looks("paypa1"));
        assert_eq!(looks("google"), looks("g00gle"));
        assert_eq!(looks("modern"), looks("rnodern"));
        assert_eq!(
            looks("аса"),
            looks("aca"),
            "a whole word of Cyrillic letters that look Latin"
        );
        assert_ne!(looks("ada"), looks("bob"));
        assert_ne!(looks("jorg"), looks("jörg"));
    }
}
