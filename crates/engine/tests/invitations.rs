//! People come in by links: into a group, or into a conversation with whoever made the link.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "invitations/hostile.rs"]
mod hostile;
#[path = "invitations/links.rs"]
mod links;
mod town;

use std::time::Duration;

use keyfold_engine::view::{Ended, Invitation, JoinRequest, OpenedState};
use keyfold_engine::{Answer, Command, Complaint, Event, InvitationId};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use town::copied::TO_VERSION_12;
use town::{Town, Who};

const WEEK: u32 = 7 * 24 * 60 * 60;
const DAY: Duration = Duration::from_hours(24);

/// What a link is made with.
#[derive(Clone, Copy)]
struct Terms {
    lasts: u32,
    uses: Option<u32>,
    approval: bool,
}

const ANYBODY: Terms = Terms {
    lasts: WEEK,
    uses: None,
    approval: false,
};

const APPROVED: Terms = Terms {
    approval: true,
    ..ANYBODY
};

fn asks_for(terms: Terms, conversation: Option<ConversationId>) -> Command {
    Command::Invite {
        conversation,
        lasts: terms.lasts,
        uses: terms.uses,
        approval: terms.approval,
    }
}

/// Makes a link and gives its fragment.
fn invites(town: &mut Town, who: Who, terms: Terms, to: Option<ConversationId>) -> String {
    let Ok(Answer::Invitation(id)) = town.does(who, asks_for(terms, to)) else {
        panic!("no link");
    };
    let shown = invitation(town, who, id);
    shown.fragment.unwrap().to_string()
}

fn invitations(town: &Town, who: Who) -> Vec<Invitation> {
    town.people[who.0].engine.invitations().unwrap()
}

fn invitation(town: &Town, who: Who, id: InvitationId) -> Invitation {
    let all = invitations(town, who);
    all.into_iter().find(|one| one.id == id).unwrap()
}

fn opens(town: &mut Town, who: Who, fragment: &str) -> Result<Answer, Complaint> {
    let fragment = fragment.to_owned();
    town.does(who, Command::OpenInvitation { fragment })
}

/// How the links stand that somebody has opened.
fn opened(town: &Town, who: Who) -> Vec<OpenedState> {
    let all = town.people[who.0].engine.opened().unwrap().into_iter();
    all.map(|one| one.state).collect()
}

/// Who waits.
fn requests(town: &Town, who: Who) -> Vec<JoinRequest> {
    let all = invitations(town, who).into_iter();
    all.flat_map(|one| one.requests).collect()
}

/// A group of two.
fn founds(town: &mut Town, who: Who) -> ConversationId {
    let [zoe] = town.people(["zoe"]);
    town.creates_group(who, "hut", &[zoe])
}

/// Nobody is online for so many days; then all who were are.
fn is_away_for(town: &mut Town, days: u32) {
    let online: Vec<usize> = (0..town.people.len())
        .filter(|index| town.people[*index].online)
        .collect();
    for index in &online {
        town.goes_offline(Who(*index));
    }
    town.passes(days * DAY);
    for index in online {
        town.people[index].online = true;
    }
    town.settles();
    town.passes(Duration::from_mins(5));
}

fn has(town: &Town, who: Who, conversation: ConversationId) -> bool {
    let found = town.people[who.0].engine.conversation(conversation);
    found.unwrap().is_some()
}

