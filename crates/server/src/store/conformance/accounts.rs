//! Cases about accounts, devices, key packages and serials.

use std::sync::Arc;

use super::{
    AccountId, Admission, Bench, Bytes, DeviceId, Duration, END, KeyPackage, MailboxId, NewAccount,
    NewDevice, Operation, Outcome, Refusal, START, Serial, Store, Timestamp, account, device, full,
    limits, named, package,
};
use crate::core::{Device, Vouched};

fn register(account: NewAccount) -> Operation {
    Operation::Register(Box::new(account))
}

pub(super) async fn a_registration_is_known_again<S: Store>(bench: Bench<S>) {
    let first = bench.run(register(account(1))).await;
    let ours = Device {
        account: AccountId::new([1; 32]),
        id: DeviceId::new([1; 16]),
        mailbox: MailboxId::new([1; 16]),
    };
    assert!(first == Ok(Outcome::Device(ours)));
    let mut again = account(1);
    again.device.mailbox = MailboxId::new([99; 16]);
    again.admission = Admission::Refused(Refusal::RegistrationClosed);
    assert!(
        bench.run(register(again)).await == first,
        "a repeat gets the first mailbox, even when closed since"
    );

    let other = NewAccount {
        digest: [2; 32],
        ..account(1)
    };
    assert!(bench.run(register(other)).await == Err(Refusal::Conflict));
    let same_token = NewAccount {
        device: NewDevice {
            token_hash: [1; 32],
            ..device(2)
        },
        ..account(2)
    };
    assert!(bench.run(register(same_token)).await == Err(Refusal::Conflict));
    assert!(bench.store.device([1; 32]).await == Ok(Some(ours)));
    assert!(bench.store.device([2; 32]).await == Ok(None));
}

pub(super) async fn a_handle_is_taken_once_and_so_are_its_look_alikes<S: Store>(bench: Bench<S>) {
    assert!(bench.run(register(named(1, "paypal"))).await.is_ok());
    for handle in ["paypal", "paypa1"] {
        assert!(bench.run(register(named(2, handle))).await == Err(Refusal::HandleTaken));
    }
    assert!(bench.run(register(named(2, "paula"))).await.is_ok());
    let found = bench.store.account_by_handle("paypal").await.ok().flatten();
    let found = found.map(|found| (found.id, found.recovery_key, found.certificates.len()));
    assert!(found == Some((AccountId::new([1; 32]), [1; 32], 1)));
    assert!(bench.store.account_by_handle("paypa1").await == Ok(None));
    assert!(bench.store.account(AccountId::new([3; 32])).await == Ok(None));
}

pub(super) async fn an_invitation_lets_one_in<S: Store>(bench: Bench<S>) {
    let invited = |number| NewAccount {
        admission: Admission::Invited([9; 32]),
        ..account(number)
    };
    assert!(bench.run(register(invited(1))).await == Err(Refusal::InvitationInvalid));
    assert!(bench.run(Operation::Invite([9; 32])).await == Ok(Outcome::Done));
    assert!(bench.run(register(invited(1))).await.is_ok());
    assert!(
        bench.run(register(invited(1))).await.is_ok(),
        "a repeat needs no second invitation"
    );
    assert!(bench.run(register(invited(2))).await == Err(Refusal::InvitationInvalid));
}

pub(super) async fn a_refused_account_leaves_nothing<S: Store>(bench: Bench<S>) {
    assert!(bench.run(Operation::Invite([9; 32])).await.is_ok());
    assert!(bench.run(register(named(1, "taken"))).await.is_ok());
    let admission = Admission::Invited([9; 32]);
    let refused = NewAccount {
        admission,
        ..named(2, "taken")
    };
    assert!(bench.run(register(refused)).await == Err(Refusal::HandleTaken));
    assert!(bench.store.device([2; 32]).await == Ok(None));
    assert!(bench.store.account(AccountId::new([2; 32])).await == Ok(None));
    let other = NewAccount {
        admission,
        ..named(2, "free")
    };
    assert!(
        bench.run(register(other)).await.is_ok(),
        "the invitation must still be there"
    );
}

