//! Stories of accounts and devices: who gets in, under which name, and what a token opens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use bytes::Bytes;
use core_town::{Group, Papers, START, Town};
use keyfold_server::store::Store;
use keyfold_server::{Refusal, Registration, Settings};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, client_frame::Request};
use sha2::Digest as _;

stories![
    a_lost_reply_to_a_registration_costs_nothing,
    nobody_takes_a_look_alike,
    forged_papers_are_refused,
    a_closed_server_takes_nobody,
    an_invitation_is_good_for_one,
    a_token_opens_one_mailbox,
    a_replaced_token_opens_nothing_and_its_device_goes_on,
    the_greeting_tells_what_went_unseen,
    a_second_device_reads_for_itself_until_it_is_removed,
    a_device_of_somebody_else_is_not_added,
    a_renewed_certificate_takes_the_place_of_the_one_before,
    key_packages_are_handed_out_once_then_the_last_resort,
    who_may_have_lost_something_is_invited_by_the_last_resort,
    people_are_found_by_what_they_are_called,
    addresses_differ_and_none_is_given_twice,
];

async fn a_lost_reply_to_a_registration_costs_nothing<S: Store>(store: S) {
    let town = Town::new(store);
    let papers = Papers::of("ada");
    let (first, greeting) = town.core.register(papers.registration()).await.unwrap();
    let (again, _) = town.core.register(papers.registration()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(
        (greeting.acknowledged, greeting.known, greeting.now_ms),
        (0, 0, START.0)
    );
    let other = papers.registration_with(|register| register.recovery_key = vec![6; 32].into());
    let refused = town.core.register(other).await.err();
    assert_eq!(
        refused,
        Some(Refusal::Conflict),
        "the recovery key is bound"
    );
}

async fn nobody_takes_a_look_alike<S: Store>(store: S) {
    let town = Town::new(store);
    town.person("paypal").await;
    for name in ["paypa1", "раураl", "рауpal"] {
        let refused = town
            .core
            .register(Papers::of(name).registration())
            .await
            .err();
        let is_refused = matches!(refused, Some(Refusal::HandleTaken | Refusal::HandleInvalid));
        assert!(is_refused, "{name}");
    }
    let taken = town
        .core
        .register(Papers::of("paypa1").registration())
        .await
        .err();
    assert_eq!(taken, Some(Refusal::HandleTaken));
    let spaced = Papers::of("pay pal").registration();
    assert_eq!(
        town.core.register(spaced).await.err(),
        Some(Refusal::HandleInvalid)
    );
    let typed = Papers::of("carla").registration_with(|register| register.handle = "Carla".into());
    assert!(
        town.core.register(typed).await.is_ok(),
        "what is typed is brought to its normal form"
    );
}

async fn forged_papers_are_refused<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, eve) = (Papers::of("ada"), Papers::of("eve"));
    let stolen =
        |register: &mut v1::Register| register.device_certificate = ada.certificate(|_| ());
    let other_name = |register: &mut v1::Register| {
        register.device_certificate = eve.certificate(|body| body.handle = "ada".into());
    };
    let other_account = |register: &mut v1::Register| {
        register.device_certificate =
            eve.certificate(|body| body.account = Bytes::from_static(&[1; 32]));
    };
    let expired = |register: &mut v1::Register| {
        register.device_certificate = eve.certificate(|body| body.expires_ms = START.0 - 8_000_000);
    };
    let short = |register: &mut v1::Register| register.token_hash = Bytes::from_static(&[1; 31]);
    let changes: [&dyn Fn(&mut v1::Register); 5] =
        [&stolen, &other_name, &other_account, &expired, &short];
    for change in changes {
        let refused = town
            .core
            .register(eve.registration_with(change))
            .await
            .err();
        assert_eq!(refused, Some(Refusal::CertificateInvalid));
    }
    let mut unsigned = eve.registration();
    unsigned.invitation = "added after signing".into();
    assert_eq!(
        town.core.register(unsigned).await.err(),
        Some(Refusal::CertificateInvalid)
    );
    assert!(
        town.core.register(eve.registration()).await.is_ok(),
        "and nothing of it was kept"
    );
}

