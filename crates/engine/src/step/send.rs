//! Own messages: written down, encrypted once, settled when they come back in the conversation's order.

use keyfold_protocol::content::{self, Author, Body, Composed, ContentError, Expires, Saying};
use keyfold_protocol::envelope;
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::limits::MAX_REACTION;
use keyfold_wire::ids::{Epoch, MessageId, Timestamp};
use keyfold_wire::limits::MAX_TEXT;
use keyfold_wire::v1;
use sha2::{Digest as _, Sha256};

use super::Step;
use super::amend::Aim;
use super::command::Answered;
use super::errand::leaf_of;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{MAX_ENCRYPTED_AHEAD, MAX_WAITING, UPDATE_MESSAGES};
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::conversation::ConversationRow;
use crate::table::outbox::{Kind, Waiting};
use crate::table::timeline::{self, EntryRow, Place, Stage, WAITING};
use crate::table::{mark, profile};
use crate::view::Standing;

impl Step<'_> {
    /// A person says something.
    pub(super) fn say(
        &mut self,
        loaded: &mut Loaded,
        saying: Saying<'_>,
    ) -> Result<Answered, Fault> {
        let expires = self.term_here(loaded, None)?;
        self.say_expiring(loaded, saying, expires)
    }

    /// A person says something that is to be gone at some time.
    pub(super) fn say_expiring(
        &mut self,
        loaded: &mut Loaded,
        saying: Saying<'_>,
        expires: Option<Expires>,
    ) -> Result<Answered, Fault> {
        if loaded.waiting >= MAX_WAITING {
            return Ok(Err(Complaint::TooMuchWaiting(loaded.waiting)));
        }
        if let Err(complaint) = check(saying) {
            return Ok(Err(complaint));
        }
        if self.is_with_blocked(loaded)? {
            return Ok(Err(Complaint::Blocked));
        }
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let me = self.me()?.account();
        let is_posted = !matches!(
            saying,
            Saying::Reaction { .. }
                | Saying::Deletion(_)
                | Saying::Profile(_)
                | Saying::Vote { .. }
                | Saying::PollEnd(_)
        );
        if is_posted && !self.may_post(loaded, &me)? {
            return Ok(Err(Complaint::NotAllowed));
        }
        if !matches!(saying, Saying::Profile(_)) {
            self.tell_profile(loaded)?;
        }
        let (author, counter) = self.next_own(loaded)?;
        let composed = self
            .rng
            .with(|rng| content::write_expiring(&author, counter, saying, expires, rng));
        match composed {
            Ok(composed) => self.write_down(loaded, composed).map(Ok),
            Err(error) => Ok(Err(complaint(saying, error))),
        }
    }

    /// A person leaves: says so, and goes when the others have it.
    pub(super) fn leave(&mut self, loaded: &mut Loaded) -> Result<Answered, Fault> {
        if !self.load_group(loaded)? {
            return Ok(Err(Complaint::NotAMember));
        }
        let (author, counter) = self.next_own(loaded)?;
        let me = self.me()?;
        let proof = loaded.group.as_ref().and_then(|current| {
            let view = current.group.view();
            let own = view
                .leaves
                .iter()
                .find(|leaf| leaf.device() == me.device())?;
            Some(LeaveProof::make(&me.keys, &view.group_id, own))
        });
        let Some(proof) = proof else {
            return Ok(Err(Complaint::NotAMember));
        };
        let composed = self
            .rng
            .with(|rng| content::leaving(&author, counter, &proof, rng));
        loaded.leaving = true;
        self.write_down(loaded, composed).map(Ok)
    }

    fn next_own(&self, loaded: &mut Loaded) -> Result<(Author, u64), Fault> {
        let me = self.me()?;
        let (account, device) = (me.account(), me.device());
        let row = loaded.change();
        row.counter = row.counter.saturating_add(1);
        Ok((
            Author {
                account,
                device,
                conversation: row.public_id,
            },
            row.counter,
        ))
    }

    /// Makes the message durable, encrypted at once where nothing stands in its way.
    fn write_down(&mut self, loaded: &mut Loaded, composed: Composed) -> Result<Answer, Fault> {
        let me = self.me()?.account();
        let now = self.now;
        let place = self.in_shown(loaded, |shown| {
            let row = shown.change();
            let place = Place::new(row.row, WAITING.saturating_add(row.next_waiting));
            row.next_waiting = row.next_waiting.saturating_add(1);
            place
        })?;
        let mut entry = EntryRow {
            place,
            origin: loaded.row.row,
            content_id: Some(composed.id),
            sender: Some(me),
            mine: true,
            kind: timeline::Kind::Content,
            body: composed.encoded,
            at: now,
            stage: Stage::Waiting,
            target: None,
            by_admin: false,
            starred: false,
            lasts: None,
            goes_at: None,
            once_until: None,
        };
        let aim = match entry.says() {
            Some(kept) => {
                entry.kind = timeline::Kind::of(&kept.body);
                entry.lasts = kept.lasts();
                self.aim(loaded, &me, &kept.body)?
            }
            None => Aim::Itself,
        };
        entry.aims(aim);
        let unseen = matches!(entry.says().map(|kept| kept.body), Some(Body::Profile(_)));
        if unseen {
            entry.veils();
        }
        let ready = loaded.waiting == 0 && self.may_encrypt(loaded)? && !self.must_wait(loaded);
        if ready && self.encrypt(loaded, &entry)? {
            entry.stage = Stage::Encrypted;
        } else {
            loaded.waiting = loaded.waiting.saturating_add(1);
            self.touched.insert(loaded.row.row);
        }
        timeline::insert(self.tx, &entry)?;
        if let Aim::At { target, .. } = aim {
            self.tell_amended(loaded, &target)?;
        }
        if aim == Aim::Itself && !unseen {
            mark::spoken(self.tx, place.conversation())?;
        }
        Ok(Answer::Message(composed.id))
    }

    /// Whether nothing stands in the way of the next message: no commit of one's own, no epoch to catch up with, no full pipeline,
    /// and no message of an earlier epoch that may still be refused and then would come behind this one.
    pub(super) fn may_encrypt(&mut self, loaded: &mut Loaded) -> Result<bool, Fault> {
        let row = &loaded.row;
        let in_place = row.standing == Standing::Active && row.epoch >= row.server_epoch;
        if !in_place || !self.session.greeted || self.lines_wait(loaded)? {
            return Ok(false);
        }
        if self.memory.open_requests(row.row) >= MAX_ENCRYPTED_AHEAD
            || self.memory.is_behind(row.row, row.epoch)
            || self.commit_waits(row.row)?
        {
            return Ok(false);
        }
        if !self.load_group(loaded)? {
            return Ok(false);
        }
        Ok(loaded
            .group
            .as_ref()
            .is_some_and(|current| !current.group.is_pending()))
    }

    /// Leaving overtakes nothing: what was said before it would come behind it, where nobody shows it.
    pub(super) fn must_wait(&self, loaded: &Loaded) -> bool {
        loaded.leaving && self.memory.open_requests(loaded.row.row) > 0
    }

    /// Encrypts a message and puts its request into the outbox. `false`: it is too large.
    pub(super) fn encrypt(&mut self, loaded: &mut Loaded, entry: &EntryRow) -> Result<bool, Fault> {
        let renewed = self.renew_leaving(loaded, entry)?;
        let entry = renewed.as_ref().unwrap_or(entry);
        let (Some(current), Some(handle)) = (&mut loaded.group, loaded.row.handle) else {
            return Ok(false);
        };
        let (mls, device) = (self.mls(), self.device()?);
        let sealed = current
            .group
            .encrypt(&mls, device, &entry.body)
            .map_err(Fault::from_mls)?;
        current.dirty = true;
        let epoch = loaded.row.epoch;
        let message_id = MessageId::new(self.rng.bytes());
        let body = self
            .rng
            .with(|rng| envelope::seal(&current.envelope, epoch, message_id, &sealed, rng));
        let Ok(body) = body else {
            return Ok(false);
        };
        let mut waiting = Waiting::new(Kind::Send, Some(loaded.row.row), entry.place.0);
        waiting.message_id = Some(message_id);
        waiting.epoch = epoch;
        waiting.body_hash = Some(Sha256::digest(&body).into());
        let send = v1::Send {
            handle: handle.to_wire(),
            epoch: epoch.0,
            roster_key: bytes(current.roster_key.as_bytes()),
            message_id: message_id.to_wire(),
            body: body.into(),
        };
        self.request(waiting, v1::client_frame::Request::Send(send))?;
        self.erase_soon();
        let row = loaded.change();
        row.since_update = row.since_update.saturating_add(1);
        if row.since_update == UPDATE_MESSAGES {
            row.update_due = Some(self.now);
            self.reschedule = true;
        }
        Ok(true)
    }

    /// A proof of leaving speaks of one group and one leaf: where the conversation goes on, it is made anew.
    fn renew_leaving(
        &mut self,
        loaded: &Loaded,
        entry: &EntryRow,
    ) -> Result<Option<EntryRow>, Fault> {
        if !loaded.leaving || !entry.is_leaving() {
            return Ok(None);
        }
        let me = self.me()?;
        let view = loaded.group.as_ref().map(|current| current.group.view());
        let proof = view.and_then(|view| {
            let own = leaf_of(view, me.account(), me.device())?;
            Some(LeaveProof::make(&me.keys, &view.group_id, own))
        });
        let (Some(proof), Ok(counter)) = (proof, content::counter_of(&entry.body)) else {
            return Ok(None);
        };
        let author = Author {
            account: me.account(),
            device: me.device(),
            conversation: loaded.row.public_id,
        };
        let composed = self
            .rng
            .with(|rng| content::leaving(&author, counter, &proof, rng));
        timeline::rewrite(self.tx, entry.place, &composed.id, &composed.encoded)?;
        Ok(Some(EntryRow {
            content_id: Some(composed.id),
            body: composed.encoded,
            ..entry.clone()
        }))
    }

    /// An own message has come back: the server has it, and this is its place.
    pub(super) fn settle(
        &mut self,
        loaded: &mut Loaded,
        request: i64,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let Some((waiting, entry)) = self.take_sent(request)? else {
            return Ok(());
        };
        let leaves = entry.is_leaving();
        if leaves && !counts_as_leaving(&loaded.row, waiting.epoch) {
            return self.unsend(loaded, entry.place);
        }
        self.place_own(loaded, &waiting, &entry, at)?;
        if leaves {
            self.left(loaded)?;
        }
        self.touched.insert(loaded.row.row);
        self.touched.extend(loaded.row.line_of);
        Ok(())
    }

    /// Takes the request of an own message out of the outbox, with what it is about.
    pub(super) fn take_sent(&mut self, request: i64) -> Result<Option<(Waiting, EntryRow)>, Fault> {
        let Some(waiting) = self.drop_request(request)? else {
            return Ok(None);
        };
        let entry = timeline::get(self.tx, Place(waiting.reference))?;
        Ok(entry.map(|entry| (waiting, entry)))
    }

    /// An own message gets its place on the timeline.
    pub(super) fn place_own(
        &mut self,
        loaded: &mut Loaded,
        waiting: &Waiting,
        entry: &EntryRow,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if !self.drop_veiled(entry)? {
            if let Some(target) = &entry.target
                && entry.is_edit()
            {
                self.unindex_message(loaded.row.shown_in, target)?;
            }
            let to = self.next_place(loaded)?;
            timeline::settle(self.tx, entry.place, to, at)?;
            self.begin_own(to, entry, at)?;
            self.strip_own(to, entry)?;
            self.judge_placed(loaded, entry, to)?;
            self.reindex()?;
            self.index_soon();
            if loaded.row.direct {
                // It may be the first word that this account says there.
                self.receipt_due(loaded.row.shown_in, std::time::Duration::ZERO)?;
            }
        }
        if waiting.accepted {
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Changed(shown));
            return Ok(());
        }
        self.tell_sent(loaded, entry)
    }

    /// What an own message does to an earlier one, or does not, now that it has its place.
    fn judge_placed(
        &mut self,
        loaded: &mut Loaded,
        entry: &EntryRow,
        place: Place,
    ) -> Result<(), Fault> {
        let Some(id) = &entry.content_id else {
            return Ok(());
        };
        let aim = self.aim_of_placed(loaded, entry)?;
        match aim {
            Aim::At { target, by_admin } => timeline::aim_at(self.tx, place, &target, by_admin)?,
            // Nobody shows it.
            Aim::Nowhere if entry.target.is_none() => {
                let placed = EntryRow {
                    place,
                    ..entry.clone()
                };
                return self.fail(loaded, &placed, &Failure::NotAllowed);
            }
            Aim::Nowhere => {
                timeline::remove(self.tx, place)?;
                self.erase_soon();
            }
            Aim::Itself => {}
        }
        if let (Aim::Nowhere, Some(target)) = (aim, &entry.target) {
            return self.tell_amended(loaded, target);
        }
        self.amends(loaded, id, aim)
    }

    /// An own message will never be sent.
    pub(super) fn fail(
        &mut self,
        loaded: &mut Loaded,
        entry: &EntryRow,
        why: &Failure,
    ) -> Result<(), Fault> {
        if self.drop_veiled(entry)? {
            // It may have been a profile: nobody has heard of it.
            profile::untell(self.tx, loaded.row.row)?;
        } else {
            timeline::mark(self.tx, entry.place, Stage::Failed)?;
            self.strip_own(entry.place, entry)?;
        }
        if let Some(target) = &entry.target {
            self.tell_amended(loaded, target)?;
        }
        if let Some(id) = entry.content_id {
            let shown = self.shown_id(loaded)?;
            self.tell(Event::SendFailed(shown, id, why.clone()));
        }
        Ok(())
    }

    /// The server has accepted an own message; it will come back through the mailbox.
    pub(super) fn sent(
        &mut self,
        loaded: &mut Loaded,
        place: Place,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let Some(entry) = timeline::get(self.tx, place)? else {
            return Ok(());
        };
        timeline::mark(self.tx, place, Stage::Sent)?;
        self.begin_own(place, &entry, at)?;
        self.tell_sent(loaded, &entry)
    }

    fn tell_sent(&mut self, loaded: &mut Loaded, entry: &EntryRow) -> Result<(), Fault> {
        if let Some(id) = entry.content_id.filter(|_| !entry.is_veiled()) {
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Sent(shown, id));
        }
        Ok(())
    }

    /// An own message was never accepted: it waits to be encrypted anew.
    pub(super) fn unsend(&mut self, loaded: &mut Loaded, place: Place) -> Result<(), Fault> {
        timeline::mark(self.tx, place, Stage::Waiting)?;
        if let Some(host) = loaded.row.line_of {
            self.recount.insert(host);
            self.touched.insert(host);
        } else {
            loaded.waiting = loaded.waiting.saturating_add(1);
            self.touched.insert(loaded.row.row);
        }
        Ok(())
    }
}

/// Whether a leaving of this epoch is heard by all who are in the conversation by then. In a line that was left, or behind a commit, it is
/// not, and whoever says it says it again.
pub(super) fn counts_as_leaving(row: &ConversationRow, epoch: Epoch) -> bool {
    row.line_of.is_none() && epoch >= row.epoch
}

/// Whether something can be said.
pub(super) fn check(saying: Saying<'_>) -> Result<(), Complaint> {
    saying.check().map_err(|error| complaint(saying, error))
}

/// Why something can't be said.
fn complaint(saying: Saying<'_>, error: ContentError) -> Complaint {
    match (saying, error) {
        (_, ContentError::Reaction) => Complaint::Reaction(MAX_REACTION),
        (_, ContentError::Preview) => Complaint::Preview,
        _ => match saying.text() {
            Some(text) => Complaint::TextSize {
                limit: MAX_TEXT,
                actual: text.len(),
            },
            None => Complaint::NoSuchMessage,
        },
    }
}

/// A key for a protobuf field.
pub(super) fn bytes(key: &[u8; 32]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(key)
}