pub(super) async fn devices_come_and_go<S: Store>(bench: Bench<S>) {
    let [first] = bench.people().await;
    let account = AccountId::new([1; 32]);
    let add = |device| Operation::AddDevice { account, device };
    assert!(bench.run(add(device(2))).await == Ok(Outcome::Done));
    assert!(
        bench.run(add(device(2))).await == Ok(Outcome::Done),
        "a repeat is no second device"
    );
    let other_token = NewDevice {
        token_hash: [3; 32],
        ..device(2)
    };
    assert!(bench.run(add(other_token)).await == Err(Refusal::Conflict));
    let taken_token = NewDevice {
        token_hash: [1; 32],
        ..device(3)
    };
    assert!(bench.run(add(taken_token)).await == Err(Refusal::Conflict));
    let nobody = Operation::AddDevice {
        account: AccountId::new([8; 32]),
        device: device(8),
    };
    assert!(bench.run(nobody).await == Err(Refusal::Unauthenticated));

    let remove = |number| Operation::RemoveDevice {
        account,
        device: DeviceId::new([number; 16]),
    };
    let second = MailboxId::new([2; 16]);
    assert!(bench.run(remove(2)).await == Ok(Outcome::Removed(Some(second))));
    assert!(bench.run(remove(2)).await == Ok(Outcome::Removed(None)));
    assert!(bench.store.device([2; 32]).await == Ok(None));
    assert!(bench.store.mailbox(second, END).await == Ok(None));
    let gone = Operation::TakeSerials {
        mailbox: second,
        count: 1,
    };
    assert!(bench.run(gone).await == Err(Refusal::Unauthenticated));
    let gone = Operation::Publish {
        mailbox: second,
        packages: vec![package(1, 1, false)],
        replace: false,
    };
    assert!(bench.run(gone).await == Err(Refusal::Unauthenticated));
    let gone = Operation::Revoke {
        mailbox: second,
        serials: vec![Serial(1)],
    };
    assert!(bench.run(gone).await == Err(Refusal::Unauthenticated));
    assert!(
        bench
            .store
            .mailbox(first, END)
            .await
            .is_ok_and(|state| state.is_some())
    );
}

pub(super) async fn a_certificate_gives_way_to_the_one_that_was_judged_against_it<S: Store>(
    bench: Bench<S>,
) {
    let [ada, _] = bench.people().await;
    let before = device(1).certificate;
    let [first, second] = [b"first", b"other"].map(|bytes| Bytes::from_static(bytes));
    let renew = |account: u8, number: u8, former: &Bytes, certificate: &Bytes| {
        Operation::RenewCertificate {
            account: AccountId::new([account; 32]),
            device: DeviceId::new([number; 16]),
            former: former.clone(),
            certificate: certificate.clone(),
        }
    };
    let shown = async |account: u8| {
        let found = bench.store.account(AccountId::new([account; 32])).await;
        found.ok().flatten().map(|found| found.certificates)
    };
    let bos = shown(2).await;
    for _ in 0..2 {
        assert!(
            bench.run(renew(1, 1, &before, &first)).await == Ok(Outcome::Done),
            "a lost answer costs nothing"
        );
        assert!(shown(1).await == Some(vec![first.clone()]));
    }
    assert!(
        bench.run(renew(1, 1, &before, &second)).await == Err(Refusal::Conflict),
        "it was judged against one that is not there any more"
    );
    assert!(shown(1).await == Some(vec![first.clone()]));
    assert!(bench.run(renew(1, 1, &first, &second)).await == Ok(Outcome::Done));
    assert!(shown(1).await == Some(vec![second.clone()]));
    for (account, number) in [(1, 2), (2, 1), (9, 1)] {
        let nobody = renew(account, number, &second, &first);
        assert!(bench.run(nobody).await == Err(Refusal::NotFound));
    }
    assert!(shown(2).await == bos, "nobody else's has changed");
    let holder = bench.store.device([1; 32]).await.ok().flatten();
    assert!(
        holder.is_some_and(|holder| holder.mailbox == ada),
        "its token and mailbox are what they were"
    );
}

