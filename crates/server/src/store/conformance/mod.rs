//! What every store must do alike: run [`check`] over a new one.
//!
//! Speaks to the store alone, in operations and reads; what the core makes of requests is tested there.

mod accounts;
mod conversations;
mod files;
mod reports;
mod retention;
mod signals;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use keyfold_wire::ids::{
    AccountId, ConversationHandle, DeviceId, Epoch, MailboxId, MessageId, Sequence, Serial,
    Timestamp,
};
use keyfold_wire::{limits, v1};

use super::operation::{
    Admission, Advance, Append, Appended, NewAccount, NewConversation, NewDevice, Welcomes,
};
use super::{Answer, ConversationKey, OnceKey, Operation, Outcome, Store};
use crate::directory::Handle;
use crate::refusal::Refusal;
use crate::request::{Grace, KeyPackage};
use crate::seal::Target;

/// A position behind all.
const END: Sequence = Sequence(u64::MAX);

/// Runs every case, each on a store of its own that `fresh` makes empty.
///
/// # Panics
/// When the store does not do what every store must.
pub async fn check<S: Store, F: Future<Output = S>>(fresh: impl Fn() -> F) {
    let bench = || async {
        Bench {
            store: fresh().await,
            now: START,
        }
    };
    accounts::a_registration_is_known_again(bench().await).await;
    accounts::a_handle_is_taken_once_and_so_are_its_look_alikes(bench().await).await;
    accounts::an_invitation_lets_one_in(bench().await).await;
    accounts::a_refused_account_leaves_nothing(bench().await).await;
    accounts::devices_come_and_go(bench().await).await;
    accounts::a_certificate_gives_way_to_the_one_that_was_judged_against_it(bench().await).await;
    accounts::a_token_gives_way_to_another(bench().await).await;
    accounts::a_registration_is_no_way_in_past_a_token(bench().await).await;
    accounts::there_are_ten_devices_and_no_eleventh(bench().await).await;
    accounts::a_one_time_key_package_is_handed_out_once(bench().await).await;
    accounts::a_device_that_is_not_vouched_for_is_invited_by_its_last_resort(bench().await).await;
    accounts::a_hundred_key_packages_fit_and_no_more(bench().await).await;
    accounts::serials_are_given_once(bench().await).await;
    conversations::everybody_gets_everything_in_one_order(bench().await).await;
    conversations::a_batch_is_carried_out_in_its_order(bench().await).await;
    conversations::a_repeat_gets_its_first_answer(bench().await).await;
    conversations::one_of_two_commits_wins(bench().await).await;
    conversations::the_grace_ends_after_a_minute(bench().await).await;
    conversations::a_removal_has_no_grace(bench().await).await;
    conversations::a_dead_address_costs_nobody_else(bench().await).await;
    conversations::a_removed_device_costs_nobody_else(bench().await).await;
    conversations::a_refused_operation_costs_only_itself(bench().await).await;
    conversations::a_mailbox_knows_which_positions_it_has_given(bench().await).await;
    conversations::a_mailbox_is_read_in_pages(bench().await).await;
    conversations::sequences_carry_the_time_and_rise_whatever_it_does(bench().await).await;
    conversations::acknowledged_is_gone(bench().await).await;
    retention::items_stay_for_thirty_days(bench().await).await;
    retention::a_mailbox_tells_what_went_unseen(bench().await).await;
    retention::message_ids_stay_for_sixty_days(bench().await).await;
    retention::unused_conversations_go_and_may_come_again(bench().await).await;
    retention::a_sweep_is_bounded(bench().await).await;
    files::a_file_grows_from_its_end_alone(bench().await).await;
    files::a_file_is_kept_for_its_time(bench().await).await;
    reports::a_report_is_known_again_and_goes_when_it_is_deleted(bench().await).await;
    reports::an_account_reports_so_often_a_day(bench().await).await;
    reports::so_many_reports_are_kept_and_each_for_its_time(bench().await).await;
    signals::a_newer_one_takes_an_older_ones_place(bench().await).await;
    signals::what_is_acknowledged_is_gone_and_no_number_comes_twice(bench().await).await;
    signals::so_many_wait_and_no_more(bench().await).await;
    signals::they_wait_for_thirty_days(bench().await).await;
    signals::they_are_of_the_current_epoch_alone(bench().await).await;
    signals::a_dead_address_costs_nobody_else(bench().await).await;
}

/// A day in 2026, at noon.
const START: Timestamp = Timestamp(1_780_056_000_000);

const DAY: Duration = Duration::from_hours(24);

/// A store, and the time that it is told.
struct Bench<S> {
    store: S,
    now: Timestamp,
}

impl<S: Store> Bench<S> {
    async fn run(&self, operation: Operation) -> Answer {
        let answers = self.store.transact(self.now, vec![operation]).await;
        answers
            .into_iter()
            .next()
            .unwrap_or(Err(Refusal::Unavailable))
    }

    fn later(&mut self, by: Duration) {
        self.now = self.now.after(by);
    }

    /// Accounts 1 to N with one device each.
    async fn people<const N: usize>(&self) -> [MailboxId; N] {
        let numbers: [u8; N] =
            std::array::from_fn(|index| u8::try_from(index + 1).unwrap_or(u8::MAX));
        for number in numbers {
            let answer = self
                .run(Operation::Register(Box::new(account(number))))
                .await;
            assert!(
                matches!(answer, Ok(Outcome::Device(_))),
                "registering must succeed"
            );
        }
        numbers.map(|number| MailboxId::new([number; 16]))
    }

