//! Parts of Keyfold's own media types, told apart.

use super::mimi::{Disposition, Mimi, Part};
use super::poll::{decode_choices, decode_end};
use super::preview::LINK;
use super::{
    Body, CARD, Card, ContentError, LOCATION, Location, POLL, POLL_END, PROFILE, Poll, Preview,
    Profile, VOTE, Vote, once,
};

/// What a message says whose part is of a type of Keyfold's own. `None`: it is not, or is meant otherwise.
///
/// # Errors
/// [`ContentError`]: it claims to be so, and can't be.
pub(super) fn own_kind(mimi: &Mimi) -> Result<Option<Body>, ContentError> {
    if mimi.replaces.is_none()
        && let Some(once) = once::of(&mimi.part)?
    {
        return Ok(Some(Body::Once(Box::new(once))));
    }
    let Part::Single {
        disposition,
        media_type,
        content,
    } = &mimi.part
    else {
        return Ok(None);
    };
    let is = |kind: &str| media_type.eq_ignore_ascii_case(kind);
    if *disposition == Disposition::PROFILE && is(PROFILE) {
        return Ok(Some(Body::Profile(Box::new(Profile::decode(content)?))));
    }
    if mimi.replaces.is_some() {
        return Ok(None);
    }
    if *disposition == Disposition::REACTION {
        return match mimi.in_reply_to {
            Some(on) if is(VOTE) => {
                let choices = decode_choices(content)?;
                Ok(Some(Body::Vote(Vote { on, choices })))
            }
            Some(of) if is(POLL_END) => {
                decode_end(content)?;
                Ok(Some(Body::PollEnd(of)))
            }
            _ => Ok(None),
        };
    }
    if !disposition.is_rendered() {
        return Ok(None);
    }
    Ok(if is(POLL) {
        Some(Body::Poll(Box::new(Poll::decode(content)?)))
    } else if is(LOCATION) {
        Some(Body::Location(Box::new(Location::decode(content)?)))
    } else if is(CARD) {
        Some(Body::Card(Box::new(Card::decode(content)?)))
    } else {
        None
    })
}

/// The preview of a link, if the part is one.
///
/// # Errors
/// [`ContentError`]: it claims to be one, and can't be.
pub(super) fn preview(part: &Part) -> Result<Option<Preview>, ContentError> {
    match part {
        Part::Single {
            disposition: Disposition::PREVIEW,
            media_type,
            content,
        } if media_type.eq_ignore_ascii_case(LINK) => Preview::decode(content).map(Some),
        _ => Ok(None),
    }
}