fn replace(mailbox: MailboxId, token: u8) -> Operation {
    Operation::ReplaceToken {
        mailbox,
        token_hash: [token; 32],
    }
}

pub(super) async fn a_token_gives_way_to_another<S: Store>(bench: Bench<S>) {
    let [ada, bo] = bench.people().await;
    let holder = async |token: u8| {
        let device = bench.store.device([token; 32]).await.ok().flatten();
        device.map(|device| device.mailbox)
    };
    assert!(bench.run(replace(ada, 9)).await == Ok(Outcome::Done));
    assert!(holder(9).await == Some(ada));
    assert!(holder(1).await.is_none(), "the former one opens nothing");
    assert!(
        bench.run(replace(ada, 9)).await == Ok(Outcome::Done),
        "a lost answer costs nothing"
    );
    assert!(bench.run(replace(ada, 2)).await == Err(Refusal::Conflict));
    assert!(bench.run(replace(bo, 9)).await == Err(Refusal::Conflict));
    assert!(holder(9).await == Some(ada) && holder(2).await == Some(bo));

    let batch = vec![replace(bo, 1), replace(bo, 7), replace(ada, 1)];
    let answers = bench.store.transact(bench.now, batch).await;
    assert!(
        answers.iter().all(Result::is_ok),
        "what was given up may be taken"
    );
    assert!(holder(1).await == Some(ada) && holder(7).await == Some(bo));
    assert!(holder(2).await.is_none() && holder(9).await.is_none());

    let remove = Operation::RemoveDevice {
        account: AccountId::new([1; 32]),
        device: DeviceId::new([1; 16]),
    };
    assert!(bench.run(remove).await.is_ok());
    assert!(holder(1).await.is_none(), "a removed device has no token");
    assert!(bench.run(replace(ada, 8)).await == Err(Refusal::Unauthenticated));
    assert!(
        bench.run(replace(ada, 7)).await == Err(Refusal::Unauthenticated),
        "nor learns it who has one"
    );
    assert!(holder(8).await.is_none());
}

pub(super) async fn a_registration_is_no_way_in_past_a_token<S: Store>(bench: Bench<S>) {
    let [ada] = bench.people().await;
    let again = async || bench.run(register(account(1))).await;
    assert!(again().await.is_ok());
    assert!(bench.run(replace(ada, 9)).await.is_ok());
    assert!(again().await == Err(Refusal::Unauthenticated));

    let second = NewDevice {
        token_hash: [1; 32],
        ..device(2)
    };
    let add = Operation::AddDevice {
        account: AccountId::new([1; 32]),
        device: second,
    };
    assert!(bench.run(add).await.is_ok());
    assert!(
        again().await == Err(Refusal::Unauthenticated),
        "nor is it a way into what another device has"
    );
    let remove = |number| Operation::RemoveDevice {
        account: AccountId::new([1; 32]),
        device: DeviceId::new([number; 16]),
    };
    assert!(bench.run(remove(2)).await.is_ok());
    let stranger = NewAccount {
        device: NewDevice {
            token_hash: [1; 32],
            ..device(3)
        },
        ..account(3)
    };
    assert!(bench.run(register(stranger)).await.is_ok());
    assert!(again().await == Err(Refusal::Unauthenticated));

    assert!(bench.run(remove(1)).await.is_ok());
    assert!(
        again().await == Err(Refusal::Unauthenticated),
        "what was removed does not register again"
    );
}

