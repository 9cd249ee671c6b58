//! Invitation links that were made here, with who waits, and those that were opened here.

use keyfold_protocol::invitation::Invitation as Link;
use keyfold_protocol::state::Name;
use zeroize::Zeroizing;

use crate::command::{InvitationId, JoinRequestId, OpenedId};
use crate::table::invitation::{self, InvitationRow};
use crate::table::join_request::{self, Progress, RequestRow};
use crate::table::{address, contact, opened};
use crate::view::{Invitation, JoinRequest, Opened};
use crate::{Engine, Fault};

impl Engine {
    /// Invitation links that were made on this device, oldest first.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn invitations(&self) -> Result<Vec<Invitation>, Fault> {
        let mut shown = Vec::new();
        for link in invitation::all(&self.database)? {
            let mut requests = Vec::new();
            for asked in join_request::of(&self.database, link.id)? {
                requests.extend(self.join_request(asked)?);
            }
            let left = link.lasts_until.saturating_sub(self.counted_time());
            shown.push(Invitation {
                id: InvitationId(link.id),
                conversation: link.conversation,
                fragment: self.fragment(&link)?,
                title: link.title,
                made: link.made,
                lasts: u64::try_from(left).unwrap_or(0),
                uses: link.uses,
                admitted: link.admitted,
                approval: link.approval,
                useless: link.useless,
                ended: link.ended,
                requests,
            });
        }
        Ok(shown)
    }

    /// Invitation links that were opened on this device and have not let it in, oldest first.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn opened(&self) -> Result<Vec<Opened>, Fault> {
        let rows = opened::all(&self.database)?.into_iter();
        Ok(rows
            .map(|row| Opened {
                id: OpenedId(row.id),
                maker: row.maker,
                conversation: row.conversation,
                title: row.title,
                made: row.made,
                state: row.state,
            })
            .collect())
    }

    fn join_request(&self, asked: RequestRow) -> Result<Option<JoinRequest>, Fault> {
        let admitting = asked.progress == Progress::Admitting;
        if !admitting && asked.progress != Progress::Waits {
            return Ok(None);
        }
        let who = contact::get(&self.database, &asked.account)?;
        Ok(who.map(|who| JoinRequest {
            id: JoinRequestId(asked.id),
            who,
            at: asked.at,
            admitting,
            failure: asked.failure,
        }))
    }

    fn fragment(&self, link: &InvitationRow) -> Result<Option<Zeroizing<String>>, Fault> {
        let (Some(secret), Some(serial), Some(me)) = (&link.secret, link.serial, &self.identity)
        else {
            return Ok(None);
        };
        let Some(address) = address::bytes_of(&self.database, serial)? else {
            return Ok(None);
        };
        let link = Link {
            secret: keyfold_protocol::invitation::LinkSecret::new(*secret.to_secret_bytes()),
            maker: me.account(),
            addresses: vec![address],
            suite: link.suite,
            conversation: link.conversation,
            title: Name::new(&link.title).unwrap_or_default(),
        };
        Ok(Some(link.fragment()))
    }
}
