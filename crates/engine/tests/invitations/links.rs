//! Links that can't be made or opened, and why; limits on both sides.

use keyfold_engine::limits::{MAX_INVITATIONS, MAX_OPENED, MAX_REQUESTS_OF_LINK};
use keyfold_protocol::invitation::{Invitation as Link, LinkSecret};
use keyfold_protocol::limits::MAX_INVITATION_LINK;
use keyfold_wire::v1::client_frame::Request as Body;

use super::*;
use crate::town::person::Loss;

const YEAR: u32 = 366 * 24 * 60 * 60;

#[test]
fn what_is_no_link_says_so_and_asks_nobody() {
    let mut town = Town::new(50);
    let [ada, bo] = town.people(["ada", "bo"]);
    let link = invites(&mut town, ada, ANYBODY, None);
    let mut changed = link.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'E' } else { 'A' });
    let cut = &link[..link.len() / 2];
    let long = "A".repeat(MAX_INVITATION_LINK + 1);
    let huge = "A".repeat(10 * 1024 * 1024);
    let spaced = format!("{link} ");
    for (fragment, why) in [
        ("", "copy it again"),
        (cut, "copy it again"),
        (&changed, "copy it again"),
        (&spaced, "copy it again"),
        (&long[1..], "copy it again"),
        (&long, "too long"),
        (&huge, "too long"),
    ] {
        let Err(complaint) = opens(&mut town, bo, fragment) else {
            panic!("{why}");
        };
        assert!(complaint.to_string().contains(why), "{complaint}");
    }
    assert!(opened(&town, bo).is_empty());
    let stranger = town.newcomer();
    let none = opens(&mut town, stranger, &link);
    assert_eq!(none, Err(Complaint::NotRegistered));
}

#[test]
fn a_link_of_another_server_says_so() {
    let mut town = Town::on_disk(51);
    let [ada, bo] = town.people(["ada", "bo"]);
    let link = invites(&mut town, ada, ANYBODY, None);
    let elsewhere = Link {
        addresses: vec![vec![7; 56]],
        ..Link::read(&link).unwrap()
    };
    opens(&mut town, bo, &elsewhere.fragment()).unwrap();
    town.settles();
    let [OpenedState::Failed(why)] = &opened(&town, bo)[..] else {
        panic!("it has not failed");
    };
    assert!(why.contains("another server"), "{why}");
    // It is tried again when it is opened again, and forgotten when nobody wants it.
    let Ok(Answer::Opened(id)) = opens(&mut town, bo, &elsewhere.fragment()) else {
        panic!("not opened");
    };
    assert_eq!(opened(&town, bo), [OpenedState::Asking]);
    town.people[bo.0].restarts();
    town.does(bo, Command::CancelOpened { opened: id }).unwrap();
    town.settles();
    assert!(opened(&town, bo).is_empty());
    let twice = town.does(bo, Command::CancelOpened { opened: id });
    assert_eq!(twice, Err(Complaint::NoSuchOpened));
}

#[test]
fn a_link_lasts_and_lets_in_as_long_and_as_many_as_may_be() {
    let mut town = Town::new(52);
    let [ada] = town.people(["ada"]);
    let hour = 3_600;
    for (lasts, uses, goes) in [
        (59, None, Err(Complaint::InvitationLasts(60, YEAR.into()))),
        (60, None, Ok(())),
        (YEAR, None, Ok(())),
        (
            YEAR + 1,
            None,
            Err(Complaint::InvitationLasts(60, YEAR.into())),
        ),
        (hour, Some(0), Err(Complaint::InvitationUses(1_000))),
        (hour, Some(1), Ok(())),
        (hour, Some(1_000), Ok(())),
        (hour, Some(1_001), Err(Complaint::InvitationUses(1_000))),
    ] {
        let terms = Terms {
            lasts,
            uses,
            approval: false,
        };
        let made = town.does(ada, asks_for(terms, None)).map(drop);
        assert_eq!(made, goes, "{lasts} {uses:?}");
    }
}

#[test]
fn so_many_links_are_made_and_no_more_until_one_has_ended() {
    let mut town = Town::new(53);
    let [ada] = town.people(["ada"]);
    town.goes_offline(ada);
    let mut made = 0;
    let short = loop {
        match town.does(ada, asks_for(ANYBODY, None)) {
            Ok(_) => made += 1,
            Err(complaint) => break complaint,
        }
    };
    assert_eq!(short, Complaint::NoAddress, "{made}");
    town.comes_back(ada);
    for _ in made..MAX_INVITATIONS {
        invites(&mut town, ada, ANYBODY, None);
        town.settles();
    }
    let more = town.does(ada, asks_for(ANYBODY, None));
    assert_eq!(more, Err(Complaint::TooManyInvitations(MAX_INVITATIONS)));
    let first = invitations(&town, ada)[0].id;
    let revoke = Command::RevokeInvitation { invitation: first };
    town.does(ada, revoke).unwrap();
    invites(&mut town, ada, ANYBODY, None);
    let all = invitations(&town, ada);
    assert_eq!(all.len(), MAX_INVITATIONS);
    assert!(all.iter().all(|one| one.id != first), "it is forgotten");
}

