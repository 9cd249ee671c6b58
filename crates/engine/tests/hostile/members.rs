//! Members with modified clients: what breaks the rules is refused by every member alike, and says so.

use keyfold_engine::view::{Standing, What};
use keyfold_engine::{Command, Event};
use keyfold_protocol::group::{Change, Update};
use keyfold_protocol::identity::{AccountKey, CertificateRequest};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{goes_on, held, sees};

/// Eve is a plain member of ada's group, with a client of her own making.
fn group() -> (Town, [Who; 4], ConversationId, Copied) {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo", "cy", "eve"]);
    let [ada, bo, cy, eve] = people;
    let group = town.creates_group(ada, "club", &[bo, cy, eve]);
    town.says(eve, group, "hello");
    town.settles();
    town.passes(std::time::Duration::from_mins(10));
    town.goes_offline(eve);
    let copied = Copied::of(&town.people[eve.0]);
    (town, people, group, copied)
}

/// Every member holds the conversation, for the same reason; nothing of the change happened; what is said waits.
#[track_caller]
fn refused_alike(town: &mut Town, members: &[Who], group: ConversationId, why: &str) {
    let first = members[0];
    for who in members {
        let words = held(town, *who, group).unwrap_or_else(|| panic!("{who:?} goes on"));
        assert!(words.contains(why), "{words}");
        assert_eq!(Some(&words), held(town, first, group).as_ref());
        let entries = town.timeline(*who, group);
        assert_eq!(entries.last().unwrap().what, What::Refused(words));
        let told = town.events(*who).iter();
        assert!(told.clone().any(|event| matches!(event, Event::Held(..))));
        assert_eq!(town.members(*who, group).len(), 4, "nobody came or went");
    }
    let entries = town.timeline(first, group).len();
    town.says(first, group, "held back");
    town.settles();
    let timeline = town.timeline(first, group);
    assert_eq!(timeline.len(), entries + 1, "not lost");
    let last = timeline.last().unwrap();
    assert_eq!(last.state, keyfold_engine::view::State::Waiting);
    for who in &members[1..] {
        assert!(!town.reads(*who, group).contains(&"held back".to_owned()));
    }
    // Also after a restart.
    town.people[first.0].restarts();
    town.settles();
    assert!(held(town, first, group).is_some());
    assert_eq!(town.timeline(first, group).len(), entries + 1);
}

#[test]
fn a_member_who_removes_another_is_refused_by_all() {
    let (mut town, [ada, bo, cy, _], group, mut eve) = group();
    let cys = town.me(cy).account;
    let commit = eve.commits(group, |view| Change {
        removed: vec![Copied::leaf(view, cys)],
        ..Change::default()
    });
    town.asks(Body::Commit(commit)).unwrap();
    town.settles();
    refused_alike(&mut town, &[ada, bo, cy], group, "may not");
}

#[test]
fn a_member_who_becomes_owner_or_renames_is_refused_by_all() {
    for rename in [false, true] {
        let (mut town, [ada, bo, cy, eve_], group, mut eve) = group();
        let eves = town.me(eve_).account;
        let commit = eve.commits(group, |view| {
            let mut state = view.state.clone();
            if rename {
                state.name = keyfold_protocol::state::Name::new("eve's").unwrap();
            } else {
                state.set_role(eves, Role::Owner);
            }
            Change {
                state: Some(state),
                ..Change::default()
            }
        });
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        refused_alike(
            &mut town,
            &[ada, bo, cy],
            group,
            if rename { "only admins" } else { "may not" },
        );
        assert_eq!(town.shows(ada, group).name, "club");
    }
}

/// An update, which anybody may commit; to be spoilt.
fn update(_: &keyfold_protocol::rules::GroupView) -> Change {
    Change {
        update: Some(Update::default()),
        ..Change::default()
    }
}