pub(super) async fn there_are_ten_devices_and_no_eleventh<S: Store>(bench: Bench<S>) {
    bench.people::<1>().await;
    let account = AccountId::new([1; 32]);
    let last = 1 + u8::try_from(limits::MAX_DEVICES).unwrap_or(u8::MAX);
    for number in 2..last {
        assert!(
            bench
                .run(Operation::AddDevice {
                    account,
                    device: device(number)
                })
                .await
                .is_ok()
        );
    }
    let one_more = || Operation::AddDevice {
        account,
        device: device(last),
    };
    assert!(bench.run(one_more()).await == Err(Refusal::TooManyDevices));
    let remove = Operation::RemoveDevice {
        account,
        device: DeviceId::new([2; 16]),
    };
    assert!(bench.run(remove).await.is_ok());
    assert!(bench.run(one_more()).await.is_ok());
}

fn publish(packages: Vec<KeyPackage>, replace: bool) -> Operation {
    Operation::Publish {
        mailbox: MailboxId::new([1; 16]),
        packages,
        replace,
    }
}

/// First byte of the key package that was handed out, whether it was the last resort, and who was told of need.
async fn fetch<S: Store>(bench: &Bench<S>, suite: u16) -> (Option<u8>, bool, usize) {
    let vouched = Arc::<Vouched>::default();
    vouched.came(MailboxId::new([1; 16]));
    fetch_where(bench, suite, vouched).await
}

async fn fetch_where<S: Store>(
    bench: &Bench<S>,
    suite: u16,
    vouched: Arc<Vouched>,
) -> (Option<u8>, bool, usize) {
    let account = AccountId::new([1; 32]);
    let fetch = Operation::FetchKeyPackages {
        account,
        suite,
        vouched,
    };
    match bench.run(fetch).await {
        Ok(Outcome::KeyPackages { devices, low }) => {
            let first = devices.first();
            let number = first.and_then(|one| one.key_package.first().copied());
            (number, first.is_some_and(|one| one.last_resort), low.len())
        }
        _ => (None, false, 0),
    }
}

async fn supply<S: Store>(bench: &Bench<S>) -> Vec<(u32, u32, bool)> {
    let state = bench
        .store
        .mailbox(MailboxId::new([1; 16]), END)
        .await
        .ok()
        .flatten();
    let suites = state.map(|state| state.supply.suites).unwrap_or_default();
    suites
        .iter()
        .map(|one| (one.suite, one.one_time, one.last_resort))
        .collect()
}

pub(super) async fn a_device_that_is_not_vouched_for_is_invited_by_its_last_resort<S: Store>(
    bench: Bench<S>,
) {
    bench.people::<1>().await;
    let one_time = || vec![package(1, 11, false)];
    assert!(bench.run(publish(one_time(), false)).await.is_ok());
    let nobody = Arc::<Vouched>::default;
    let last = vec![package(1, 10, true), package(1, 12, false)];
    assert!(bench.run(publish(last, false)).await.is_ok());
    for _ in 0..2 {
        assert!(fetch_where(&bench, 1, nobody()).await == (Some(10), true, 0));
    }
    assert!(supply(&bench).await == [(1, 2, true)]);
    assert!(fetch(&bench, 1).await == (Some(11), false, 1));
    let replaced = vec![package(1, 13, false)];
    assert!(bench.run(publish(replaced, true)).await.is_ok());
    assert!(
        fetch_where(&bench, 1, nobody()).await == (Some(13), false, 1),
        "one that has no other is invited by that"
    );
}

