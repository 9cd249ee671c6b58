//! How it is noticed that this device, its server and the members have come apart. What follows is in `asking` (this device has
//! lost its place), `moving` (the conversation can't go on where it is). `docs/protocol/recovery.md`.

use keyfold_protocol::identity::DeviceToken;
use keyfold_wire::ids::{ConversationHandle, Sequence, Timestamp};
use keyfold_wire::v1::{self, RefusalCode};

use super::reply::{epoch_in, words};
use super::{Notice, Step};
use crate::Fault;
use crate::identity::Identity;
use crate::limits::{OTHERS_AGAIN, PROBE_INTERVAL};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::{self, Row};
use crate::table::setting::{self, Setting};
use crate::table::{address, mailbox, outbox, timeline};
use crate::view::Standing;

const ROLLED_BACK: &str = "this device was put back to an earlier state";
const SERVER_ROLLED_BACK: &str = "the server was put back to an earlier state";
const NOT_KEPT: &str = "this device was away for longer than the server keeps messages";

impl Step<'_> {
    /// What the server remembers of this device, against what it remembers itself.
    pub(super) fn compare_memories(&mut self, greeting: &v1::Greeting) -> Result<(), Fault> {
        self.session.refusals = 0;
        // The server may have been put back to before it heard of that.
        self.session.disowned.clear();
        let applied = self.memory.applied;
        let at = Timestamp(greeting.now_ms);
        // What fits no database comes from a broken server only.
        let sequence = |number: u64| Sequence(number.min(i64::MAX as u64));
        let (acknowledged, expired) = (sequence(greeting.acknowledged), sequence(greeting.expired));
        let renewed = self.names_mailbox(&greeting.mailbox)?;
        if acknowledged > applied {
            self.rolled_back(acknowledged)?;
        } else if expired > applied {
            self.stands_at(expired)?;
            self.tell(Event::NotKept);
            self.doubt_all(NOT_KEPT, at)?;
        } else if renewed || Sequence(greeting.known) < applied {
            self.stands_at(Sequence(greeting.known))?;
            self.tell(Event::ServerRolledBack);
            self.add_devices_again()?;
            self.remove_devices_again()?;
            if renewed || greeting.known == 0 {
                self.has_new_mailbox()?;
            } else {
                self.doubt_all(SERVER_ROLLED_BACK, at)?;
            }
            self.doubt_leavings()?;
            self.doubt_packages()?;
            self.replace_packages()?;
        }
        let accepted = self.memory.outbox.iter();
        let accepted = accepted.filter(|(_, waiting)| waiting.accepted);
        self.session.accepted_before = accepted.map(|(id, _)| *id).collect();
        if self.me()?.account_key.is_none() {
            self.look_up_others()?;
        }
        self.wake_up()
    }

    /// Which other devices its account has: a device that has linked none asks, and one that meets a device which it does not know.
    pub(super) fn look_up_others(&mut self) -> Result<(), Fault> {
        let is_due = self.has_passed(OTHERS_AGAIN, self.session.looked_up_others);
        let asks = self.memory.has_request(outbox::Kind::OwnCertificate);
        if !is_due || asks {
            return Ok(());
        }
        self.session.looked_up_others = Some(self.now);
        self.look_up_own()
    }

    /// What the server calls this device's mailbox. `true`: another than before, since it has forgotten that one.
    fn names_mailbox(&mut self, name: &[u8]) -> Result<bool, Fault> {
        let before = setting::get(self.tx, Setting::Mailbox)?;
        if name.is_empty() || before.as_deref().is_some_and(|before| before == name) {
            return Ok(false);
        }
        setting::put(self.tx, Setting::Mailbox, name)?;
        Ok(before.is_some())
    }

    /// From now on something may be encrypted: what waited for that goes on.
    fn wake_up(&mut self) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.session.greeted, true) {
            self.touched.extend(self.memory.intents.keys().copied());
            self.touched.extend(timeline::rows_waiting(self.tx)?);
        }
        Ok(())
    }

    fn stands_at(&mut self, sequence: Sequence) -> Result<(), Fault> {
        self.memory.applied = sequence;
        mailbox::stand(self.tx, sequence)
    }

    /// The server has had acknowledgements that this device does not know of: its database is an older copy. What it holds of
    /// groups has been used since, so nothing of it may be used again.
    fn rolled_back(&mut self, acknowledged: Sequence) -> Result<(), Fault> {
        self.tell(Event::RolledBack);
        self.stands_at(acknowledged)?;
        // They may have been used and revoked since.
        address::remove_free(self.tx)?;
        for row in conversation::lines(self.tx, None)? {
            let mut line = self.expect(row)?;
            self.end_line(&mut line)?;
            self.put(line);
        }
        for row in conversation::begun(self.tx)? {
            let mut loaded = self.expect(row)?;
            if loaded.row.standing == Standing::Creating && loaded.row.group_id.is_none() {
                self.put(loaded);
                continue;
            }
            self.forget_creation(&mut loaded)?;
            self.lose_place(&mut loaded, ROLLED_BACK.to_owned())?;
            self.all_wait_again(&mut loaded)?;
            self.put(loaded);
        }
        if self.me()?.account_key.is_some() {
            self.look_up_own()?;
        }
        self.replace_packages()?;
        self.replace_token()
    }

    /// Where this database is a copy, another copy may be in use: only one of them goes on. The other is turned away.
    fn replace_token(&mut self) -> Result<(), Fault> {
        if self.memory.has_request(outbox::Kind::ReplaceToken) {
            return Ok(());
        }
        let token = self.rng.with(|rng| DeviceToken::generate(rng));
        setting::put(
            self.tx,
            Setting::OtherToken,
            token.to_secret_bytes().as_slice(),
        )?;
        let body = v1::ReplaceToken {
            token_hash: bytes::Bytes::copy_from_slice(&token.hash()),
        };
        let body = v1::client_frame::Request::ReplaceToken(body);
        self.request(
            outbox::Waiting::new(outbox::Kind::ReplaceToken, None, 0),
            body,
        )?;
        Ok(())
    }

    /// The server would not take the token: it may know the other one. `false`: there is none, or it was refused as well.
    pub(super) fn try_other_token(&mut self) -> Result<bool, Fault> {
        self.session.refusals = self.session.refusals.saturating_add(1);
        if self.session.refusals > 1 {
            return Ok(false);
        }
        self.change_token()
    }

    /// From now on the other token is shown. `false`: there is none.
    pub(super) fn change_token(&mut self) -> Result<bool, Fault> {
        let now = setting::get(self.tx, Setting::Token)?;
        let (Some(now), Some(other)) = (now, setting::get(self.tx, Setting::OtherToken)?) else {
            return Ok(false);
        };
        setting::put(self.tx, Setting::Token, &other)?;
        setting::put(self.tx, Setting::OtherToken, &now)?;
        *self.identity = Identity::load(self.tx)?;
        self.erase = true;
        let requests = self.memory.outbox.iter();
        let requests = requests.filter(|(_, one)| one.kind == outbox::Kind::ReplaceToken);
        let requests: Vec<i64> = requests.map(|(id, _)| *id).collect();
        for request in requests {
            self.drop_request(request)?;
        }
        Ok(true)
    }

    /// The request for a conversation of one's own may have been answered in the time that is lost.
    fn forget_creation(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if loaded.row.standing != Standing::Creating {
            return Ok(());
        }
        for intent in crate::table::intent::of(self.tx, loaded.row.row)? {
            if matches!(intent.wish, crate::table::intent::Wish::Create { .. }) {
                self.forget_intent(intent.id)?;
            }
        }
        Ok(())
    }

    /// The server has made this device's mailbox anew: no address leads to it, and not even an own commit would come back.
    fn has_new_mailbox(&mut self) -> Result<(), Fault> {
        address::remove_free(self.tx)?;
        self.links_lead_nowhere()?;
        for row in conversation::active(self.tx)? {
            let mut loaded = self.expect(row)?;
            self.is_cut_off(&mut loaded, SERVER_ROLLED_BACK)?;
            self.put(loaded);
        }
        Ok(())
    }

    /// Nothing that is said in a conversation comes to this device any more, nor does its own come back.
    pub(super) fn is_cut_off(&mut self, loaded: &mut Loaded, why: &str) -> Result<(), Fault> {
        loaded.change().serial = None;
        // Some may lead here after all: in key packages that the server hands out again.
        for serial in address::of(self.tx, loaded.row.row)? {
            address::remove(self.tx, serial)?;
            self.memory.serials.remove(&serial);
        }
        self.lose_place(loaded, why.to_owned())
    }

    /// Something may be missing anywhere: messages, and changes of the group as well.
    fn doubt_all(&mut self, why: &str, at: Timestamp) -> Result<(), Fault> {
        for row in conversation::active(self.tx)? {
            let mut loaded = self.expect(row)?;
            self.note(&mut loaded, None, &Notice::MayBeMissing(why.to_owned()), at)?;
            let shown = self.shown_id(&mut loaded)?;
            self.tell(Event::Changed(shown));
            self.probe(&mut loaded)?;
            self.look_later(row)?;
            self.put(loaded);
        }
        Ok(())
    }

    /// Something came for a conversation that does not open: whoever has its address can send such, but it may also be that the
    /// others are elsewhere. The server knows.
    pub(super) fn suspect(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let probed = self.session.probed.get(&loaded.row.row).copied();
        if probed.is_some_and(|probed| self.now < probed.after(PROBE_INTERVAL)) {
            return Ok(());
        }
        self.session.probed.insert(loaded.row.row, self.now);
        self.probe(loaded)
    }

    /// Asks the server whether a conversation is where this device thinks.
    fn probe(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let in_use = loaded.row.line_of.is_none() && loaded.row.standing == Standing::Active;
        if !in_use || !self.load_group(loaded)? {
            return Ok(());
        }
        let (Some(current), Some(handle)) = (&loaded.group, loaded.row.handle) else {
            return Ok(());
        };
        let probe = v1::Probe {
            handle: handle.to_wire(),
            epoch: loaded.row.epoch.0,
            roster_key: super::send::bytes(current.roster_key.as_bytes()),
        };
        let waiting = outbox::Waiting::new(outbox::Kind::Probe, None, loaded.row.row.0);
        self.request(waiting, v1::client_frame::Request::Probe(probe))?;
        Ok(())
    }

    /// It is not.
    pub(super) fn probed(
        &mut self,
        row: Row,
        probe: &v1::Probe,
        refused: &v1::Refused,
    ) -> Result<(), Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        let handle = loaded.row.handle.map(ConversationHandle::to_wire);
        let same = handle == Some(probe.handle.clone()) && loaded.row.epoch.0 == probe.epoch;
        if same && loaded.row.standing == Standing::Active {
            let why = format!("the server says: {}", words(refused.code()));
            match refused.code() {
                RefusalCode::Stale => self.moved_on(&mut loaded, epoch_in(refused))?,
                RefusalCode::Forbidden => self.lose_place(&mut loaded, why)?,
                RefusalCode::Ahead | RefusalCode::NotFound => {
                    let now = self.now;
                    self.hold(&mut loaded, why, now)?;
                }
                _ => {}
            }
        }
        self.put(loaded);
        Ok(())
    }

    /// All that waited in the mailbox has come. What the server had accepted before and did not bring is not there any more: it
    /// goes out again as it is.
    pub(super) fn send_lost_again(&mut self) -> Result<(), Fault> {
        for id in std::mem::take(&mut self.session.accepted_before) {
            let Some(mut waiting) = self.memory.outbox.get(&id).cloned() else {
                continue;
            };
            waiting.accepted = false;
            outbox::update(self.tx, id, &waiting)?;
            self.memory.outbox.insert(id, waiting);
        }
        Ok(())
    }

    /// A request that shows, when it is answered, that the mailbox socket lives and what came before it has arrived.
    pub(super) fn barrier(&mut self, row: Row, not_before: Timestamp) -> Result<(), Fault> {
        let body = v1::RevokeAddresses {
            serials: Vec::new(),
        };
        let body = v1::client_frame::Request::RevokeAddresses(body);
        let mut barrier = outbox::Waiting::new(outbox::Kind::Barrier, None, row.0);
        barrier.not_before = not_before;
        self.wake(not_before);
        self.request(barrier, body)?;
        Ok(())
    }
}