#[test]
fn a_roster_that_does_not_match_is_refused_by_all() {
    type Spoil = fn(&mut v1::Commit);
    let spoils: [(Spoil, &str); 4] = [
        // Somebody gets nothing any more.
        (
            |commit| {
                commit.next_roster.pop();
            },
            "another roster than",
        ),
        (
            |commit| commit.next_roster.swap(0, 1),
            "another roster than",
        ),
        // A key that only eve knows.
        (
            |commit| commit.next_roster_key = vec![7; 32].into(),
            "another roster key than",
        ),
        (
            |commit| {
                commit.next_roster.remove(0);
                commit.next_roster_key = vec![7; 32].into();
            },
            "another roster",
        ),
    ];
    for (spoil, why) in spoils {
        let (mut town, [ada, bo, cy, _], group, mut eve) = group();
        let mut commit = eve.commits(group, update);
        spoil(&mut commit);
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        refused_alike(&mut town, &[ada, bo, cy], group, why);
    }
}

#[test]
fn a_damaged_commit_in_a_right_envelope_is_refused_by_all() {
    for part in 0..12 {
        let (mut town, [ada, bo, cy, _], group, mut eve) = group();
        let mut mls = eve.group(group);
        let staged = eve.stages(&mut mls, update);
        let mut commit = eve.commit_request(&mls, &staged, &[]);
        let mut bytes = staged.commit.clone();
        let at = bytes.len() * part / 12;
        match part % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1,
            _ => bytes.push(0),
        }
        let (message_id, body) = eve.seals(&mls, &bytes);
        (commit.message_id, commit.body) = (message_id.to_wire(), body.into());
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        refused_alike(&mut town, &[ada, bo, cy], group, "can't be read");
    }
}

