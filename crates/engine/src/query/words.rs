//! Texts as a screen shows them, with the people whom they mention.

use std::cell::RefCell;

use keyfold_protocol::content::{Block, Link, Text};
use keyfold_wire::ids::AccountId;
use rusqlite::Connection;

use crate::table::contact;
use crate::{Engine, Fault};

impl Engine {
    /// A text as it is to be shown. Who is mentioned is called as they are known here, whatever the sender calls them; who is not known is not
    /// mentioned.
    pub(super) fn blocks(&self, text: &Text) -> Result<Vec<Block>, Fault> {
        let mut blocks = text.blocks();
        for span in blocks.iter_mut().flat_map(|block| &mut block.spans) {
            if let Some(Link::Account(account)) = &span.link {
                match contact::get(&self.database, account)? {
                    Some(contact) => span.text = format!("@{}", contact.handle),
                    None => span.link = None,
                }
            }
        }
        Ok(blocks)
    }
}

/// A text as it was typed, with the names that people go by here.
pub(crate) fn as_typed(tx: &Connection, text: &Text) -> Result<String, Fault> {
    let fault = RefCell::new(None);
    let typed = text.as_typed(|account| match contact::get(tx, account) {
        Ok(contact) => contact.map(|contact| contact.handle),
        Err(one) => {
            fault.replace(Some(one));
            None
        }
    });
    fault.into_inner().map_or(Ok(typed), Err)
}

/// Whether a text mentions somebody.
pub(super) fn mentions(blocks: &[Block], account: &AccountId) -> bool {
    let mut spans = blocks.iter().flat_map(|block| &block.spans);
    spans.any(|span| span.link.as_ref() == Some(&Link::Account(*account)))
}