fn settings(registration: Registration) -> Settings {
    Settings {
        registration,
        ..Settings::default()
    }
}

async fn a_closed_server_takes_nobody<S: Store>(store: S) {
    let town = Town::with(store, settings(Registration::Closed));
    let refused = town
        .core
        .register(Papers::of("ada").registration())
        .await
        .err();
    assert_eq!(refused, Some(Refusal::RegistrationClosed));
}

async fn an_invitation_is_good_for_one<S: Store>(store: S) {
    let town = Town::with(store, settings(Registration::Invite));
    let code = town.core.invite().await.unwrap();
    let invited =
        |name| Papers::of(name).registration_with(|register| register.invitation.clone_from(&code));
    let uninvited = town
        .core
        .register(Papers::of("ada").registration())
        .await
        .err();
    assert_eq!(uninvited, Some(Refusal::InvitationInvalid));
    assert!(town.core.register(invited("ada")).await.is_ok());
    assert!(
        town.core.register(invited("ada")).await.is_ok(),
        "the same request again"
    );
    let second = town.core.register(invited("bo")).await.err();
    assert_eq!(second, Some(Refusal::InvitationInvalid));
    assert_ne!(town.core.invite().await.unwrap(), code);
}

async fn a_token_opens_one_mailbox<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "one").await.unwrap();
    group.says(&town, "two").await.unwrap();
    let [one, two] = ada.sequences().await[..] else {
        panic!("two were sent")
    };
    let (device, greeting) = town.core.hello(ada.papers.hello(one)).await.unwrap();
    assert_eq!(device, ada.device);
    assert_eq!((greeting.acknowledged, greeting.known), (0, one));
    let name = greeting.mailbox;
    assert_eq!(name.len(), 16);
    let (_, of_bo) = town.core.hello(bo.papers.hello(0)).await.unwrap();
    assert_ne!(of_bo.mailbox, name, "each has a name of its own");
    group.says(&town, "three").await.unwrap();
    let (_, greeting) = town.core.hello(ada.papers.hello(u64::MAX)).await.unwrap();
    let three = greeting.known;
    assert!(three > two);
    assert_eq!(greeting.acknowledged, one, "a hello acknowledges");
    assert_eq!(greeting.mailbox, name, "which stays");
    group.says(&town, "four").await.unwrap();
    let (_, greeting) = town.core.hello(ada.papers.hello(0)).await.unwrap();
    assert_eq!(
        greeting.acknowledged, three,
        "but nothing that was still to come"
    );
    assert_eq!(ada.reads().await, ["four"]);
    let unknown = v1::Hello {
        token: vec![1; 32].into(),
        after: 0,
    };
    assert_eq!(
        town.core.hello(unknown).await.err(),
        Some(Refusal::Unauthenticated)
    );
    let short = v1::Hello {
        token: vec![1; 31].into(),
        after: 0,
    };
    assert_eq!(town.core.hello(short).await.err(), Some(Refusal::Malformed));
}

async fn a_replaced_token_opens_nothing_and_its_device_goes_on<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let mut feed = ada.listens(0);
    assert!(core_town::all_of(&mut feed).await.is_empty());
    let fresh = Papers {
        token: [8; 32],
        ..Papers::of("ada")
    };
    let replace = |papers: &Papers| {
        Request::ReplaceToken(v1::ReplaceToken {
            token_hash: papers.registration().token_hash,
        })
    };
    let others = ada.ask(replace(&bo.papers)).await;
    assert_eq!(others.err(), Some(Refusal::Conflict));
    assert!(town.core.hello(ada.papers.hello(0)).await.is_ok());
    for _ in 0..2 {
        let answer = ada.ask(replace(&fresh)).await;
        assert!(matches!(answer, Ok(Content::Done(_))));
    }

    let unknown = Some(Refusal::Unauthenticated);
    assert_eq!(town.core.hello(ada.papers.hello(0)).await.err(), unknown);
    let registration = ada.papers.registration();
    assert_eq!(town.core.register(registration).await.err(), unknown);
    group.says(&town, "still here?").await.unwrap();
    let heard = core_town::all_of(&mut feed).await;
    assert_eq!(
        core_town::text(&heard[0]),
        "still here?",
        "the socket that asked goes on"
    );
    let (device, _) = town.core.hello(fresh.hello(0)).await.unwrap();
    assert_eq!(device, ada.device, "with the mailbox that it had");
}

