//! A conversation's name and description: lines that cannot lie about the screen around it.

use crate::limits::{MAX_DESCRIPTION, MAX_NAME};

/// A name that fits: at most `MAX_NAME` bytes, without control characters, line separators or direction overrides. May be empty.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Name(String);

/// Why a name is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Over `MAX_NAME`.
    #[error("the name is too long: at most {MAX_NAME} bytes")]
    TooLong,
    /// Over `MAX_DESCRIPTION`.
    #[error("the description is too long: at most {MAX_DESCRIPTION} bytes")]
    DescriptionTooLong,
    /// It has a character that would disturb the screen.
    #[error("it has a control or direction character: type it anew instead of pasting it")]
    Character,
}

impl Name {
    /// The name, if it fits.
    ///
    /// # Errors
    /// [`NameError`] when it is too long or has a forbidden character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        if text.chars().any(is_forbidden) {
            return Err(NameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a group is about: at most `MAX_DESCRIPTION` bytes in one or more lines, without other control characters, separators or direction overrides.
/// May be empty.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Description(String);

impl Description {
    /// The description, if it fits.
    ///
    /// # Errors
    /// [`NameError`] when it is too long or has a forbidden character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_DESCRIPTION {
            return Err(NameError::DescriptionTooLong);
        }
        if text.chars().any(|one| one != '\n' && is_forbidden(one)) {
            return Err(NameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// It is for members only, as the name.
impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name is for members only, not for logs.
impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Control characters, line and paragraph separators, and what overrides, embeds or isolates a direction (UAX #9).
pub(crate) fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