#[test]
fn a_link_leads_into_a_group_once_its_maker_is_online() {
    let mut town = Town::on_disk(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = town.creates_group(ada, "hut", &[bo]);
    let link = invites(&mut town, ada, ANYBODY, Some(hut));
    town.goes_offline(ada);

    assert!(matches!(opens(&mut town, cy, &link), Ok(Answer::Opened(_))));
    assert_eq!(opened(&town, cy), [OpenedState::Asking]);
    town.settles();
    assert_eq!(opened(&town, cy), [OpenedState::Waiting]);
    assert!(town.events(cy).contains(&Event::InvitationsChanged));
    let again = opens(&mut town, cy, &link).unwrap();
    let first = town.people[cy.0].engine.opened().unwrap()[0].id;
    assert_eq!(again, Answer::Opened(first), "one request is enough");
    town.people[cy.0].restarts();
    town.people[ada.0].restarts();
    assert_eq!(opened(&town, cy), [OpenedState::Waiting]);

    town.comes_back(ada);
    assert_eq!(town.members(cy, hut), ["ada", "bo", "cy"]);
    assert_eq!(opened(&town, cy), []);
    town.says(cy, hut, "hello");
    town.settles();
    for who in [ada, bo] {
        assert_eq!(town.reads(who, hut), ["hello"]);
    }
    let shown = &invitations(&town, ada)[0];
    assert_eq!((shown.admitted, shown.uses, shown.useless), (1, 999, 0));
    assert_eq!(
        opens(&mut town, cy, &link),
        Ok(Answer::Conversation(hut)),
        "they are in it"
    );
    town.passes(Duration::from_mins(5));
    town.agree(&[ada, bo, cy], hut);
}

#[test]
fn a_link_leads_to_a_person() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let link = invites(&mut town, ada, ANYBODY, None);
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    assert_eq!(opened(&town, bo), []);
    let all = town.people[bo.0].engine.conversations().unwrap();
    let [talk] = &all[..] else {
        panic!("one conversation, not {}", all.len());
    };
    assert!(talk.direct);
    town.says(bo, talk.id, "found you");
    town.settles();
    assert_eq!(town.reads(ada, talk.id), ["found you"]);
    assert_eq!(
        opens(&mut town, bo, &link),
        Ok(Answer::Conversation(talk.id))
    );
    assert_eq!(opens(&mut town, ada, &link), Err(Complaint::OwnInvitation));
}

#[test]
fn who_made_a_link_approves_or_refuses() {
    let mut town = Town::on_disk(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    assert_eq!(town.members(ada, hut), ["ada", "zoe"]);
    let waiting = requests(&town, ada);
    let handles: Vec<_> = waiting.iter().map(|one| one.who.handle.as_str()).collect();
    assert_eq!(handles, ["bo", "cy"]);
    assert!(waiting.iter().all(|one| one.who.confirmed));

    town.people[ada.0].restarts();
    let request = waiting[0].id;
    town.does(ada, Command::Approve { request }).unwrap();
    assert!(requests(&town, ada)[0].admitting);
    let twice = town.does(ada, Command::Approve { request });
    assert_eq!(twice, Err(Complaint::NoSuchRequest));
    let request = waiting[1].id;
    town.does(ada, Command::Refuse { request }).unwrap();
    town.people[ada.0].restarts();
    town.settles();
    assert_eq!(town.members(ada, hut), ["ada", "bo", "zoe"]);
    assert!(requests(&town, ada).is_empty());
    assert_eq!(opened(&town, cy), [OpenedState::Waiting], "nobody says so");

    // Who was refused is not heard again by this link.
    let id = town.people[cy.0].engine.opened().unwrap()[0].id;
    town.does(cy, Command::CancelOpened { opened: id }).unwrap();
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    assert!(requests(&town, ada).is_empty());
    assert!(!has(&town, cy, hut));
}

#[test]
fn all_devices_of_who_opens_a_link_come_in() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, ANYBODY, Some(hut));
    town.goes_offline(ada);
    town.goes_offline(tablet);
    // On both, each for itself.
    opens(&mut town, bo, &link).unwrap();
    opens(&mut town, tablet, &link).unwrap();
    town.settles();
    town.comes_back(ada);
    town.comes_back(tablet);
    for who in [bo, tablet] {
        assert_eq!(town.members(who, hut), ["ada", "bo", "zoe"]);
        assert_eq!(opened(&town, who), []);
    }
    let shown = town.shows(ada, hut);
    let devices: Vec<_> = shown.members.iter().map(|one| one.devices).collect();
    assert_eq!(devices, [1, 2, 1]);
    assert_eq!(invitations(&town, ada)[0].admitted, 1);
    town.says(tablet, hut, "both of us");
    town.settles();
    assert_eq!(town.reads(ada, hut), ["both of us"]);
}

