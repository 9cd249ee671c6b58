//! What an intent needs from the directory: who a handle is, and a key package of each of their devices.

use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use keyfold_wire::v1;

use super::Step;
use super::command::{Answered, normal_form};
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::conversation::Row;
use crate::table::intent::{self, Fetched, Progress, Wish};
use crate::table::outbox::{self, Kind, Waiting};
use crate::table::{contact, join_request};
use crate::view::Contact;

impl Step<'_> {
    /// Writes down an intent.
    pub(super) fn intend(
        &mut self,
        row: Row,
        wish: &Wish,
        progress: Progress,
        not_before: Timestamp,
    ) -> Result<i64, Fault> {
        let count = self.memory.intents.entry(row).or_default();
        *count = count.saturating_add(1);
        intent::insert(self.tx, row, wish, progress, not_before)
    }

    /// Takes an intent away: it is done, or can't be.
    pub(super) fn forget_intent(&mut self, id: i64) -> Result<(), Fault> {
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(());
        };
        if let Some(count) = self.memory.intents.get_mut(&found.conversation) {
            *count = count.saturating_sub(1);
        }
        let of_intent = |waiting: &Waiting| {
            matches!(
                waiting.kind,
                Kind::Lookup | Kind::Fetch | Kind::Create | Kind::Commit
            ) && waiting.reference == id
        };
        let requests = self
            .memory
            .outbox
            .iter()
            .filter(|(_, waiting)| of_intent(waiting));
        let requests: Vec<i64> = requests.map(|(request, _)| *request).collect();
        for request in requests {
            self.drop_request(request)?;
        }
        intent::remove(self.tx, id)?;
        self.admission_over(id, Some(&Failure::Nothing))
    }

    /// Drops all intents of a conversation that wish for this.
    pub(super) fn forget_wishes(
        &mut self,
        row: Row,
        unwanted: impl Fn(&Wish) -> bool,
    ) -> Result<(), Fault> {
        for intent in intent::of(self.tx, row)? {
            if unwanted(&intent.wish) {
                self.forget_intent(intent.id)?;
            }
        }
        Ok(())
    }

    /// Drops those that the server has not been asked for: what it may have already stays.
    pub(super) fn forget_unasked(&mut self, row: Row, unwanted: &Wish) -> Result<(), Fault> {
        for intent in intent::of(self.tx, row)? {
            if intent.wish == *unwanted && intent.progress != Progress::Requested {
                self.forget_intent(intent.id)?;
            }
        }
        Ok(())
    }

    /// A person for an intent, by handle.
    pub(super) fn gather_handle(&mut self, intent: i64, handle: &str) -> Result<(), Fault> {
        intent::gather(self.tx, intent, handle, None)?;
        self.ask(intent, v1::lookup::By::Handle(handle.to_owned()))
    }

    /// The own account for an intent, for the sake of its other devices.
    pub(super) fn gather_own_devices(&mut self, intent: i64) -> Result<(), Fault> {
        let me = self.me()?;
        let (handle, account) = (me.certificate.handle.clone(), me.account());
        intent::gather(self.tx, intent, &handle, Some(&account))?;
        self.ask(intent, v1::lookup::By::Account(account.to_wire()))
    }

    /// A known account for an intent, that calls itself so.
    pub(super) fn gather_known(
        &mut self,
        intent: i64,
        handle: &str,
        account: &AccountId,
    ) -> Result<(), Fault> {
        intent::gather(self.tx, intent, handle, Some(account))?;
        self.ask(intent, v1::lookup::By::Account(account.to_wire()))
    }

    /// A known account for an intent, which looks first whether it has a device that is wanted.
    pub(super) fn gather_account(&mut self, intent: i64, account: &AccountId) -> Result<(), Fault> {
        intent::gather(self.tx, intent, &account.to_string(), Some(account))?;
        self.ask(intent, v1::lookup::By::Account(account.to_wire()))
    }

    /// Looks a handle up because a person asked for it.
    pub(super) fn look_up(&mut self, handle: &str) -> Result<Answered, Fault> {
        let handle = normal_form(handle);
        if handle.is_empty() || handle.len() > keyfold_wire::limits::MAX_HANDLE {
            return Ok(Err(Complaint::Handle(handle.chars().take(40).collect())));
        }
        self.ask(0, v1::lookup::By::Handle(handle))?;
        Ok(Ok(Answer::Taken))
    }

    fn ask(&mut self, intent: i64, by: v1::lookup::By) -> Result<(), Fault> {
        let body = v1::client_frame::Request::Lookup(v1::Lookup { by: Some(by) });
        self.request(Waiting::new(Kind::Lookup, None, intent), body)?;
        Ok(())
    }

    /// The directory knows an account.
    pub(super) fn found_account(
        &mut self,
        waiting: &Waiting,
        asked: &v1::Lookup,
        account: &v1::Account,
    ) -> Result<(), Fault> {
        let Some(contact) = checked(asked, account) else {
            return self.found_nobody(waiting, asked);
        };
        let me = self.me()?.account();
        if let Some(claimed) = self.calls_itself_otherwise(waiting.reference, &contact)? {
            let failure = Failure::NobodyCalled(claimed);
            return self.gather_failed(waiting.reference, failure);
        }
        self.remember(&contact)?;
        self.tell(Event::Found(contact.account));
        if waiting.kind != Kind::Lookup || waiting.reference == 0 {
            return Ok(());
        }
        intent::set_account(
            self.tx,
            waiting.reference,
            &contact.handle,
            &contact.account,
        )?;
        if contact.account == me && !self.lists_others(account)? {
            intent::set_packages(self.tx, waiting.reference, &contact.account, &[])?;
        }
        if !self.is_lost_there(
            waiting.reference,
            &contact.account,
            &account.device_certificates,
        )? {
            intent::set_packages(self.tx, waiting.reference, &contact.account, &[])?;
        }
        self.lower_suite(waiting.reference, account)?;
        self.fetch_once_known(waiting.reference)?;
        self.gathered(waiting.reference)
    }

    /// Whether the directory lists other devices of this account. This one may be none of its devices any more.
    fn lists_others(&self, account: &v1::Account) -> Result<bool, Fault> {
        let own = self.me()?.device();
        let mut listed = account.device_certificates.iter();
        Ok(listed.any(|encoded| {
            Certificate::verify(encoded).is_ok_and(|certificate| certificate.device != own)
        }))
    }

    /// A new conversation takes a suite that all devices of all its people speak.
    fn lower_suite(&mut self, id: i64, account: &v1::Account) -> Result<(), Fault> {
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(());
        };
        if !matches!(found.wish, Wish::Create { suite: None }) {
            return Ok(());
        }
        let mut loaded = self.expect(found.conversation)?;
        let suite = loaded.row.suite;
        let speaks = |encoded: &bytes::Bytes| {
            Certificate::verify(encoded).is_ok_and(|certificate| suite.is_spoken_by(&certificate))
        };
        let own = suite.is_spoken_by(&self.me()?.certificate);
        if !own || !account.device_certificates.iter().all(speaks) {
            loaded.change().suite = Suite::Classic;
        }
        self.put(loaded);
        Ok(())
    }

    /// Once it is known who everybody is, their key packages are asked for.
    fn fetch_once_known(&mut self, id: i64) -> Result<(), Fault> {
        let people = intent::gathered(self.tx, id)?;
        if people.iter().any(|person| person.account.is_none()) || self.asks(Kind::Lookup, id) {
            return Ok(());
        }
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(());
        };
        let loaded = self.expect(found.conversation)?;
        let suite = found.wish.suite().unwrap_or(loaded.row.suite);
        self.put(loaded);
        for person in people {
            let (Some(account), None) = (person.account, person.packages) else {
                continue;
            };
            let body = v1::FetchKeyPackages {
                account: account.to_wire(),
                suite: u32::from(suite.number()),
            };
            let body = v1::client_frame::Request::FetchKeyPackages(body);
            self.request(Waiting::new(Kind::Fetch, None, id), body)?;
        }
        Ok(())
    }

    /// Wishes for something that only this account's devices are needed for, and asks for their key packages.
    pub(super) fn wish_of(
        &mut self,
        loaded: &Loaded,
        wish: &Wish,
        account: &AccountId,
    ) -> Result<(), Fault> {
        let now = self.now;
        let intent = self.intend(loaded.row.row, wish, Progress::Gathering, now)?;
        self.gather_packages(intent, account, loaded.row.suite)
    }

    /// The key packages of a known account for an intent.
    pub(super) fn gather_packages(
        &mut self,
        intent: i64,
        account: &AccountId,
        suite: Suite,
    ) -> Result<(), Fault> {
        intent::gather(self.tx, intent, &account.to_string(), Some(account))?;
        let body = v1::FetchKeyPackages {
            account: account.to_wire(),
            suite: u32::from(suite.number()),
        };
        let body = v1::client_frame::Request::FetchKeyPackages(body);
        self.request(Waiting::new(Kind::Fetch, None, intent), body)?;
        Ok(())
    }

    /// Whether an intent has such a request in the outbox.
    fn asks(&self, kind: Kind, id: i64) -> bool {
        let of_intent = |waiting: &Waiting| waiting.kind == kind && waiting.reference == id;
        self.memory.outbox.values().any(of_intent)
    }

    /// The directory knows nobody of that name, or not this device's own account.
    pub(super) fn found_nobody(
        &mut self,
        waiting: &Waiting,
        asked: &v1::Lookup,
    ) -> Result<(), Fault> {
        let failure = match &asked.by {
            Some(v1::lookup::By::Handle(handle)) => {
                self.tell(Event::NotFound(handle.clone()));
                Failure::NobodyCalled(handle.clone())
            }
            // It answered, and there is nothing to wait for: an intent without it would wait for ever.
            Some(v1::lookup::By::Account(_)) => {
                match join_request::of_intent(self.tx, waiting.reference)? {
                    Some(asked) => Failure::NobodyCalled(asked.handle),
                    None => Failure::Server("its directory does not know this account".to_owned()),
                }
            }
            None => return Ok(()),
        };
        self.gather_failed(waiting.reference, failure)
    }

    /// An intent can't be carried out for lack of somebody or something.
    pub(super) fn gather_failed(&mut self, id: i64, failure: Failure) -> Result<(), Fault> {
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(());
        };
        let mut loaded = self.expect(found.conversation)?;
        if matches!(found.wish, Wish::Create { .. }) {
            self.create_failed(&mut loaded, failure)?;
        } else if found.wish == Wish::Move {
            self.move_later(found.id)?;
        } else {
            self.intent_over(&mut loaded, &found, Err(failure))?;
            self.was_to_bring(loaded.row.row, &found.wish)?;
        }
        self.put(loaded);
        Ok(())
    }

    /// The directory has handed out key packages.
    pub(super) fn fetched(
        &mut self,
        waiting: &Waiting,
        asked: &v1::FetchKeyPackages,
        reply: &v1::KeyPackages,
    ) -> Result<(), Fault> {
        let Ok(account) = AccountId::try_from(&*asked.account) else {
            return Ok(());
        };
        let own = self.me()?.device();
        let mut packages: Vec<Fetched> = Vec::new();
        for device in &reply.devices {
            if let Ok(id) = DeviceId::try_from(&*device.device)
                && id != own
            {
                packages.push(Fetched::new(&id, device.key_package.to_vec()));
            }
        }
        let Some(found) = intent::get(self.tx, waiting.reference)? else {
            return Ok(());
        };
        if let Wish::AddDevice(device) = &found.wish {
            packages.retain(|fetched| fetched.device().as_bytes() == device);
            match packages.first() {
                // It was removed again.
                None => return self.gather_failed(waiting.reference, Failure::Nothing),
                Some(fetched) if fetched.key_package.is_empty() => {
                    return self.ask_again(waiting, asked.clone());
                }
                Some(_) => {}
            }
        }
        if !self.with_the_one_shown(waiting.reference, &account, &mut packages)? {
            return self.gather_failed(waiting.reference, Failure::Nothing);
        }
        intent::set_packages(self.tx, waiting.reference, &account, &packages)?;
        self.gathered(waiting.reference)
    }

    /// A device that was just linked has published nothing yet.
    fn ask_again(&mut self, waiting: &Waiting, asked: v1::FetchKeyPackages) -> Result<(), Fault> {
        let mut again = Waiting::new(Kind::Fetch, None, waiting.reference);
        again.attempts = waiting.attempts.saturating_add(1);
        again.not_before = self.now.after(waiting.pause());
        self.wake(again.not_before);
        let body = v1::client_frame::Request::FetchKeyPackages(asked);
        self.request(again, body)?;
        Ok(())
    }

    /// Once nothing more is asked for, the intent can go on.
    fn gathered(&mut self, id: i64) -> Result<(), Fault> {
        let complete = intent::gathered(self.tx, id)?
            .iter()
            .all(|person| person.packages.is_some());
        if !complete || self.asks(Kind::Lookup, id) || self.asks(Kind::Fetch, id) {
            return Ok(());
        }
        intent::set_progress(self.tx, id, Progress::Ready)?;
        if let Some(found) = intent::get(self.tx, id)? {
            self.touched.insert(found.conversation);
        }
        Ok(())
    }

    /// Remembers what the directory said; a handle that leads to another account than before is told.
    fn remember(&mut self, found: &Contact) -> Result<(), Fault> {
        let before = contact::by_handle(self.tx, &found.handle)?;
        if let Some(mut before) = before
            && before.account != found.account
            && before.confirmed
        {
            before.confirmed = false;
            contact::put(self.tx, &before)?;
            self.tell(Event::IdentityChanged(found.handle.clone()));
        }
        let known = contact::get(self.tx, &found.account)?;
        let verified = known.is_some_and(|known| known.verified);
        contact::put(
            self.tx,
            &Contact {
                verified,
                ..found.clone()
            },
        )
    }
}