async fn the_greeting_tells_what_went_unseen<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    group.says(&town, "unseen").await.unwrap();
    let (_, greeting) = town.core.hello(ada.papers.hello(0)).await.unwrap();
    assert_eq!(greeting.expired, 0);
    town.clock.advance(keyfold_wire::limits::ITEM_RETENTION);
    town.clock.advance(std::time::Duration::from_millis(1));
    town.core.sweep().await.unwrap();
    let (_, greeting) = town.core.hello(ada.papers.hello(0)).await.unwrap();
    assert!(greeting.expired > 0);
    let (_, greeting) = town.core.hello(ada.papers.hello(u64::MAX)).await.unwrap();
    assert_eq!(greeting.expired, greeting.known);
    assert!(ada.reads().await.is_empty());
}

async fn a_second_device_reads_for_itself_until_it_is_removed<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let tablet = Papers {
        device: [9; 16],
        token: [8; 32],
        ..Papers::of("ada")
    };
    let add = || {
        Request::AddDevice(v1::AddDevice {
            device_certificate: tablet.certificate(|_| ()),
            token_hash: tablet.registration().token_hash,
        })
    };
    ada.ask(add()).await.unwrap();
    ada.ask(add()).await.unwrap();
    let (device, _) = town.core.hello(tablet.hello(0)).await.unwrap();
    assert_eq!(
        (device.account, device.id.as_bytes()),
        (ada.device.account, &[9; 16])
    );
    assert_ne!(device.mailbox, ada.device.mailbox);

    let mut feed = town.core.subscribe(&device, keyfold_wire::ids::Sequence(0));
    assert!(matches!(feed.next().await, Ok(Content::Deliveries(_))));
    let remove = Papers::of("ada").removal([9; 16]);
    let mut others = Papers::of("bo").removal([9; 16]);
    for _ in 0..2 {
        let forged = ada.ask(Request::RemoveDevice(others.clone())).await;
        assert_eq!(forged.err(), Some(Refusal::CertificateInvalid));
        // Nor does a signature fit another device.
        others = v1::RemoveDevice {
            device: vec![9; 16].into(),
            ..Papers::of("ada").removal([8; 16])
        };
    }
    ada.ask(Request::RemoveDevice(remove.clone()))
        .await
        .unwrap();
    ada.ask(Request::RemoveDevice(remove)).await.unwrap();
    assert_eq!(feed.next().await.err(), Some(Refusal::Unauthenticated));
    assert_eq!(
        town.core.hello(tablet.hello(0)).await.err(),
        Some(Refusal::Unauthenticated)
    );
    let request = keyfold_server::request::DeviceRequest::parse(add()).unwrap();
    let refused = town.core.device_request(&device, request).await.err();
    assert_eq!(
        refused,
        Some(Refusal::Unauthenticated),
        "its socket may live a moment longer"
    );
}