pub(super) async fn a_one_time_key_package_is_handed_out_once<S: Store>(bench: Bench<S>) {
    bench.people::<1>().await;
    let nobody = Operation::FetchKeyPackages {
        account: AccountId::new([5; 32]),
        suite: 1,
        vouched: Arc::default(),
    };
    assert!(bench.run(nobody).await == Err(Refusal::NotFound));
    assert!(
        fetch(&bench, 1).await == (None, false, 0),
        "a device without any is listed without one"
    );

    let all = || {
        vec![
            package(1, 10, true),
            package(1, 11, false),
            package(1, 12, false),
            package(2, 20, false),
        ]
    };
    assert!(bench.run(publish(all(), false)).await == Ok(Outcome::Done));
    assert!(supply(&bench).await == [(1, 2, true), (2, 1, false)]);
    assert!(fetch(&bench, 1).await == (Some(11), false, 1));
    assert!(bench.run(publish(all(), false)).await == Ok(Outcome::Done));
    assert!(
        supply(&bench).await == [(1, 1, true), (2, 1, false)],
        "publishing again brings no spent one back"
    );
    assert!(fetch(&bench, 1).await == (Some(12), false, 1));
    assert!(fetch(&bench, 1).await == (Some(10), true, 0));
    assert!(
        fetch(&bench, 1).await == (Some(10), true, 0),
        "the last resort is handed out again and again"
    );

    assert!(
        bench
            .run(publish(vec![package(1, 13, true)], false))
            .await
            .is_ok()
    );
    assert!(
        fetch(&bench, 1).await == (Some(13), true, 0),
        "the newer last resort takes the older one's place"
    );
    assert!(
        bench
            .run(publish(
                vec![package(2, 21, false), package(2, 21, false)],
                true
            ))
            .await
            .is_ok()
    );
    assert!(
        supply(&bench).await == [(2, 1, false)],
        "all earlier ones are replaced, and one published twice is one"
    );
    assert!(fetch(&bench, 2).await == (Some(21), false, 1));
    assert!(fetch(&bench, 2).await == (None, false, 0));
}

pub(super) async fn a_hundred_key_packages_fit_and_no_more<S: Store>(bench: Bench<S>) {
    bench.people::<1>().await;
    let last = u8::try_from(full()).unwrap_or(u8::MAX);
    let many: Vec<_> = (1..=last).map(|number| package(1, number, false)).collect();
    assert!(bench.run(publish(many.clone(), false)).await.is_ok());
    let one_more = || vec![package(2, 201, false), package(1, 200, false)];
    assert!(bench.run(publish(one_more(), false)).await == Err(Refusal::TooLarge));
    assert!(
        supply(&bench).await == [(1, u32::from(last), false)],
        "a refused request publishes nothing"
    );
    assert!(
        bench
            .run(publish(vec![package(1, 202, true)], false))
            .await
            .is_ok(),
        "the last resort is beside them"
    );
    assert!(
        bench.run(publish(many, false)).await.is_ok(),
        "those that are there already do not count twice"
    );
    for _ in 0..full() - limits::LOW_KEY_PACKAGES {
        assert!(fetch(&bench, 1).await.2 == 0, "there are enough left");
    }
    assert!(
        fetch(&bench, 1).await.2 == 1,
        "under the limit the device is told"
    );
    assert!(bench.run(publish(one_more(), false)).await.is_ok());
}

pub(super) async fn serials_are_given_once<S: Store>(mut bench: Bench<S>) {
    let [ada, bo] = bench.people().await;
    let first = bench.takes(ada, 3).await;
    assert!(first.0 > bench.now.0, "a serial carries the time");
    assert!(
        bench.takes(ada, 1).await == Serial(first.0 + 3),
        "within a moment they are counted"
    );
    assert!(
        bench.takes(bo, 2).await == first,
        "each mailbox has its own"
    );
    assert!(bench.takes(ada, 0).await == Serial(first.0 + 4));

    bench.later(Duration::from_secs(1));
    let later = bench.takes(ada, 300).await;
    assert!(
        later.0 > first.0 + 1_000_000,
        "a second makes room for all that may be forgotten of it"
    );
    bench.now = START;
    assert!(
        bench.takes(ada, 1).await == Serial(later.0 + 300),
        "behind a clock that was moved back, they are counted on"
    );
    bench.now = Timestamp(u64::MAX);
    let last = bench.takes(ada, 1).await;
    assert!(
        last > later && bench.takes(ada, 1).await == last.next(),
        "and there is room behind the latest time of all"
    );
}
