//! A contact card: somebody's account, as the sender knows it. It proves nothing: whoever uses it asks the directory whether account and handle belong
//! together.

use keyfold_wire::handle::normal_form;
use keyfold_wire::ids::AccountId;
use keyfold_wire::limits::MAX_HANDLE;

use super::poll::is_line;
use super::{ContentError, fields};
use crate::cbor;
use crate::state::Name;

/// The media type of a contact card.
pub const CARD: &str = "application/vnd.keyfold.contact+cbor";

const KEY_ACCOUNT: u64 = 1;
const KEY_HANDLE: u64 = 2;
const KEY_NAME: u64 = 3;

/// Somebody's account.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// The account.
    pub account: AccountId,
    /// Its handle, in the directory's form.
    pub handle: String,
    /// What they are called, as the sender knows it; may be empty.
    pub name: Name,
}

impl Card {
    /// Whether it can be one.
    ///
    /// # Errors
    /// [`ContentError::Card`].
    pub fn check(&self) -> Result<(), ContentError> {
        if is_line(&self.handle, MAX_HANDLE) && normal_form(&self.handle) == self.handle {
            Ok(())
        } else {
            Err(ContentError::Card)
        }
    }

    /// As it travels. What is empty is left out.
    pub(super) fn encode(&self) -> Vec<u8> {
        let name = self.name.as_str();
        cbor::encode(|e| {
            e.map(if name.is_empty() { 2 } else { 3 })?;
            e.u64(KEY_ACCOUNT)?.bytes(self.account.as_bytes())?;
            e.u64(KEY_HANDLE)?.str(&self.handle)?;
            if !name.is_empty() {
                e.u64(KEY_NAME)?.str(name)?;
            }
            e.ok()
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let (mut account, mut handle, mut name) = (None, String::new(), Name::default());
        fields::read(encoded, |key, d| {
            match key {
                KEY_ACCOUNT => account = Some(AccountId::new(cbor::fixed(d)?)),
                KEY_HANDLE => d.str()?.clone_into(&mut handle),
                KEY_NAME => name = Name::new(d.str()?).map_err(|_| ContentError::Card)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let card = Self {
            account: account.ok_or(ContentError::Malformed)?,
            handle,
            name,
        };
        card.check()?;
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stands_as_the_directory_writes_it() {
        let longest = "h".repeat(MAX_HANDLE);
        for (handle, fits) in [
            ("bo", true),
            (longest.as_str(), true),
            (&format!("{longest}h"), false),
            ("Bo", false),
            (" bo", false),
            ("", false),
            ("b\u{202e}o", false),
        ] {
            let card = Card {
                account: AccountId::new([1; 32]),
                handle: handle.to_owned(),
                name: Name::default(),
            };
            assert_eq!(Card::decode(&card.encode()).is_ok(), fits, "{handle:?}");
        }
        assert!(Card::decode(b"\xa1\x02\x62bo").is_err(), "whose?");
    }
}