#[test]
fn a_link_is_used_up_though_two_open_it_at_once() {
    let mut town = Town::new(5);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = founds(&mut town, ada);
    let once = Terms {
        uses: Some(1),
        ..ANYBODY
    };
    let link = invites(&mut town, ada, once, Some(hut));
    town.goes_offline(ada);
    opens(&mut town, bo, &link).unwrap();
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    town.comes_back(ada);
    assert_eq!(town.members(ada, hut).len(), 3);
    let shown = &invitations(&town, ada)[0];
    assert_eq!(shown.ended, Some(Ended::UsedUp));
    assert_eq!(shown.fragment.as_deref(), None);
    let left: Vec<_> = [bo, cy]
        .into_iter()
        .filter(|who| !has(&town, *who, hut))
        .collect();
    assert_eq!(left.len(), 1);
    assert_eq!(opened(&town, left[0]), [OpenedState::Waiting]);
}

#[test]
fn who_lost_the_right_to_add_lets_nobody_in_until_they_have_it_again() {
    let mut town = Town::new(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = town.creates_group(ada, "hut", &[bo]);
    let not_yet = town.does(bo, asks_for(ANYBODY, Some(hut)));
    assert_eq!(not_yet, Err(Complaint::NotAllowed));
    town.promotes(ada, hut, bo, Role::Admin);
    town.settles();
    let link = invites(&mut town, bo, ANYBODY, Some(hut));
    town.promotes(ada, hut, bo, Role::Member);
    town.settles();
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    assert_eq!(town.members(ada, hut), ["ada", "bo"]);
    let waiting = requests(&town, bo);
    let why = waiting[0].failure.as_deref();
    assert_eq!(why, Some("the group's roles do not allow it"));
    assert_eq!(invitations(&town, bo)[0].uses, 1_000);

    town.promotes(ada, hut, bo, Role::Admin);
    town.settles();
    let request = waiting[0].id;
    town.does(bo, Command::Approve { request }).unwrap();
    town.settles();
    assert_eq!(town.members(cy, hut), ["ada", "bo", "cy"]);
}

#[test]
fn who_was_taken_out_comes_back_by_a_link_only_with_approval() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let hut = town.creates_group(ada, "hut", &[bo]);
    let link = invites(&mut town, ada, ANYBODY, Some(hut));
    town.removes(ada, hut, &[bo]);
    town.settles();
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    assert_eq!(town.members(ada, hut), ["ada"]);
    let request = requests(&town, ada)[0].id;
    town.does(ada, Command::Approve { request }).unwrap();
    town.settles();
    assert_eq!(town.members(bo, hut), ["ada", "bo"]);
    // Let in by this link once, and out again.
    town.removes(ada, hut, &[bo]);
    town.settles();
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    assert_eq!(requests(&town, ada).len(), 1);
}

#[test]
fn a_revoked_link_leads_nowhere() {
    let mut town = Town::on_disk(8);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    let request = requests(&town, ada)[0].id;
    town.goes_offline(ada);
    // Asked while its maker is away, and revoked before that has come.
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    let invitation = invitations(&town, ada)[0].id;
    town.does(ada, Command::RevokeInvitation { invitation })
        .unwrap();
    town.people[ada.0].restarts();
    town.comes_back(ada);
    assert!(requests(&town, ada).is_empty());
    let gone = town.does(ada, Command::Approve { request });
    assert_eq!(gone, Err(Complaint::NoSuchRequest));
    let shown = &invitations(&town, ada)[0];
    assert_eq!(shown.ended, Some(Ended::Revoked));
    assert!(shown.fragment.is_none());
    for who in [bo, cy] {
        assert_eq!(opened(&town, who), [OpenedState::Waiting]);
        assert!(!has(&town, who, hut));
    }
    let none = InvitationId(99);
    let none = Command::RevokeInvitation { invitation: none };
    assert_eq!(town.does(ada, none), Err(Complaint::NoSuchInvitation));
}

