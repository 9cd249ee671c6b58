//! Answers to requests: each kind of request knows what its answers mean.

use std::time::Duration;

use keyfold_wire::ids::{Epoch, Timestamp};
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::{self, RefusalCode};

use super::Step;
use super::gather::asked;
use crate::Fault;
use crate::clock::Told;
use crate::input::Reply;
use crate::limits::RETRY_MOST;
use crate::memory::Loaded;
use crate::outcome::Failure;
use crate::table::conversation::Row;
use crate::table::intent;
use crate::table::key_package;
use crate::table::outbox::{self, Kind, Waiting};
use crate::table::timeline::Place;
use crate::view::Standing;

impl Step<'_> {
    /// A request was answered.
    pub(super) fn reply(&mut self, request: i64, reply: Reply) -> Result<(), Fault> {
        if self.signal_answered(request, &reply)? {
            return Ok(());
        }
        let conversation = self.session.in_flight.remove(&request).flatten();
        // The message may have come back before its answer: what that says of others counts all the same.
        if let (Reply::Accepted(accepted), Some(row)) = (&reply, conversation)
            && !accepted.unreachable.is_empty()
        {
            self.reach_later(row, &accepted.unreachable)?;
        }
        let Some(waiting) = self.memory.outbox.get(&request).cloned() else {
            return Ok(());
        };
        match reply {
            Reply::Refused(refused) if may_pass(refused.code()) => {
                self.try_later(request, waiting, refused.retry_after_ms)
            }
            Reply::Refused(refused) => self.refused(request, &waiting, &refused),
            Reply::Accepted(accepted) => {
                self.told_time(Told::Since(Timestamp(accepted.received_ms)));
                self.accepted(request, &waiting, Timestamp(accepted.received_ms))
            }
            other => self.told(request, &waiting, &other),
        }
    }

    /// The server has no time or space now: the same bytes again, later.
    fn try_later(
        &mut self,
        request: i64,
        mut waiting: Waiting,
        retry_after_ms: u32,
    ) -> Result<(), Fault> {
        let wait = waiting
            .pause()
            .max(Duration::from_millis(retry_after_ms.into()))
            .min(RETRY_MOST);
        waiting.attempts = waiting.attempts.saturating_add(1);
        waiting.not_before = self.now.after(wait);
        self.wake(waiting.not_before);
        outbox::update(self.tx, request, &waiting)?;
        self.memory.outbox.insert(request, waiting);
        Ok(())
    }

    fn accepted(&mut self, request: i64, waiting: &Waiting, at: Timestamp) -> Result<(), Fault> {
        let Some(row) = waiting.conversation else {
            return match waiting.kind {
                Kind::Errand => self.errand_sent(request),
                Kind::JoinRequest => self.join_request_taken(request, waiting.reference),
                _ => self.try_later(request, waiting.clone(), 0),
            };
        };
        let mut loaded = self.expect(row)?;
        match waiting.kind {
            Kind::Create => {
                self.drop_request(request)?;
                self.created(&mut loaded, waiting.reference, at)?;
            }
            Kind::Parting => self.settle_parting(&mut loaded, request, at)?,
            Kind::Send | Kind::Commit if !waiting.accepted => {
                let mut known = waiting.clone();
                known.accepted = true;
                outbox::update(self.tx, request, &known)?;
                self.memory.outbox.insert(request, known);
                if waiting.kind == Kind::Send {
                    self.sent(&mut loaded, Place(waiting.reference), at)?;
                }
                self.touched.insert(row);
                self.touched.extend(loaded.row.line_of);
            }
            _ => {}
        }
        self.put(loaded);
        Ok(())
    }

    fn told(&mut self, request: i64, waiting: &Waiting, reply: &Reply) -> Result<(), Fault> {
        let Some(body) = asked(self.tx, request)? else {
            return Ok(());
        };
        if !fits(&body, reply) {
            return self.try_later(request, waiting.clone(), 0);
        }
        self.drop_request(request)?;
        self.reschedule = true;
        match (body, reply) {
            (Body::TakeAddresses(_), Reply::Addresses(addresses)) => self.stock(addresses),
            (_, Reply::Account(account)) if waiting.kind == Kind::OwnCertificate => {
                self.found_own_account(account)
            }
            (Body::Lookup(asked), Reply::Account(account)) => {
                self.found_account(waiting, &asked, account)
            }
            (Body::FetchKeyPackages(asked), Reply::KeyPackages(packages)) => {
                self.fetched(waiting, &asked, packages)
            }
            (Body::AddDevice(renewed), Reply::Done(_))
                if waiting.kind == Kind::RenewCertificate =>
            {
                self.certificate_renewed(&renewed)
            }
            (Body::AddDevice(added), Reply::Done(_)) => self.device_added(&added),
            (Body::ReplaceToken(_), Reply::Done(_)) => self.change_token().map(drop),
            (Body::PublishKeyPackages(publish), Reply::Done(_)) if publish.replace => {
                key_package::retire_last_again(self.tx, self.now)
            }
            (Body::Report(_), Reply::Done(_)) => self.report_over(Row(waiting.reference), Ok(())),
            (_, Reply::Done(done)) if waiting.kind == Kind::Barrier => {
                self.told_time(Told::Since(Timestamp(done.now_ms)));
                self.passed(Row(waiting.reference), Timestamp(done.now_ms))
            }
            _ => Ok(()),
        }
    }

    fn refused(
        &mut self,
        request: i64,
        waiting: &Waiting,
        refused: &v1::Refused,
    ) -> Result<(), Fault> {
        let Some(row) = waiting.conversation else {
            return self.refused_directory(request, waiting, refused);
        };
        if waiting.kind == Kind::Parting {
            let mut loaded = self.expect(row)?;
            self.fail_parting(&mut loaded, request)?;
            self.put(loaded);
            return Ok(());
        }
        let server_epoch = epoch_in(refused);
        if refused.code() == RefusalCode::Stale && !self.is_later(request, server_epoch)? {
            // It contradicts itself. To encrypt for that epoch again would meet the same, at once and for ever.
            return self.try_later(request, waiting.clone(), refused.retry_after_ms);
        }
        let mut loaded = self.expect(row)?;
        match (waiting.kind, refused.code()) {
            (Kind::Create, code) => {
                self.drop_request(request)?;
                let failure = Failure::Server(words(code).to_owned());
                self.create_failed(&mut loaded, failure)?;
            }
            _ if loaded.row.line_of.is_some() => {
                self.refused_in_line(&mut loaded, request, waiting, refused)?;
            }
            (Kind::Send, RefusalCode::Stale) => {
                self.drop_request(request)?;
                self.moved_on(&mut loaded, server_epoch)?;
                self.unsend(&mut loaded, Place(waiting.reference))?;
            }
            (Kind::Commit, RefusalCode::Stale) => {
                self.moved_on(&mut loaded, server_epoch)?;
                self.take_back(&mut loaded)?;
            }
            (Kind::Commit, RefusalCode::AddressInvalid) => {
                self.take_back(&mut loaded)?;
                self.commit_failed(&mut loaded, waiting.reference, refused.code())?;
            }
            (_, code) => self.stuck(&mut loaded, request, waiting, code)?,
        }
        self.put(loaded);
        Ok(())
    }

    /// Whether an epoch comes after the one that the request was made in.
    fn is_later(&self, request: i64, epoch: Epoch) -> Result<bool, Fault> {
        Ok(match asked(self.tx, request)? {
            Some(Body::Send(send)) => epoch.0 > send.epoch,
            Some(Body::Commit(commit)) => epoch.0 > commit.epoch,
            _ => true,
        })
    }

    /// The conversation is at a later epoch than this device: wait until that has come.
    pub(super) fn moved_on(&mut self, loaded: &mut Loaded, epoch: Epoch) -> Result<(), Fault> {
        if epoch <= loaded.row.server_epoch {
            return Ok(());
        }
        let row = loaded.change();
        row.server_epoch = epoch;
        let row = row.row;
        self.look_again(row)
    }

    fn commit_failed(
        &mut self,
        loaded: &mut Loaded,
        id: i64,
        code: RefusalCode,
    ) -> Result<(), Fault> {
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(());
        };
        let failure = Failure::Server(words(code).to_owned());
        self.intent_over(loaded, &found, Err(failure))?;
        self.reinvite_again(loaded.row.row, &found.wish, false)?;
        self.was_to_bring(loaded.row.row, &found.wish)
    }

    /// In a line that is left behind: what was said is said again where the conversation goes on.
    fn refused_in_line(
        &mut self,
        line: &mut Loaded,
        request: i64,
        waiting: &Waiting,
        refused: &v1::Refused,
    ) -> Result<(), Fault> {
        let (kind, code, server_epoch) = (waiting.kind, refused.code(), epoch_in(refused));
        if kind == Kind::Send {
            self.drop_request(request)?;
            return self.unsend(line, Place(waiting.reference));
        }
        self.take_back(line)?;
        match code {
            // Somebody was quicker, and that comes through the mailbox: or it does not, and then the line is over as well.
            RefusalCode::Stale => self.moved_on(line, server_epoch),
            _ => self.line_over(line),
        }
    }

    /// The server has another idea of this conversation than its members: nothing more goes out until they have met again. Where
    /// the key is not right, this device may be the one that has lost its way.
    fn stuck(
        &mut self,
        loaded: &mut Loaded,
        request: i64,
        waiting: &Waiting,
        code: RefusalCode,
    ) -> Result<(), Fault> {
        if waiting.kind == Kind::Commit {
            self.take_back(loaded)?;
        } else {
            self.drop_request(request)?;
            self.unsend(loaded, Place(waiting.reference))?;
        }
        let now = self.now;
        let why = format!("the server refused: {}", words(code));
        if code == RefusalCode::Forbidden && loaded.row.standing == Standing::Active {
            return self.lose_place(loaded, why);
        }
        self.hold(loaded, why, now)?;
        Ok(())
    }

    fn refused_directory(
        &mut self,
        request: i64,
        waiting: &Waiting,
        refused: &v1::Refused,
    ) -> Result<(), Fault> {
        let body = asked(self.tx, request)?;
        self.drop_request(request)?;
        if waiting.kind == Kind::JoinRequest {
            return self.join_request_refused(waiting.reference, refused.code());
        }
        match (body, refused.code()) {
            (Some(Body::Probe(probe)), _) => self.probed(Row(waiting.reference), &probe, refused),
            (Some(Body::Lookup(asked)), RefusalCode::NotFound) => {
                self.found_nobody(waiting, &asked)
            }
            (Some(Body::Report(_)), code) => {
                let failure = Failure::Server(words(code).to_owned());
                self.report_over(Row(waiting.reference), Err(failure))
            }
            (Some(Body::Lookup(_) | Body::FetchKeyPackages(_)), code) => {
                let failure = Failure::Server(words(code).to_owned());
                self.gather_failed(waiting.reference, failure)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a request of that kind can be answered so. If not, it is asked again later: nothing is lost to a server in disorder.
const fn fits(body: &Body, reply: &Reply) -> bool {
    matches!(
        (body, reply),
        (Body::TakeAddresses(_), Reply::Addresses(_))
            | (Body::Lookup(_), Reply::Account(_))
            | (Body::FetchKeyPackages(_), Reply::KeyPackages(_))
            | (
                Body::AddDevice(_)
                    | Body::Probe(_)
                    | Body::RemoveDevice(_)
                    | Body::ReplaceToken(_)
                    | Body::PublishKeyPackages(_)
                    | Body::Report(_)
                    | Body::RevokeAddresses(_),
                Reply::Done(_)
            )
    )
}

/// Refusals that pass by themselves.
const fn may_pass(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::Busy | RefusalCode::Unavailable | RefusalCode::Unspecified
    )
}

/// The server's epoch in a refusal.
pub(super) fn epoch_in(refused: &v1::Refused) -> Epoch {
    // What fits no database comes from a broken server only.
    Epoch(refused.epoch.min(i64::MAX as u64))
}

/// A refusal in words for a person.
pub(super) const fn words(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::HandleInvalid => "this handle is not permitted",
        RefusalCode::HandleTaken => "this handle is taken, or too much like one that is",
        RefusalCode::RegistrationClosed => "it takes no new accounts",
        RefusalCode::InvitationInvalid => "an invitation that has not been used is needed",
        RefusalCode::CertificateInvalid => "the certificate is not valid",
        RefusalCode::TooManyDevices => "the account has as many devices as it may",
        RefusalCode::NotFound => "it does not know this",
        RefusalCode::Forbidden => "the key to the conversation is not right",
        RefusalCode::Ahead => "it has fallen back behind the conversation",
        RefusalCode::TooLarge => "that is too large",
        RefusalCode::AddressInvalid => "a delivery address is not one of its own",
        RefusalCode::UnknownRequest => "it is too old for that",
        RefusalCode::Conflict => "this id was used for something else",
        RefusalCode::Exists => "this exists already",
        RefusalCode::Malformed => "the request was malformed",
        RefusalCode::Stale => "the conversation has moved on",
        RefusalCode::Unauthenticated => "this device is not known",
        RefusalCode::WrongSocket => "the request came on the wrong connection",
        RefusalCode::Busy | RefusalCode::Unavailable | RefusalCode::Unspecified => {
            "it can't do that now"
        }
    }
}