async fn a_device_of_somebody_else_is_not_added<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let (bo, tablet) = (
        Papers::of("bo"),
        Papers {
            device: [9; 16],
            ..Papers::of("ada")
        },
    );
    let expired = |body: &mut v1::DeviceCertificateBody| body.expires_ms = START.0 - 8_000_000;
    let renamed = |body: &mut v1::DeviceCertificateBody| body.handle = "adaa".into();
    let certificates = [
        bo.certificate(|_| ()),
        tablet.certificate(expired),
        tablet.certificate(renamed),
    ];
    for device_certificate in certificates {
        let add = v1::AddDevice {
            device_certificate,
            token_hash: vec![1; 32].into(),
        };
        let refused = ada.ask(Request::AddDevice(add)).await.err();
        assert_eq!(refused, Some(Refusal::CertificateInvalid));
    }
}

async fn certificates<S: Store>(town: &Town<S>, of: &Papers) -> Vec<Bytes> {
    let by = v1::lookup::By::Handle(of.name.clone());
    match town.ask(Request::Lookup(v1::Lookup { by: Some(by) })).await {
        Ok(Content::Account(account)) => account.device_certificates,
        _ => panic!("{} is not found", of.name),
    }
}

async fn a_renewed_certificate_takes_the_place_of_the_one_before<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let papers = Papers::of("ada");
    let renewed = |by: u64| {
        papers.certificate(|body| {
            body.created_ms = START.0 + by;
            body.expires_ms = START.0 + 1_000_000_000 + by;
        })
    };
    let ask = async |certificate: &Bytes, token: &[u8; 32]| {
        let add = v1::AddDevice {
            device_certificate: certificate.clone(),
            token_hash: Bytes::copy_from_slice(&sha2::Sha256::digest(token)),
        };
        ada.ask(Request::AddDevice(add)).await.err()
    };
    assert_eq!(ask(&renewed(2), &papers.token).await, None);
    assert_eq!(certificates(&town, &papers).await, [renewed(2)]);
    assert_eq!(ask(&renewed(2), &papers.token).await, None, "a lost answer");
    // Neither an older one comes back, nor another that was made at the same moment, nor one for another key.
    let same_moment = papers.certificate(|body| body.created_ms = START.0 + 2);
    let other_key = papers.certificate(|body| {
        body.created_ms = START.0 + 9;
        body.signature_key = Bytes::from_static(&[7; 32]);
    });
    for refused in [renewed(1), same_moment, other_key] {
        assert_eq!(ask(&refused, &papers.token).await, Some(Refusal::Conflict));
    }
    // Nor one from a day to come: the server's clock says what is newer.
    let ahead = papers.certificate(|body| {
        body.created_ms = START.0 + 7_300_000;
        body.expires_ms = START.0 + 9_000_000;
    });
    let refused = ask(&ahead, &papers.token).await;
    assert_eq!(refused, Some(Refusal::CertificateInvalid));
    assert_eq!(certificates(&town, &papers).await, [renewed(2)]);
    // Who renews need not know the token: it stays what it is.
    assert_eq!(ask(&renewed(3), &[9; 32]).await, None);
    assert_eq!(certificates(&town, &papers).await, [renewed(3)]);
    let (device, _) = town.core.hello(papers.hello(0)).await.unwrap();
    assert_eq!(device.mailbox, ada.device.mailbox);
}

async fn fetch<S: Store>(town: &Town<S>, account: Bytes) -> Result<(u8, bool), Refusal> {
    let fetch = Request::FetchKeyPackages(v1::FetchKeyPackages { account, suite: 1 });
    let Content::KeyPackages(found) = town.ask(fetch).await? else {
        panic!("no key packages")
    };
    let package = &found.devices[0];
    Ok((
        package.key_package.first().copied().unwrap_or_default(),
        package.last_resort,
    ))
}