#[test]
fn who_waits_too_long_hears_so() {
    let mut town = Town::new(9);
    let [ada, bo] = town.people(["ada", "bo"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    is_away_for(&mut town, 29);
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
    is_away_for(&mut town, 2);
    let why = "nobody who made it has let you in".to_owned();
    assert_eq!(opened(&town, bo), [OpenedState::Failed(why)]);
    let again = invites(&mut town, ada, ANYBODY, Some(hut));
    opens(&mut town, bo, &again).unwrap();
    town.settles();
    assert_eq!(town.members(bo, hut), ["ada", "bo", "zoe"]);
}

#[test]
fn a_link_that_is_over_lets_in_who_asked_in_time() {
    let mut town = Town::new(10);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, ANYBODY, Some(hut));
    town.goes_offline(ada);
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    is_away_for(&mut town, 8);
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    town.comes_back(ada);
    assert_eq!(town.members(ada, hut), ["ada", "bo", "zoe"]);
    assert_eq!(invitations(&town, ada)[0].ended, Some(Ended::Over));
    assert_eq!(opened(&town, cy), [OpenedState::Waiting]);
}

#[test]
fn a_clock_in_2038_ends_no_link_and_no_waiting() {
    let mut town = Town::on_disk(11);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    let years = i64::from(WEEK) * 52 * 12 * 1_000;
    for who in [ada, bo] {
        town.people[who.0].skew = years;
        town.people[who.0].restarts();
    }
    town.passes(Duration::from_hours(2));
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
    assert_eq!(invitations(&town, ada)[0].ended, None);
    // Certificates are of another year for that clock, but not for the server's.
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    assert_eq!(requests(&town, ada).len(), 2);
    assert_eq!(invitations(&town, ada)[0].useless, 0);
    for who in [ada, bo] {
        town.people[who.0].skew = 0;
    }
    town.passes(Duration::from_hours(2));
    assert_eq!(requests(&town, ada).len(), 2);
    is_away_for(&mut town, 8);
    assert_eq!(invitations(&town, ada)[0].ended, Some(Ended::Over));
}

#[test]
fn links_end_with_the_membership() {
    let mut town = Town::new(12);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let hut = town.creates_group(ada, "hut", &[bo]);
    town.promotes(ada, hut, bo, Role::Admin);
    town.settles();
    let link = invites(&mut town, bo, ANYBODY, Some(hut));
    town.removes(ada, hut, &[bo]);
    town.settles();
    assert_eq!(invitations(&town, bo)[0].ended, Some(Ended::Left));
    opens(&mut town, cy, &link).unwrap();
    town.settles();
    assert_eq!(opened(&town, cy), [OpenedState::Waiting]);
    let out = town.does(bo, asks_for(ANYBODY, Some(hut)));
    assert_eq!(out, Err(Complaint::NotAMember));
    let talk = town.meets(ada, bo);
    town.settles();
    let direct = town.does(ada, asks_for(ANYBODY, Some(talk)));
    assert_eq!(direct, Err(Complaint::GroupsOnly));
}

#[test]
fn nobody_comes_by_a_link_whom_its_maker_has_blocked_nor_asks_whom_they_have_blocked() {
    let mut town = Town::new(13);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.meets(ada, bo);
    town.settles();
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    let account = town.me(bo).account;
    town.does(ada, Command::Block { account }).unwrap();
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    assert!(requests(&town, ada).is_empty());
    let maker = town.me(ada).account;
    town.does(bo, Command::Block { account: maker }).unwrap();
    assert_eq!(opens(&mut town, bo, &link), Err(Complaint::Blocked));
}

#[test]
fn a_database_of_the_version_before_learns_of_links() {
    let mut town = Town::on_disk(14);
    let [ada, bo] = town.people(["ada", "bo"]);
    let hut = founds(&mut town, ada);
    for who in [ada, bo] {
        town.people[who.0].restarts_with(|database| {
            database.execute_batch(TO_VERSION_12).unwrap();
        });
        assert!(invitations(&town, who).is_empty());
    }
    let link = invites(&mut town, ada, ANYBODY, Some(hut));
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    assert_eq!(town.members(bo, hut), ["ada", "bo", "zoe"]);
}
