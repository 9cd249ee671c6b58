//! People named in a text: `@bo` becomes a mention where somebody in the conversation goes by that name.

use keyfold_protocol::content;

use super::Step;
use super::command::normal_form;
use crate::Fault;
use crate::memory::Loaded;
use crate::table::{contact, member};

impl Step<'_> {
    /// A text as a person has typed it, with the mentions that it means.
    pub(super) fn with_mentions(&self, loaded: &Loaded, typed: &str) -> Result<String, Fault> {
        if !typed.contains('@') {
            return Ok(typed.to_owned());
        }
        let mut named = Vec::new();
        for member in member::all(self.tx, loaded.row.row)? {
            if let Some(contact) = contact::get(self.tx, &member.account)? {
                named.push((contact.handle, contact.confirmed, contact.account));
            }
        }
        // The longest name first, and of two people who use one the one whom the directory knows by it.
        named.sort_by_key(|(handle, confirmed, _)| (std::cmp::Reverse(handle.len()), !confirmed));
        Ok(content::with_mentions(typed, |words| {
            let found = named.iter().find(|(handle, ..)| begins(words, handle));
            found.map(|(handle, _, account)| (handle.len(), *account))
        }))
    }
}

/// Whether words begin with a name that ends there: `@bo.` names bo, `@bob` and `@bo.x` do not.
fn begins(words: &str, handle: &str) -> bool {
    let (Some(name), Some(rest)) = (words.get(..handle.len()), words.get(handle.len()..)) else {
        return false;
    };
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut rest = rest.chars();
    let goes_on = match rest.next() {
        Some('.') => rest.next().is_some_and(joins),
        next => next.is_some_and(joins),
    };
    !handle.is_empty() && normal_form(name) == handle && !goes_on
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn a_name_ends_where_its_word_ends() {
        for (words, handle, is) in [
            ("bo", "bo", true),
            ("Bo: six?", "bo", true),
            ("bo.", "bo", true),
            ("bo. Six?", "bo", true),
            ("bo...", "bo", true),
            ("bo's", "bo", true),
            ("bob", "bo", false),
            ("bo_b", "bo", false),
            ("bo-b", "bo", false),
            ("bo.b", "bo", false),
            ("b", "bo", false),
            ("é", "a", false),
            ("bo", "", false),
        ] {
            assert_eq!(begins(words, handle), is, "{words:?} {handle:?}");
        }
    }
}