#[test]
fn so_many_links_are_opened_and_no_more_until_one_is_cancelled() {
    let mut town = Town::new(54);
    let [ada, bo] = town.people(["ada", "bo"]);
    let link = invites(&mut town, ada, ANYBODY, None);
    town.goes_offline(ada);
    let another = |number: usize| {
        let mut secret = [1; 32];
        secret[0] = u8::try_from(number).unwrap();
        let link = Link {
            secret: LinkSecret::new(secret),
            ..Link::read(&link).unwrap()
        };
        link.fragment()
    };
    for number in 0..MAX_OPENED {
        opens(&mut town, bo, &another(number)).unwrap();
        town.settles();
    }
    let more = opens(&mut town, bo, &another(MAX_OPENED));
    assert_eq!(more, Err(Complaint::TooManyOpened(MAX_OPENED)));
    let first = town.people[bo.0].engine.opened().unwrap()[0].id;
    town.does(bo, Command::CancelOpened { opened: first })
        .unwrap();
    opens(&mut town, bo, &another(MAX_OPENED)).unwrap();
}

#[test]
fn links_end_where_the_server_has_forgotten_the_mailbox() {
    let mut town = Town::on_disk(55);
    let [ada, zoe] = town.people(["ada", "zoe"]);
    town.meets(zoe, ada);
    let theirs = invites(&mut town, ada, APPROVED, None);
    let backup = town.store.backup();
    let [bo] = town.people(["bo"]);
    invites(&mut town, bo, ANYBODY, None);
    opens(&mut town, bo, &theirs).unwrap();
    town.settles();
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
    town.puts_server_back(&backup);
    town.passes(Duration::from_mins(5));
    assert_eq!(invitations(&town, bo)[0].ended, Some(Ended::Left));
    let [OpenedState::Failed(why)] = &opened(&town, bo)[..] else {
        panic!("it has not failed");
    };
    assert!(why.contains("open the link again"), "{why}");
    assert_eq!(invitations(&town, ada)[0].ended, None);
    opens(&mut town, bo, &theirs).unwrap();
    town.settles();
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
}

#[test]
fn a_link_remembers_so_many_requests_and_ends_at_one_more() {
    let mut town = Town::on_disk(56);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let link = invites(&mut town, ada, APPROVED, None);
    town.settles();
    let refused = "INSERT INTO join_request
        (invitation, request, account, device, handle, key_package, at, state)
        VALUES (1, ?1, ?2, zeroblob(16), 'nobody', x'', 0, 3)";
    town.people[ada.0].restarts_with(|database| {
        database.execute_batch("BEGIN").unwrap();
        for number in 1..MAX_REQUESTS_OF_LINK as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            database.execute(refused, (&id[..16], &id[..])).unwrap();
        }
        database.execute_batch("COMMIT").unwrap();
    });
    for (who, ended) in [(bo, None), (cy, Some(Ended::Flooded))] {
        opens(&mut town, who, &link).unwrap();
        town.settles();
        assert_eq!(invitations(&town, ada)[0].ended, ended);
    }
    assert_eq!(requests(&town, ada).len(), 1);
}

#[test]
fn a_request_whose_answer_was_lost_is_made_once_though_the_process_is_killed() {
    let mut town = Town::on_disk(57);
    let [ada, bo] = town.people(["ada", "bo"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    let mut losses = vec![Loss::Reply, Loss::Request];
    town.people[bo.0].loses = Some(Box::new(move |body| match body {
        Body::Create(_) => losses.pop().unwrap_or(Loss::Nothing),
        _ => Loss::Nothing,
    }));
    town.passes(Duration::from_mins(1));
    town.people[bo.0].restarts();
    town.people[ada.0].restarts();
    town.passes(Duration::from_mins(10));
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
    let [asked] = &requests(&town, ada)[..] else {
        panic!("one request");
    };
    let request = asked.id;
    town.does(ada, Command::Approve { request }).unwrap();
    town.people[ada.0].restarts();
    town.passes(Duration::from_mins(1));
    assert_eq!(town.members(bo, hut), ["ada", "bo", "zoe"]);
    let creates = |body: &&Body| matches!(body, Body::Create(_));
    let asked = town.people[bo.0].asked.iter().filter(creates).count();
    assert_eq!(asked, 3, "the same, until it was answered");
}
