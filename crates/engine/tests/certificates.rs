//! Certificates that come to their end, over the years: who makes new ones, who finds them, and what nobody takes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unchecked_time_subtraction
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{CERTIFICATE_AGAIN, CERTIFICATE_LIFETIME, CERTIFICATE_RENEWAL};
use keyfold_engine::view::Standing;
use keyfold_engine::{Command, Event};
use keyfold_protocol::group::{CheckedKeyPackage, Crypto};
use keyfold_protocol::identity::{AccountKey, CertificateRequest};
use keyfold_protocol::suite::Suite;
use keyfold_server::store::memory::MemoryStore;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId};
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, RefusalCode};
use town::copied::Copied;
use town::person::Loss;
use town::{Town, Who};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// One suite: what these stories are about is in the key packages of each.
const SUITES: &[Suite] = &[Suite::Classic];

/// From registering until a certificate is to be renewed.
fn until_renewal() -> Duration {
    CERTIFICATE_LIFETIME - CERTIFICATE_RENEWAL
}

fn people<const N: usize>(town: &mut Town, names: [&str; N]) -> [Who; N] {
    town.people_speaking(names, SUITES)
}

fn ids(town: &Town, who: Who) -> (AccountId, DeviceId) {
    let me = town.me(who);
    (me.account, me.device)
}

/// What the directory shows of somebody's device.
fn certificate(town: &mut Town, who: Who) -> Certificate {
    let (account, device) = ids(town, who);
    let by = Some(v1::lookup::By::Account(account.to_wire()));
    let Ok(Content::Account(found)) = town.asks(Body::Lookup(v1::Lookup { by })) else {
        panic!("no account");
    };
    let certificates = found.device_certificates.iter();
    let mut certificates = certificates.map(|encoded| Certificate::verify(encoded).unwrap());
    certificates.find(|one| one.device == device).unwrap()
}

/// The certificate in a key package that somebody who adds a device is given, if it can be added with it.
fn addable(town: &mut Town, who: Who) -> Option<Certificate> {
    let (account, device) = ids(town, who);
    let fetch = v1::FetchKeyPackages {
        account: account.to_wire(),
        suite: u32::from(Suite::Classic.number()),
    };
    let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(fetch)) else {
        panic!("no key packages");
    };
    let mut found = found.devices.into_iter();
    let package = found.find(|one| one.device == device.to_wire()).unwrap();
    let now = town.now();
    let checked = CheckedKeyPackage::check(&Crypto::default(), &package.key_package, now).ok()?;
    Some(checked.certificate().clone())
}

/// Everybody is in a conversation, and reads what each of them says in it.
#[track_caller]
fn all_talk(town: &mut Town, everybody: &[Who], conversation: ConversationId) {
    for who in everybody {
        let shown = town.people[who.0].engine.conversation(conversation);
        let shown = shown
            .unwrap()
            .unwrap_or_else(|| panic!("{who:?} is not in"));
        assert_eq!(shown.standing, Standing::Active, "{who:?}");
        town.says(*who, conversation, &format!("{} is here", who.0));
        town.settles();
    }
    for who in everybody {
        let read = town.reads(*who, conversation);
        for other in everybody {
            let said = format!("{} is here", other.0);
            assert!(read.contains(&said), "{who:?} reads {other:?}");
        }
    }
}

fn everybody_is_off(town: &mut Town, everybody: &[Who], time: Duration) {
    for who in everybody {
        town.goes_offline(*who);
    }
    town.passes(time);
}

#[test]
fn who_is_there_every_day_is_added_after_a_year_and_a_half() {
    let mut town = Town::new(1);
    let [ada, bo] = people(&mut town, ["ada", "bo"]);
    let laptop = town.links(ada, SUITES);
    let talk = town.meets(ada, bo);
    for _ in 0..9 {
        town.passes(60 * DAY);
        assert!(certificate(&mut town, ada).expires > town.now());
    }
    let [cy] = people(&mut town, ["cy"]);
    let group = town.creates_group(cy, "new", &[ada, bo]);
    all_talk(&mut town, &[ada, laptop, bo, cy], group);
    let other = town.creates_group(ada, "newer", &[bo]);
    town.adds(ada, other, &[cy]);
    town.settles();
    all_talk(&mut town, &[ada, laptop, bo, cy], other);
    all_talk(&mut town, &[ada, laptop, bo], talk);
}