/// What the directory said, if it is what was asked for and holds together.
fn checked(asked: &v1::Lookup, account: &v1::Account) -> Option<Contact> {
    let id = AccountId::try_from(&*account.account).ok()?;
    let key: [u8; 32] = account.account_key.as_ref().try_into().ok()?;
    let fits = match &asked.by {
        Some(v1::lookup::By::Handle(handle)) => *handle == account.handle,
        Some(v1::lookup::By::Account(asked)) => asked.as_ref() == id.as_bytes(),
        None => false,
    };
    let own_key = keyfold_wire::certificate::account_id(&key) == id;
    (fits && own_key).then(|| Contact {
        account: id,
        handle: account.handle.clone(),
        confirmed: true,
        verified: false,
        account_key: key,
        name: None,
        blocked: false,
    })
}

/// The bytes of a request that is in the outbox.
pub(super) fn asked(
    tx: &rusqlite::Connection,
    request: i64,
) -> Result<Option<v1::client_frame::Request>, Fault> {
    let Some(frame) = outbox::frame(tx, request)? else {
        return Ok(None);
    };
    let frame = <v1::ClientFrame as keyfold_wire::Message>::decode(frame.as_slice())
        .map_err(|_| Fault::corrupt("a request does not read"))?;
    Ok(frame.request)
}
