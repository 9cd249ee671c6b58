//! Invitations: from a welcome to a conversation.

use keyfold_protocol::group::{self, Error, Use as PackageUse};
use keyfold_protocol::rules::{GroupView, LeafView};
use keyfold_protocol::state::Kind;
use keyfold_protocol::welcome;
use keyfold_wire::ids::{AccountId, Serial, Timestamp};
use keyfold_wire::v1;

use super::content::Fate;
use super::{Notice, Step};
use crate::Fault;
use crate::limits::UPDATE_AFTER_JOIN;
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::store::Attempt;
use crate::table::address::{self, Use};
use crate::table::conversation::{self, ConversationRow};
use crate::table::outbox::{Kind as RequestKind, Waiting};
use crate::table::{contact, key_package};
use crate::view::{Contact, Standing};

/// What the member list confirms with the directory at once; larger groups when somebody asks.
const CONFIRM_AT_MOST: usize = 32;

impl Step<'_> {
    /// Joins the conversation of a welcome.
    pub(super) fn welcome(
        &mut self,
        serial: Serial,
        item: &v1::Welcome,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        if address::used_for(self.tx, serial)? != Some(Use::Package) {
            return Ok(Fate::Dropped);
        }
        let Ok(message) = welcome::rebuild(&item.secrets, &item.group_info) else {
            return Ok(Fate::Dropped);
        };
        let attempt = self.storage.attempt()?;
        let joined = match group::join(&self.mls(), &message) {
            Ok(joined) => joined,
            Err(Error::Reject(_)) => return self.decline(attempt),
            Err(error) => return Err(Fault::from_mls(error)),
        };
        let inviter = joined.group.member(joined.inviter).map(LeafView::account);
        let view = joined.group.view().clone();
        let Some(mut loaded) = self.seat(&view)? else {
            return self.decline(attempt);
        };
        self.storage.keep(attempt)?;
        if joined.usage == PackageUse::Once {
            key_package::remove(self.tx, &joined.key_package)?;
            address::assign(self.tx, serial, Use::Conversation(loaded.row.row), None)?;
        }
        loaded.group = Some(self.current(joined.group)?);
        self.settle_in(&mut loaded, &view, inviter, at)?;
        self.unpark.insert(serial);
        self.put(loaded);
        Ok(Fate::Applied)
    }

    /// The key package stays, and nothing of the group.
    fn decline(&mut self, attempt: Attempt) -> Result<Fate, Fault> {
        self.storage.take_back(attempt)?;
        Ok(Fate::Dropped)
    }

    /// The conversation that a group is for: a new one, or one that this device had left. `None`: it is in use here already.
    fn seat(&mut self, view: &GroupView) -> Result<Option<Loaded>, Fault> {
        let existing = conversation::row_of(self.tx, &view.state.id)?;
        let mut loaded = if let Some(row) = existing {
            let loaded = self.expect(row)?;
            if loaded.row.standing != Standing::Left {
                self.put(loaded);
                return Ok(None);
            }
            loaded
        } else {
            let direct = matches!(view.state.kind, Kind::Direct(_));
            let mut row = ConversationRow::new(view.state.id, direct, String::new(), view.suite);
            conversation::insert(self.tx, &mut row)?;
            Loaded::new(self.tx, row)?
        };
        let row = loaded.change();
        row.standing = Standing::Active;
        row.group_id = Some(view.group_id.clone());
        row.server_epoch = view.epoch;
        Ok(Some(loaded))
    }

    fn settle_in(
        &mut self,
        loaded: &mut Loaded,
        view: &GroupView,
        inviter: Option<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        self.mirror(loaded, view)?;
        if loaded.row.direct
            && let Some(peer) = loaded.row.peer
            && let Some(known) = contact::get(self.tx, &peer)?
        {
            loaded.change().title = known.handle;
        }
        self.merge_twin(loaded)?;
        self.note(loaded, inviter, &Notice::Began, at)?;
        let most = u64::try_from(UPDATE_AFTER_JOIN.as_millis()).unwrap_or(u64::MAX);
        let leaves = u64::try_from(view.leaves.len()).unwrap_or(u64::MAX);
        let spread = most.saturating_mul(leaves.div_ceil(16));
        let jitter = self
            .rng
            .with(|rng| rng.next_u64())
            .checked_rem(spread)
            .unwrap_or(0);
        let due = Timestamp(self.now.after(UPDATE_AFTER_JOIN).0.saturating_add(jitter));
        let row = loaded.change();
        row.since_update = 0;
        row.update_due = Some(due);
        self.reschedule = true;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Ready(shown));
        Ok(())
    }

    /// Remembers the people of a group; those never met are asked for at the directory.
    pub(super) fn meet(&mut self, view: &GroupView) -> Result<(), Fault> {
        let few = view.accounts().len() <= CONFIRM_AT_MOST;
        let me = self.me()?.account();
        for leaf in &view.leaves {
            let certificate = &leaf.certificate;
            if contact::get(self.tx, &certificate.account)?.is_some() {
                continue;
            }
            let own = certificate.account == me;
            let met = Contact {
                account: certificate.account,
                handle: certificate.handle.clone(),
                confirmed: own,
                verified: own,
                account_key: certificate.account_key,
            };
            contact::put(self.tx, &met)?;
            if few && !own {
                let lookup = v1::Lookup {
                    by: Some(v1::lookup::By::Account(certificate.account.to_wire())),
                };
                let waiting = Waiting::new(RequestKind::Confirm, None, 0);
                self.request(waiting, v1::client_frame::Request::Lookup(lookup))?;
            }
        }
        Ok(())
    }
}