    /// A conversation at epoch 1. The roster's content is the store's affair only as bytes.
    async fn conversation(&self, number: u8) -> i64 {
        let answer = self.run(create(number)).await;
        assert!(is_new(&answer), "creating must succeed");
        self.row(number).await
    }

    async fn row(&self, number: u8) -> i64 {
        let found = self.store.conversation(key(number)).await.ok().flatten();
        found.map_or(0, |conversation| conversation.id)
    }

    /// Of all that waits in a mailbox.
    async fn sequences(&self, mailbox: MailboxId) -> Vec<u64> {
        let page = self
            .store
            .read(mailbox, Sequence(0), usize::MAX, usize::MAX)
            .await;
        let items = page.unwrap_or_default().items;
        items.iter().map(|item| item.sequence).collect()
    }

    async fn bodies(&self, mailbox: MailboxId) -> Vec<Bytes> {
        let page = self
            .store
            .read(mailbox, Sequence(0), usize::MAX, usize::MAX)
            .await;
        page.unwrap_or_default().items.iter().map(body).collect()
    }

    /// The first of `count` further serials.
    async fn takes(&self, mailbox: MailboxId, count: u32) -> Serial {
        match self.run(Operation::TakeSerials { mailbox, count }).await {
            Ok(Outcome::Serials(first)) => first,
            _ => Serial(0),
        }
    }

    /// Sweeps until nothing is left. How often that was.
    async fn sweep(&self, portion: u32) -> usize {
        let mut rounds = 1;
        while self.run(Operation::Sweep { portion }).await == Ok(Outcome::Swept { more: true }) {
            rounds += 1;
            assert!(rounds < 10_000, "a sweep must end");
        }
        rounds
    }
}

fn account(number: u8) -> NewAccount {
    named(number, &format!("person{}", char::from(b'a' + number)))
}

fn named(number: u8, handle: &str) -> NewAccount {
    let Ok(handle) = Handle::parse(handle) else {
        unreachable!("a permitted handle")
    };
    NewAccount {
        account: AccountId::new([number; 32]),
        handle,
        account_key: [number; 32],
        recovery_key: [number; 32],
        digest: [number; 32],
        device: device(number),
        admission: Admission::Free,
    }
}

fn device(number: u8) -> NewDevice {
    NewDevice {
        id: DeviceId::new([number; 16]),
        certificate: Bytes::from(vec![number; 64]),
        token_hash: [number; 32],
        mailbox: MailboxId::new([number; 16]),
    }
}

fn handle(number: u8) -> ConversationHandle {
    ConversationHandle::new([number; 32])
}

fn key(number: u8) -> ConversationKey {
    ConversationKey::of(&handle(number))
}

fn once(conversation: u8, message: u8, request: u8) -> OnceKey {
    OnceKey::new(
        &handle(conversation),
        &MessageId::new([message; 16]),
        [request; 32],
    )
}

fn create(number: u8) -> Operation {
    Operation::Create(Box::new(NewConversation {
        key: key(number),
        once: once(number, 0, 0),
        epoch: Epoch(1),
        roster: Bytes::from_static(b"sealed at epoch 1"),
        welcomes: Welcomes::default(),
    }))
}

/// A Send of message `message` (its body says so) to the mailboxes, each by its address with serial 1.
fn send(conversation: u8, row: i64, epoch: u64, message: u8, to: &[MailboxId]) -> Append {
    Append {
        key: key(conversation),
        conversation: row,
        once: once(conversation, message, message),
        epoch: Epoch(epoch),
        message_id: MessageId::new([message; 16]),
        body: Bytes::from(vec![message; 100]),
        targets: to.iter().map(|mailbox| at(*mailbox)).collect(),
    }
}

fn at(mailbox: MailboxId) -> Target {
    Target {
        mailbox,
        serial: Serial(1),
    }
}

fn commit(append: Append, grace: Grace) -> Operation {
    Operation::Commit(Box::new(Advance {
        append,
        check: v1::CommitCheck {
            roster_hash: Bytes::from_static(&[7; 32]),
            roster_key_hash: Bytes::from_static(&[8; 32]),
        },
        next_roster: Bytes::from_static(b"sealed at the next epoch"),
        welcomes: Welcomes::default(),
        grace,
    }))
}

fn package(suite: u16, number: u8, last_resort: bool) -> KeyPackage {
    KeyPackage {
        suite,
        data: Bytes::from(vec![number; 80]),
        last_resort,
    }
}

fn body(item: &v1::Item) -> Bytes {
    match &item.content {
        Some(v1::item::Content::Message(message)) => message.body.clone(),
        Some(v1::item::Content::Welcome(welcome)) => welcome.secrets.clone(),
        None => Bytes::new(),
    }
}

fn is_new(answer: &Answer) -> bool {
    matches!(
        answer,
        Ok(Outcome::Appended(Appended {
            repeated: false,
            ..
        }))
    )
}

fn is_repeat_of(answer: &Answer, first: Timestamp) -> bool {
    matches!(answer, Ok(Outcome::Appended(Appended { repeated: true, received, items, .. }))
        if *received == first && items.is_empty())
}

fn placed(answer: &Answer) -> (usize, u64) {
    match answer {
        Ok(Outcome::Appended(appended)) => (appended.items.len(), appended.dropped),
        _ => (0, 0),
    }
}

const fn full() -> usize {
    limits::MAX_ONE_TIME_KEY_PACKAGES
}