async fn key_packages_are_handed_out_once_then_the_last_resort<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let account = ada.device.account.to_wire();
    let mut feed = ada.listens(0);
    assert!(matches!(feed.next().await, Ok(Content::Deliveries(_))));
    assert_eq!(
        fetch(&town, account.clone()).await,
        Ok((0, false)),
        "there is none yet"
    );
    ada.publishes(&[(9, true), (1, false), (2, false)])
        .await
        .unwrap();
    let mut handed = Vec::new();
    for _ in 0..4 {
        handed.push(fetch(&town, account.clone()).await.unwrap());
    }
    assert_eq!(handed, [(1, false), (2, false), (9, true), (9, true)]);
    let Ok(Content::Supply(supply)) = feed.next().await else {
        panic!("not told of need")
    };
    assert_eq!(
        (supply.suites[0].one_time, supply.suites[0].last_resort),
        (0, true)
    );
    let nobody = fetch(&town, Bytes::from_static(&[1; 32])).await;
    assert_eq!(nobody, Err(Refusal::NotFound));
}

async fn who_may_have_lost_something_is_invited_by_the_last_resort<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let account = ada.device.account.to_wire();
    let fetched = || fetch(&town, account.clone());
    let packages = [(9, true), (1, false), (2, false), (3, false)];
    ada.publishes(&packages).await.unwrap();
    assert_eq!(fetched().await, Ok((1, false)));
    let group = Group::of("notes", &[&ada]).await;
    group.says(&town, "for me").await.unwrap();
    let position = ada.sequences().await[0];
    // She has had something that this server does not know of: it was put back.
    town.core
        .hello(ada.papers.hello(position + 1))
        .await
        .unwrap();
    assert_eq!(fetched().await, Ok((9, true)));
    // She has taken her position from this server: that says nothing of what lies here.
    town.core.hello(ada.papers.hello(position)).await.unwrap();
    assert_eq!(fetched().await, Ok((9, true)));
    ada.replaces(&[(29, true), (21, false), (22, false)])
        .await
        .unwrap();
    assert_eq!(fetched().await, Ok((21, false)));
    town.core.hello(ada.papers.hello(position)).await.unwrap();
    assert_eq!(fetched().await, Ok((22, false)));
    // She does not know of what she has acknowledged: she was put back.
    town.core.hello(ada.papers.hello(0)).await.unwrap();
    assert_eq!(fetched().await, Ok((29, true)));
    ada.replaces(&[(19, true), (11, false)]).await.unwrap();
    assert_eq!(fetched().await, Ok((11, false)));
    assert_eq!(fetched().await, Ok((19, true)));
}

async fn people_are_found_by_what_they_are_called<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let by_handle = |handle: &str| v1::lookup::By::Handle(handle.to_owned());
    let by_id = v1::lookup::By::Account(ada.device.account.to_wire());
    for by in [by_handle("ada"), by_handle("ADA"), by_id] {
        let found = town.ask(Request::Lookup(v1::Lookup { by: Some(by) })).await;
        let Ok(Content::Account(account)) = found else {
            panic!("not found")
        };
        assert_eq!(account.handle, "ada");
        assert_eq!(account.account, ada.device.account.as_bytes()[..]);
        assert_eq!(
            account.device_certificates,
            [ada.papers.certificate(|_| ())]
        );
    }
    let strangers = [
        by_handle("bo"),
        by_handle("@@"),
        v1::lookup::By::Account(vec![1; 32].into()),
    ];
    for by in strangers {
        let found = town.ask(Request::Lookup(v1::Lookup { by: Some(by) })).await;
        assert_eq!(found.err(), Some(Refusal::NotFound));
    }
}

async fn addresses_differ_and_none_is_given_twice<S: Store>(store: S) {
    let town = Town::new(store);
    let mut ada = town.person("ada").await;
    ada.take_addresses(100).await;
    let mut serials: Vec<_> = ada.addresses.iter().map(|one| one.serial).collect();
    let mut addresses: Vec<_> = ada
        .addresses
        .iter()
        .map(|one| one.address.clone())
        .collect();
    serials.dedup();
    addresses.sort();
    addresses.dedup();
    assert_eq!((serials.len(), addresses.len()), (108, 108));
    assert!(Timestamp(town.core.hello(ada.papers.hello(0)).await.unwrap().1.now_ms) == START);
}
