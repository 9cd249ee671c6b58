//! Places and contact cards: what is said of where something is, and of who somebody is.

use keyfold_protocol::content::{Body, Card, ContentId, Location, Saying};
use keyfold_protocol::limits::MAX_ACCURACY;
use keyfold_protocol::state::Name;
use keyfold_wire::ids::{AccountId, ConversationId};

use super::Step;
use super::command::{Answered, normal_form};
use crate::Fault;
use crate::command::{Complaint, Place};
use crate::memory::Loaded;
use crate::table::{contact, profile};
use crate::view::CardCheck;

impl Step<'_> {
    /// A person says where something is.
    pub(super) fn send_location(
        &mut self,
        loaded: &mut Loaded,
        place: &Place,
    ) -> Result<Answered, Fault> {
        let label = match Name::new(place.label.trim()) {
            Ok(label) => label,
            Err(error) => return Ok(Err(Complaint::Name(error.to_string()))),
        };
        let location = Location {
            latitude: place.latitude,
            longitude: place.longitude,
            accuracy: place.accuracy,
            label,
        };
        if location.check().is_err() {
            return Ok(Err(Complaint::Location(MAX_ACCURACY)));
        }
        self.say(loaded, Saying::Location(&location))
    }

    /// A person says who somebody is whom they know: the directory has told them, or they are that themselves.
    pub(super) fn send_contact(
        &mut self,
        loaded: &mut Loaded,
        handle: &str,
    ) -> Result<Answered, Fault> {
        let handle = normal_form(handle);
        let me = self.me()?;
        let account = if me.certificate.handle == handle {
            me.account()
        } else {
            let known = contact::by_handle(self.tx, &handle)?.filter(|known| known.confirmed);
            match known {
                Some(known) => known.account,
                None => return Ok(Err(Complaint::NotLookedUp(handle))),
            }
        };
        let name = profile::get(self.tx, &account)?.map(|shown| shown.name);
        let card = Card {
            account,
            handle,
            name: name.unwrap_or_default(),
        };
        if card.check().is_err() {
            return Ok(Err(Complaint::Handle(card.handle)));
        }
        self.say(loaded, Saying::Card(&card))
    }

    /// A person wants to talk to whom a card names. Where the directory has not said yet who that is, it is asked: [`Event::Found`] or
    /// [`Event::NotFound`] tells, and then this is asked again.
    ///
    /// [`Event::Found`]: crate::Event::Found
    /// [`Event::NotFound`]: crate::Event::NotFound
    pub(super) fn use_card(
        &mut self,
        conversation: &ConversationId,
        message: &ContentId,
    ) -> Result<Answered, Fault> {
        let Some(loaded) = self.named(conversation)? else {
            return Ok(Err(Complaint::NoSuchConversation));
        };
        let waits = self.is_request(&loaded);
        let meant = self.meant(&loaded, message);
        self.put(loaded);
        if waits? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let entry = match meant? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let Some(Body::Card(card)) = entry.says().map(|kept| kept.body) else {
            return Ok(Err(Complaint::NoCard));
        };
        if card.account == self.me()?.account() {
            return Ok(Err(Complaint::OwnCard));
        }
        match check(self.tx, &card.account, &card.handle)? {
            CardCheck::Right => self.begin(std::slice::from_ref(&card.handle), None, None),
            CardCheck::Wrong => Ok(Err(Complaint::CardWrong(card.handle))),
            CardCheck::NotYet => self.look_up(&card.handle),
        }
    }
}

/// What the directory has said of an account and a handle.
pub(crate) fn check(
    tx: &rusqlite::Connection,
    account: &AccountId,
    handle: &str,
) -> Result<CardCheck, Fault> {
    let by_handle = contact::by_handle(tx, handle)?.filter(|known| known.confirmed);
    let known = contact::get(tx, account)?.filter(|known| known.confirmed);
    Ok(match (by_handle, known) {
        (Some(found), _) if found.account == *account => CardCheck::Right,
        (Some(_), _) => CardCheck::Wrong,
        // A handle may have gone to somebody else since: the directory is asked.
        (None, _) => CardCheck::NotYet,
    })
}