#[test]
fn the_same_commit_with_a_right_roster_is_entered_by_all() {
    let (mut town, [ada, bo, cy, _], group, mut eve) = group();
    let commit = eve.commits(group, update);
    town.asks(Body::Commit(commit)).unwrap();
    town.settles();
    for who in [ada, bo, cy] {
        assert_eq!(held(&town, who, group), None);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_member_who_shows_a_certificate_that_is_not_newer_is_refused_by_all() {
    // By so much it is newer, in milliseconds, and lasts longer.
    for (newer, longer, goes) in [(-1, 0, false), (0, 1, false), (1, 0, true)] {
        let (mut town, [ada, bo, cy, _], group, mut eve) = group();
        let query = "SELECT value FROM setting WHERE name = 'account_key'";
        let secret: Vec<u8> = eve.database.query_row(query, [], |row| row.get(0)).unwrap();
        let of = Certificate::verify(&eve.certificate).unwrap();
        let request = CertificateRequest {
            handle: of.handle,
            device: of.device,
            signature_key: of.signature_key,
            suites: Suite::ALL.to_vec(),
            created: Timestamp(of.created.0.saturating_add_signed(newer)),
            expires: Timestamp(of.expires.0 + longer),
        };
        let key = AccountKey::from_secret_bytes(&secret).unwrap();
        eve.certificate = key.certify(&request).unwrap();
        let commit = eve.commits(group, update);
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        if goes {
            goes_on(&mut town, &[ada, bo, cy], group);
        } else {
            refused_alike(&mut town, &[ada, bo, cy], group, "not newer");
        }
    }
}

#[test]
fn a_send_that_carries_a_commit_changes_nothing() {
    let (mut town, [ada, bo, cy, _], group, mut eve) = group();
    let before = [ada, bo, cy].map(|who| sees(&town, who, group));
    let mut mls = eve.group(group);
    let staged = eve.stages(&mut mls, update);
    let send = eve.sends(group, &staged.commit);
    town.asks(Body::Send(send)).unwrap();
    town.settles();
    for (who, before) in [ada, bo, cy].into_iter().zip(&before) {
        assert_eq!(&sees(&town, who, group), before);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_commit_request_that_carries_a_message_is_refused_by_all() {
    let (mut town, [ada, bo, cy, _], group, mut eve) = group();
    let message = eve.encrypts(group, b"no commit");
    let mut other = Copied::of(&town.people[3]);
    let mut commit = other.commits(group, update);
    let send = eve.sends(group, &message);
    commit.body = send.body;
    commit.message_id = send.message_id;
    town.asks(Body::Commit(commit)).unwrap();
    town.settles();
    refused_alike(&mut town, &[ada, bo, cy], group, "can't be read");
}

#[test]
fn a_commit_request_of_noise_stops_nobody_from_noticing() {
    for sealed in [true, false] {
        let (mut town, [ada, bo, cy, _], group, mut eve) = group();
        let mut commit = eve.commits(group, update);
        if sealed {
            let send = eve.sends(group, b"noise");
            commit.body = send.body;
            commit.message_id = send.message_id;
        } else {
            commit.body = b"noise".to_vec().into();
        }
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        if sealed {
            refused_alike(&mut town, &[ada, bo, cy], group, "can't be read");
            continue;
        }
        // What is not even in the envelope could be anybody's; but the server has moved on where nobody can follow, and says so
        // when it is asked. Nobody can let the others in, so the conversation moves.
        for who in [ada, bo, cy] {
            town.says(who, group, "is anybody there?");
        }
        town.passes(std::time::Duration::from_mins(10));
        for who in [ada, bo, cy] {
            assert_eq!(town.shows(who, group).standing, Standing::Active, "{who:?}");
            let read = town.reads(who, group);
            let asked = read.iter().filter(|text| *text == "is anybody there?");
            assert_eq!(asked.count(), 3, "{who:?}");
            let moved = town.timeline(who, group).into_iter();
            assert_eq!(moved.filter(|entry| entry.what == What::Moved).count(), 1);
        }
    }
}

#[test]
fn somebody_outside_who_knows_an_address_cannot_stop_a_conversation() {
    let (mut town, [ada, bo, cy, _], group, mut eve) = group();
    // Eve is removed; she knows all addresses, and has a conversation of her own with them in its roster.
    let known = eve.group(group).roster();
    let own_epoch = eve.group(group).epoch().0 + 1;
    let eves = town.me(Who(3)).account;
    town.does(
        ada,
        Command::Remove {
            conversation: group,
            people: vec!["eve".to_owned()],
        },
    )
    .unwrap();
    town.settles();
    assert!(
        !town
            .shows(ada, group)
            .members
            .iter()
            .any(|one| one.contact.account == eves)
    );
    assert_eq!(town.shows(ada, group).epoch.0, own_epoch);
    let roster: Vec<bytes::Bytes> = known
        .addresses()
        .iter()
        .map(|one| bytes::Bytes::copy_from_slice(one))
        .collect();
    let create = v1::Create {
        handle: vec![1; 32].into(),
        epoch: own_epoch,
        roster: roster.clone(),
        roster_key: vec![2; 32].into(),
        message_id: vec![3; 16].into(),
        welcomes: Vec::new(),
        group_info: bytes::Bytes::new(),
    };
    town.asks(Body::Create(create)).unwrap();
    let before = [ada, bo, cy].map(|who| sees(&town, who, group));
    let commit = v1::Commit {
        handle: vec![1; 32].into(),
        epoch: own_epoch,
        roster_key: vec![2; 32].into(),
        message_id: vec![4; 16].into(),
        body: vec![5; 500].into(),
        next_roster: roster,
        next_roster_key: vec![6; 32].into(),
        welcomes: Vec::new(),
        group_info: bytes::Bytes::new(),
        removes: false,
    };
    town.asks(Body::Commit(commit)).unwrap();
    town.settles();
    for (who, before) in [ada, bo, cy].into_iter().zip(&before) {
        assert_eq!(&sees(&town, who, group), before);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn what_a_member_says_is_that_members_whatever_it_claims_and_noise_is_dropped() {
    let (mut town, [ada, bo, cy, eve_], group, mut eve) = group();
    let before = [ada, bo, cy].map(|who| sees(&town, who, group));
    let mut say = |town: &mut Town, content: &[u8]| {
        let sealed = eve.encrypts(group, content);
        let send = eve.sends(group, &sealed);
        town.asks(Body::Send(send)).unwrap();
        town.settles();
    };
    for noise in [&b"no cbor"[..], &[], &[0xFF; 400], &[0x80]] {
        say(&mut town, noise);
    }
    for (who, before) in [ada, bo, cy].into_iter().zip(&before) {
        assert_eq!(&sees(&town, who, group), before);
    }
    let adas = keyfold_protocol::content::Author {
        account: town.me(ada).account,
        device: town.me(ada).device,
        conversation: group,
    };
    let mut rng = town.rng.clone();
    let text = keyfold_protocol::content::text(&adas, 2, "composed as ada", &mut rng).unwrap();
    say(&mut town, &text.encoded);
    for who in [bo, cy] {
        let last = town.timeline(who, group).pop().unwrap();
        assert_eq!(last.what, What::Text("composed as ada".to_owned()));
        assert_eq!(last.from.unwrap().account, town.me(eve_).account);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_counter_that_no_device_ever_counts_to_changes_nothing() {
    let mut town = Town::on_disk(3);
    let [ada, bo, eve_] = town.people(["ada", "bo", "eve"]);
    // Nobody has heard anything of eve yet.
    let group = town.creates_group(ada, "club", &[bo, eve_]);
    town.passes(std::time::Duration::from_mins(10));
    town.goes_offline(eve_);
    let mut eve = Copied::of(&town.people[eve_.0]);
    let before = [ada, bo].map(|who| sees(&town, who, group));
    let author = keyfold_protocol::content::Author {
        account: town.me(eve_).account,
        device: eve.keys.device(),
        conversation: group,
    };
    for counter in [0, 0, u64::MAX, i64::MAX as u64 + 1] {
        let text = format!("the {counter}th");
        let text = keyfold_protocol::content::text(&author, counter, &text, &mut town.rng).unwrap();
        for _ in 0..2 {
            let sealed = eve.encrypts(group, &text.encoded);
            let send = eve.sends(group, &sealed);
            town.asks(Body::Send(send)).unwrap();
            town.settles();
            for (who, before) in [ada, bo].into_iter().zip(&before) {
                assert_eq!(&sees(&town, who, group), before, "{counter}");
            }
        }
    }
    goes_on(&mut town, &[ada, bo], group);
}

/// So does a device that was put back to an earlier state, and has moved the conversation before anybody let it in.
#[test]
fn a_counter_that_is_given_twice_hides_nothing_and_shows_nothing_twice() {
    let mut town = Town::on_disk(4);
    let [ada, bo, eve_] = town.people(["ada", "bo", "eve"]);
    let group = town.creates_group(ada, "club", &[bo, eve_]);
    town.passes(std::time::Duration::from_mins(10));
    town.goes_offline(eve_);
    let mut eve = Copied::of(&town.people[eve_.0]);
    let author = keyfold_protocol::content::Author {
        account: town.me(eve_).account,
        device: eve.keys.device(),
        conversation: group,
    };
    for (counter, text) in [
        (1, "one"),
        (2, "two"),
        (1, "another"),
        (2, "and one more"),
        (3, "three"),
    ] {
        let text = keyfold_protocol::content::text(&author, counter, text, &mut town.rng).unwrap();
        for _ in 0..2 {
            let sealed = eve.encrypts(group, &text.encoded);
            let send = eve.sends(group, &sealed);
            town.asks(Body::Send(send)).unwrap();
            town.settles();
        }
    }
    for who in [ada, bo] {
        let read = town.reads(who, group);
        assert_eq!(read, ["one", "two", "another", "and one more", "three"]);
    }
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn an_unknown_version_of_mls_changes_nothing_and_of_the_content_is_said_to_need_a_newer_one() {
    let (mut town, [ada, bo, cy, eve_], group, mut eve) = group();
    let before = [ada, bo, cy].map(|who| sees(&town, who, group));
    let author = keyfold_protocol::content::Author {
        account: town.me(eve_).account,
        device: eve.keys.device(),
        conversation: group,
    };
    let mut rng = town.rng.clone();
    let text = keyfold_protocol::content::text(&author, 2, "hello", &mut rng).unwrap();
    // The first two bytes of an MLSMessage are its version, the next two what it is.
    for (at, byte) in [(1, 2), (0, 1), (3, 9), (2, 1)] {
        let mut sealed = eve.encrypts(group, &text.encoded);
        sealed[at] = byte;
        let send = eve.sends(group, &sealed);
        town.asks(Body::Send(send)).unwrap();
        town.settles();
        for (who, before) in [ada, bo, cy].into_iter().zip(&before) {
            assert_eq!(&sees(&town, who, group), before, "byte {at}");
        }
    }
    let mut newer = text.encoded.clone();
    let kind = newer.windows(5).position(|part| part == b"text/").unwrap();
    newer[kind..kind + 4].copy_from_slice(b"odor");
    let sealed = eve.encrypts(group, &newer);
    let send = eve.sends(group, &sealed);
    town.asks(Body::Send(send)).unwrap();
    town.settles();
    for who in [ada, bo, cy] {
        let last = town.timeline(who, group).pop().unwrap();
        assert_eq!(last.what, What::NeedsNewerVersion);
        assert_eq!(last.from.unwrap().account, town.me(eve_).account);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_reused_one_time_key_package_opens_one_conversation_and_the_other_when_somebody_speaks_there() {
    let mut town = Town::on_disk(2);
    let [ada, bo, eve_] = town.people(["ada", "bo", "eve"]);
    let first = town.creates_group(eve_, "first", &[ada]);
    let second = town.creates_group(eve_, "second", &[ada]);
    town.passes(std::time::Duration::from_mins(10));
    town.goes_offline(eve_);
    let mut eve = Copied::of(&town.people[eve_.0]);
    let fetch = v1::FetchKeyPackages {
        account: town.me(bo).account.to_wire(),
        suite: u32::from(keyfold_protocol::suite::Suite::Hybrid.number()),
    };
    let Ok(v1::server_frame::Content::KeyPackages(found)) =
        town.asks(Body::FetchKeyPackages(fetch))
    else {
        panic!("no key package");
    };
    assert!(!found.devices[0].last_resort);
    let package = found.devices[0].key_package.clone();
    let now = town.now();
    for conversation in [first, second] {
        let added = eve.checks(&package, now);
        let commit = eve.commits(conversation, |_| Change {
            added: vec![added],
            ..Change::default()
        });
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
    }
    let conversations = town.people[bo.0].engine.conversations().unwrap();
    assert_eq!(conversations.len(), 1, "the second invitation is dropped");
    assert_eq!(conversations[0].id, first);
    assert_eq!(conversations[0].standing, Standing::Active);
    goes_on(&mut town, &[ada, bo], first);
    assert_eq!(held(&town, ada, second), None, "those who are in it go on");
    // He commits something before he has another address in the first one: that has to be replaced all the same.
    let laptop = town.links(bo, &Suite::ALL);
    town.passes(std::time::Duration::from_mins(10));
    town.says(ada, second, "is bo there?");
    town.passes(std::time::Duration::from_mins(5));
    for conversation in [first, second] {
        town.says(laptop, conversation, "here I am");
        town.settles();
        for who in [ada, bo, laptop] {
            let texts = town.reads(who, conversation);
            assert_eq!(texts.last().unwrap(), "here I am", "{who:?}");
        }
    }
}