#[test]
fn one_second_before_its_time_a_certificate_is_the_old_one_and_then_a_new_one() {
    let mut town = Town::on_disk(2);
    let begin = town.now();
    let [ada, bo] = people(&mut town, ["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let former = certificate(&mut town, ada);
    assert_eq!(former.created, begin);
    assert_eq!(former.expires, begin.after(CERTIFICATE_LIFETIME));
    everybody_is_off(&mut town, &[ada, bo], until_renewal() - 2 * DAY);
    for who in [ada, bo] {
        town.comes_back(who);
    }
    let due = begin.after(until_renewal());
    let rest = due.since(town.now()) - SECOND;
    town.passes(rest);
    assert_eq!(certificate(&mut town, ada), former);
    assert_eq!(addable(&mut town, ada), Some(former.clone()));
    town.passes(SECOND);
    let renewed = certificate(&mut town, ada);
    assert_eq!(renewed.created, due);
    assert_eq!(renewed.expires, due.after(CERTIFICATE_LIFETIME));
    assert_eq!(renewed.signature_key, former.signature_key);
    assert_eq!(renewed.suites, former.suites);
    assert!(renewed.renews(&former));
    assert_eq!(addable(&mut town, ada), Some(renewed.clone()), "at once");
    // Its leaf has it with its next update, and the others follow.
    town.does(ada, Command::Update { conversation: talk })
        .unwrap();
    town.settles();
    let group = Copied::of(&town.people[bo.0]).group(talk);
    let mut leaves = group.view().leaves.iter();
    assert!(leaves.any(|leaf| leaf.certificate == renewed), "bo sees it");
    all_talk(&mut town, &[ada, bo], talk);
    // That is all for another two thirds of its life.
    town.passes(30 * DAY);
    assert_eq!(certificate(&mut town, ada), renewed);
}

#[test]
fn who_was_off_for_two_years_is_added_when_they_are_back() {
    let mut town = Town::new(3);
    let [ada, bo] = people(&mut town, ["ada", "bo"]);
    let laptop = town.links(bo, SUITES);
    let talk = town.meets(ada, bo);
    everybody_is_off(&mut town, &[ada, bo, laptop], 730 * DAY);
    let [cy] = people(&mut town, ["cy"]);
    assert_eq!(addable(&mut town, bo), None, "it has ended");
    town.comes_back(bo);
    let back = town.now();
    town.passes(2 * SECOND);
    assert_eq!(addable(&mut town, bo).unwrap().created, back);
    town.comes_back(laptop);
    town.comes_back(ada);
    town.passes(CERTIFICATE_AGAIN + SECOND);
    for who in [ada, bo, laptop] {
        let found = addable(&mut town, who).unwrap();
        assert!(found.created >= back, "{who:?}");
    }
    let group = town.creates_group(cy, "we are back", &[ada, bo]);
    all_talk(&mut town, &[ada, bo, laptop, cy], group);
    all_talk(&mut town, &[ada, bo, laptop], talk);
}

#[test]
fn a_linked_device_finds_what_its_primary_one_has_made() {
    let mut town = Town::new(4);
    let [ada] = people(&mut town, ["ada"]);
    let laptop = town.links(ada, SUITES);
    let former = certificate(&mut town, laptop);
    // The phone is away when it is time: the laptop looks once a day, and finds nothing.
    everybody_is_off(&mut town, &[ada, laptop], until_renewal() - DAY);
    town.comes_back(laptop);
    let since = town.people[laptop.0].asked.len();
    town.passes(11 * DAY);
    let asked = &town.people[laptop.0].asked[since..];
    let looks = asked.iter().filter(|body| matches!(body, Body::Lookup(_)));
    assert!((9..=11).contains(&looks.count()), "once a day");
    assert_eq!(addable(&mut town, laptop), Some(former.clone()));
    town.comes_back(ada);
    let renewed = certificate(&mut town, laptop);
    assert!(renewed.renews(&former));
    town.passes(CERTIFICATE_AGAIN + SECOND);
    assert_eq!(addable(&mut town, laptop), Some(renewed.clone()));
    let since = town.people[laptop.0].asked.len();
    town.passes(5 * DAY);
    let mut asked = town.people[laptop.0].asked[since..].iter();
    assert!(!asked.any(|body| matches!(body, Body::Lookup(_))), "found");
    // Now the laptop is away while the phone goes on, and longer than its certificate lasts.
    town.goes_offline(laptop);
    town.goes_offline(ada);
    town.passes(until_renewal());
    town.comes_back(ada);
    let newest = certificate(&mut town, laptop);
    assert!(newest.renews(&renewed));
    town.goes_offline(ada);
    town.passes(CERTIFICATE_RENEWAL + 10 * DAY);
    assert_eq!(addable(&mut town, laptop), None, "it has ended");
    town.comes_back(laptop);
    town.passes(2 * SECOND);
    assert_eq!(addable(&mut town, laptop), Some(newest));
    let [bo] = people(&mut town, ["bo"]);
    let talk = town.meets(laptop, bo);
    all_talk(&mut town, &[laptop, bo], talk);
}

/// What an account key, in whoever's hands, says of a device.
fn says_of(
    key: &AccountKey,
    of: &Certificate,
    change: impl Fn(&mut CertificateRequest),
) -> Vec<u8> {
    let mut request = CertificateRequest {
        handle: of.handle.clone(),
        device: of.device,
        signature_key: of.signature_key,
        suites: SUITES.to_vec(),
        created: of.created,
        expires: of.expires,
    };
    change(&mut request);
    key.certify(&request).unwrap()
}

fn account_key(copied: &Copied) -> AccountKey {
    let query = "SELECT value FROM setting WHERE name = 'account_key'";
    let secret: Vec<u8> = copied
        .database
        .query_row(query, [], |row| row.get(0))
        .unwrap();
    AccountKey::from_secret_bytes(&secret).unwrap()
}

#[test]
fn a_linked_device_takes_nothing_from_the_directory_that_does_not_renew_its_certificate() {
    let mut town = Town::on_disk(5);
    let [ada] = people(&mut town, ["ada"]);
    let laptop = town.links(ada, SUITES);
    let key = account_key(&Copied::of(&town.people[ada.0]));
    let former = certificate(&mut town, laptop);
    let later = |request: &mut CertificateRequest| {
        request.created = request.created.after(DAY);
        request.expires = request.expires.after(DAY);
    };
    let older = says_of(&key, &former, |request| request.created.0 -= 1);
    let longer = says_of(&key, &former, |request| request.expires.0 += 1);
    let other_key = says_of(&key, &former, |request| {
        later(request);
        request.signature_key = key.public();
    });
    let other_device = says_of(&key, &former, |request| {
        later(request);
        request.device = DeviceId::new([1; 16]);
    });
    let stranger = AccountKey::generate(&mut town.rng);
    let strangers = says_of(&stranger, &former, later);
    let mut forged = says_of(&key, &former, later);
    *forged.last_mut().unwrap() ^= 1;
    let bad = [
        older,
        longer,
        other_key,
        other_device,
        strangers,
        forged,
        vec![1, 2, 3],
    ];
    everybody_is_off(&mut town, &[ada, laptop], until_renewal());
    town.people[laptop.0].bends_reply = Some(Box::new(move |_, content| {
        if let Content::Account(account) = content {
            account.device_certificates = bad.iter().cloned().map(Into::into).collect();
        }
    }));
    town.comes_back(laptop);
    town.passes(2 * DAY);
    assert_eq!(addable(&mut town, laptop), Some(former.clone()));
    assert_eq!(Copied::of(&town.people[laptop.0]).certificate, {
        let by = Some(v1::lookup::By::Account(former.account.to_wire()));
        let Ok(Content::Account(found)) = town.asks(Body::Lookup(v1::Lookup { by })) else {
            panic!("no account");
        };
        found.device_certificates[1].to_vec()
    });
    town.people[laptop.0].bends_reply = None;
    town.comes_back(ada);
    town.passes(2 * DAY);
    assert!(addable(&mut town, laptop).unwrap().renews(&former));
}

#[test]
fn a_clock_that_was_wrong_changes_nothing() {
    let mut town = Town::new(6);
    let [ada, bo] = people(&mut town, ["ada", "bo"]);
    let former = certificate(&mut town, ada);
    town.people[ada.0].skew = i64::try_from((300 * DAY).as_millis()).unwrap();
    town.passes(DAY);
    assert_eq!(certificate(&mut town, ada), former, "the server refuses it");
    assert_eq!(
        addable(&mut town, ada),
        Some(former.clone()),
        "so nobody uses it"
    );
    town.people[ada.0].skew = 0;
    everybody_is_off(&mut town, &[ada, bo], until_renewal() - DAY);
    for who in [ada, bo] {
        town.comes_back(who);
    }
    let renewed = addable(&mut town, ada).unwrap();
    assert!(renewed.renews(&former), "in its time");
    let talk = town.meets(bo, ada);
    all_talk(&mut town, &[ada, bo], talk);
}

#[test]
fn a_renewal_that_is_lost_or_put_off_comes_about() {
    for loss in [Loss::Request, Loss::Reply] {
        let mut town = Town::new(7);
        let [ada] = people(&mut town, ["ada"]);
        let former = certificate(&mut town, ada);
        let mut times = 0;
        town.people[ada.0].loses = Some(Box::new(move |body| {
            let lost = matches!(body, Body::AddDevice(_)) && times < 3;
            times += usize::from(lost);
            if lost { loss } else { Loss::Nothing }
        }));
        everybody_is_off(&mut town, &[ada], until_renewal());
        town.comes_back(ada);
        town.passes(Duration::from_mins(10));
        let renewed = certificate(&mut town, ada);
        assert!(renewed.renews(&former), "{loss:?}");
        assert_eq!(addable(&mut town, ada), Some(renewed), "{loss:?}");
    }
}

#[test]
fn a_device_that_is_removed_is_not_brought_back_by_a_renewal_that_waited() {
    let mut town = Town::new(8);
    let [ada] = people(&mut town, ["ada"]);
    let laptop = town.links(ada, SUITES);
    let (account, device) = ids(&town, laptop);
    everybody_is_off(&mut town, &[ada, laptop], until_renewal());
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::AddDevice(_)).then(|| v1::Refused {
            code: RefusalCode::Busy.into(),
            retry_after_ms: 5_000,
            ..v1::Refused::default()
        })
    }));
    town.comes_back(ada);
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.settles();
    town.people[ada.0].refuses = None;
    town.passes(3 * DAY);
    let by = Some(v1::lookup::By::Account(account.to_wire()));
    let Ok(Content::Account(found)) = town.asks(Body::Lookup(v1::Lookup { by })) else {
        panic!("no account");
    };
    assert_eq!(found.device_certificates.len(), 1);
    town.comes_back(laptop);
    town.passes(SECOND);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
}

#[test]
fn a_server_that_has_lost_everything_takes_a_registration_whose_first_certificate_has_ended() {
    let mut town = Town::new(9);
    let [ada, bo] = people(&mut town, ["ada", "bo"]);
    let laptop = town.links(ada, SUITES);
    everybody_is_off(&mut town, &[ada, bo, laptop], until_renewal());
    for who in [ada, laptop, bo] {
        town.comes_back(who);
    }
    town.passes(2 * DAY);
    everybody_is_off(&mut town, &[ada, bo, laptop], CERTIFICATE_RENEWAL);
    town.puts_server_back(&MemoryStore::new());
    for who in [ada, bo, laptop] {
        town.comes_back(who);
    }
    town.passes(Duration::from_mins(10));
    for who in [ada, bo, laptop] {
        assert!(addable(&mut town, who).is_some(), "{who:?}");
    }
    let talk = town.meets(bo, ada);
    all_talk(&mut town, &[ada, bo, laptop], talk);
}
