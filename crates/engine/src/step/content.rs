//! What a message says: shown once, in its place, with gaps where something is missing.

use keyfold_protocol::content::{Body, Content, ContentId, Unverified};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::rules::LeafView;
use keyfold_wire::ids::{AccountId, DeviceId, Epoch, Timestamp};

use super::amend::Aim;
use super::expire::Term;
use super::send::counts_as_leaving;
use super::{Notice, Step};
use crate::Fault;
use crate::limits::LEAVE_JITTER;
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::Row;
use crate::table::heard::{self, Heard, Turn};
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::timeline::{self, EntryRow, Kind, Place, Stage};
use crate::table::{blocked, hidden, leaver, mark};

/// Whether an item was of use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It was applied, or is known already.
    Applied,
    /// It is kept for later.
    Parked,
    /// It can't be used.
    Dropped,
}

impl Step<'_> {
    /// Takes in a decrypted message of somebody else.
    pub(super) fn hear(
        &mut self,
        loaded: &mut Loaded,
        sender: &LeafView,
        plaintext: Vec<u8>,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let Some(group_id) = &loaded.row.group_id else {
            return Ok(Fate::Dropped);
        };
        let verified = Unverified::new(plaintext).verify(loaded.row.talk(), group_id, sender);
        let Ok(content) = verified else {
            return Ok(Fate::Dropped);
        };
        if matches!(content.body, Body::Leaving(_)) && !counts_as_leaving(&loaded.row, epoch) {
            // It is said again, and heard then.
            return Ok(Fate::Applied);
        }
        let Some(host) = loaded.row.line_of else {
            return self.take_in(loaded, sender, &content, at);
        };
        let mut host = self.expect(host)?;
        let fate = self.take_in(&mut host, sender, &content, at);
        self.put(host);
        fate
    }

    /// Shows what somebody has said, or does what it asks for.
    fn take_in(
        &mut self,
        loaded: &mut Loaded,
        sender: &LeafView,
        content: &Content,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let mine = sender.account() == self.me()?.account();
        let silent = self.is_silent(loaded, sender, content, at)?;
        if !self.take_turn(loaded, sender, content, at, silent)? {
            return Ok(Fate::Applied);
        }
        // Another device of theirs may have been quicker than the news. Everybody has both in one order.
        if leaver::has(self.tx, loaded.row.row, &sender.account())? {
            return Ok(Fate::Applied);
        }
        if let Body::Leaving(proof) = &content.body {
            self.somebody_leaves(loaded, proof, at)?;
            return Ok(Fate::Applied);
        }
        if silent {
            return Ok(Fate::Applied);
        }
        if let Body::Profile(profile) = &content.body {
            return self.shows(loaded, sender.account(), profile, at);
        }
        let aim = self.aim(loaded, &sender.account(), &content.body)?;
        if aim == Aim::Nowhere {
            return Ok(Fate::Applied);
        }
        let term = if aim == Aim::Itself {
            self.term_of(loaded, content, mine, at)?
        } else {
            Some(Term::default())
        };
        let Some(term) = term else {
            if mine {
                self.answered_elsewhere(loaded)?;
            }
            return Ok(Fate::Applied);
        };
        self.stops_typing(loaded.row.shown_in, sender.account());
        if let (Aim::At { target, .. }, Body::Edit { .. }) = (aim, &content.body) {
            self.unindex_message(loaded.row.shown_in, &target)?;
        }
        let kept = self.kept_of(content, mine, at)?;
        let place = self.append(
            loaded,
            Some(sender.account()),
            Kind::of(&content.body),
            kept.body,
            at,
            |entry| {
                entry.content_id = Some(content.id);
                entry.mine = mine;
                entry.stage = if mine { Stage::Sent } else { Stage::Received };
                entry.aims(aim);
                entry.ends(term, kept.until);
            },
        )?;
        self.amends(loaded, &content.id, aim)?;
        self.reindex()?;
        self.index_soon();
        if aim == Aim::Itself {
            self.count_unread(loaded, mine, place)?;
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Arrived(shown, content.id));
        }
        Ok(Fate::Applied)
    }

    /// Whether nothing of what is said is taken in: its sender is blocked, or as much waits here as is kept. A word of this account accepts what waits.
    fn is_silent(
        &mut self,
        loaded: &mut Loaded,
        sender: &LeafView,
        content: &Content,
        at: Timestamp,
    ) -> Result<bool, Fault> {
        let account = sender.account();
        if self.is_own(&account, &sender.device())? && !matches!(content.body, Body::Leaving(_)) {
            self.accepted_elsewhere(loaded)?;
        }
        Ok(blocked::has(self.tx, &account)? || self.keeps_no_more(loaded, at)?)
    }

    /// Judges the sender's counter; a gap is shown, but not of who is not to be heard. `false`: it was heard before.
    fn take_turn(
        &mut self,
        loaded: &mut Loaded,
        sender: &LeafView,
        content: &Content,
        at: Timestamp,
        silent: bool,
    ) -> Result<bool, Fault> {
        let device = sender.device();
        let (known, unwritten) = match loaded.heard.remove(&device) {
            Some((heard, unwritten)) => (Some(heard), unwritten),
            None => (heard::get(self.tx, loaded.row.row, &device)?, false),
        };
        let mut heard = known.unwrap_or_else(Heard::first);
        let turn = heard.judge(content.counter);
        // A device that was put back gives counters a second time, to other messages: what tells is whether this one is there.
        let known = heard.may_be_said_again(content.counter) || turn == Turn::Again;
        let again = known && self.has_had(loaded.row.shown_in, &content.id)?;
        match turn {
            Turn::Next | Turn::Again => {}
            Turn::After { .. } if silent => {}
            Turn::After { first, missing } => {
                let body = missing.to_be_bytes().to_vec();
                let account = Some(sender.account());
                let place = self.append(loaded, account, Kind::Gap, body, at, |_| {})?;
                heard.miss(first, missing, place);
                let shown = self.shown_id(loaded)?;
                self.tell(Event::Gap(shown));
            }
            Turn::Late(place) => self.narrow_gap(place)?,
        }
        let new = turn != Turn::Again;
        if new {
            heard.hear(content.counter);
        }
        loaded.heard.insert(device, (heard, new || unwritten));
        Ok(!again)
    }

    /// Whether a message is here already, or was, and has been deleted.
    fn has_had(&self, shown_in: Row, id: &ContentId) -> Result<bool, Fault> {
        Ok(timeline::has(self.tx, shown_in, id)? || hidden::has(self.tx, shown_in, id)?)
    }

    fn narrow_gap(&mut self, place: Place) -> Result<(), Fault> {
        let Some(entry) = timeline::get(self.tx, place)? else {
            return Ok(());
        };
        let missing = entry
            .body
            .as_slice()
            .try_into()
            .map_or(0, u64::from_be_bytes);
        timeline::resize_gap(self.tx, place, missing.saturating_sub(1))
    }

    /// A line of the conversation itself.
    pub(super) fn note(
        &mut self,
        loaded: &mut Loaded,
        by: Option<AccountId>,
        notice: &Notice,
        at: Timestamp,
    ) -> Result<(), Fault> {
        // In a conversation with somebody who is blocked nothing of theirs is shown.
        if let Some(by) = &by
            && loaded.row.direct
            && blocked::has(self.tx, by)?
        {
            return Ok(());
        }
        if self.keeps_no_more(loaded, at)? {
            return Ok(());
        }
        let body = notice.encode()?;
        self.append(loaded, by, Kind::Notice, body, at, |_| {})?;
        Ok(())
    }

    /// Puts an entry at the end of the timeline that shows this conversation, before what waits to be sent.
    pub(super) fn append(
        &mut self,
        loaded: &mut Loaded,
        sender: Option<AccountId>,
        kind: Kind,
        body: Vec<u8>,
        at: Timestamp,
        finish: impl FnOnce(&mut EntryRow),
    ) -> Result<Place, Fault> {
        let place = self.next_place(loaded)?;
        let mut entry = EntryRow {
            place,
            origin: loaded.row.row,
            content_id: None,
            sender,
            mine: false,
            kind,
            body,
            at,
            stage: Stage::Received,
            target: None,
            by_admin: false,
            starred: false,
            lasts: None,
            goes_at: None,
            once_until: None,
        };
        finish(&mut entry);
        timeline::insert(self.tx, &entry)?;
        Ok(place)
    }

    /// The next free place of the timeline that shows this conversation.
    pub(super) fn next_place(&mut self, loaded: &mut Loaded) -> Result<Place, Fault> {
        self.in_shown(loaded, |shown| {
            let row = shown.change();
            let place = Place::new(row.row, row.next);
            row.next = row.next.saturating_add(1);
            place
        })
    }

    /// This person has said something on another device that is gone already: what was said before it was read.
    fn answered_elsewhere(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let (shown_in, up_to) = self.in_shown(loaded, |shown| {
            let row = shown.change();
            (row.read_up_to, row.unread) = (row.next.saturating_sub(1), 0);
            (row.row, row.read_up_to)
        })?;
        self.begin_read(shown_in, up_to)?;
        mark::spoken(self.tx, shown_in)
    }

    fn count_unread(&mut self, loaded: &mut Loaded, mine: bool, place: Place) -> Result<(), Fault> {
        let shown_in = self.in_shown(loaded, |shown| {
            let row = shown.change();
            if mine {
                (row.read_up_to, row.unread) = (place.position(), 0);
            } else {
                row.unread = row.unread.saturating_add(1);
            }
            row.row
        })?;
        self.cursors_move(shown_in, loaded.row.direct, mine)?;
        if mine {
            // Whoever answers has read what was said before.
            self.begin_read(shown_in, place.position())?;
            mark::spoken(self.tx, shown_in)
        } else if !self.is_request(loaded)? {
            mark::heard(self.tx, shown_in)
        } else if loaded.leaving {
            Ok(())
        } else {
            self.request_heard(shown_in)
        }
    }

    /// The public id under which this conversation is shown.
    pub(super) fn shown_id(
        &mut self,
        loaded: &mut Loaded,
    ) -> Result<keyfold_wire::ids::ConversationId, Fault> {
        self.in_shown(loaded, |shown| shown.row.public_id)
    }

    /// Does something to the conversation whose timeline shows this one: mostly itself.
    pub(super) fn in_shown<T>(
        &mut self,
        loaded: &mut Loaded,
        act: impl FnOnce(&mut Loaded) -> T,
    ) -> Result<T, Fault> {
        if loaded.row.shown_in == loaded.row.row {
            return Ok(act(loaded));
        }
        let mut shown = self.expect(loaded.row.shown_in)?;
        let result = act(&mut shown);
        self.put(shown);
        Ok(result)
    }

    /// Whether a commit of this device is on its way that takes that one out: its word counts for nobody then. It may be in other hands.
    fn is_taking_out(&self, loaded: &Loaded, gone: DeviceId) -> Result<bool, Fault> {
        let takes =
            |wish: &Wish| matches!(wish, Wish::RemoveDevice(device) if gone.as_bytes() == device);
        self.has_under_way(loaded, takes)
    }

    fn has_under_way(&self, loaded: &Loaded, does: impl Fn(&Wish) -> bool) -> Result<bool, Fault> {
        let intents = intent::of(self.tx, loaded.row.row)?;
        Ok(intents
            .iter()
            .any(|intent| intent.progress == Progress::Requested && does(&intent.wish)))
    }

    /// Another device of this account has left, and a commit of this one is on its way by which somebody comes in who does not hear it: it is
    /// said again behind that.
    fn leave_as_well(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if !loaded.leaving {
            let _answered = self.leave(loaded)?;
        }
        Ok(())
    }

    /// Somebody has said that they leave: whoever comes first removes them.
    fn somebody_leaves(
        &mut self,
        loaded: &mut Loaded,
        proof: &LeaveProof,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if proof.account == self.me()?.account() {
            if self.is_taking_out(loaded, proof.device)? {
                return Ok(());
            }
            if self.has_under_way(loaded, Wish::adds)? {
                return self.leave_as_well(loaded);
            }
            self.note(loaded, Some(proof.account), &Notice::Left, at)?;
            return self.left(loaded);
        }
        let encoded = LeaveProof::encode_list(&[*proof]);
        leaver::add(self.tx, loaded.row.row, &proof.account, &encoded)?;
        self.note(loaded, Some(proof.account), &Notice::Left, at)?;
        // A commit that is on its way already does not take them out.
        let waits = |intent: &IntentRow| {
            intent.wish == Wish::RemoveLeavers && intent.progress != Progress::Requested
        };
        if intent::of(self.tx, loaded.row.row)?.iter().any(waits) {
            return Ok(());
        }
        self.take_out_leavers(loaded.row.row)?;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Changed(shown));
        Ok(())
    }

    /// Whoever has said that they leave is taken out after a random part of [`LEAVE_JITTER`].
    pub(super) fn take_out_leavers(&mut self, row: Row) -> Result<(), Fault> {
        let jitter = self.rng.with(|rng| rng.next_u64());
        let most = u64::try_from(LEAVE_JITTER.as_millis()).unwrap_or(u64::MAX);
        let when = Timestamp(
            self.now
                .0
                .saturating_add(jitter.checked_rem(most).unwrap_or(0)),
        );
        self.intend(row, &Wish::RemoveLeavers, Progress::Ready, when)?;
        self.wake(when);
        Ok(())
    }
}
