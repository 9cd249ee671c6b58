//! Errands and welcomes of those who would lead others astray by them: numbers out of range, words of a device that was taken out, groups
//! of somebody's own making.

use std::time::Duration;

use keyfold_engine::Command;
use keyfold_engine::limits::{HEED_AGAIN, LAST_RESORT_AGAIN, OTHERS_AGAIN};
use keyfold_engine::view::{Standing, What};
use keyfold_protocol::group::Change;
use keyfold_protocol::limits::{MAX_EPOCH, MAX_MOVES};
use keyfold_protocol::state::{ConversationState, Errand, Origin, Place, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationHandle, ConversationId, Epoch};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{goes_on, packages};

const MINUTE: Duration = Duration::from_mins(1);

/// A group that ada has made of all of them.
fn town(names: [&str; 4]) -> (Town, [Who; 4], ConversationId) {
    let mut town = Town::on_disk(2);
    let people = town.people(names);
    let [ada, bo, cy, eve] = people;
    let group = town.creates_group(ada, "club", &[bo, cy, eve]);
    town.says(eve, group, "hello");
    town.passes(MINUTE * 10);
    (town, people, group)
}

/// Sends these people an errand, or whatever `bends` makes of its group.
fn sends(
    town: &mut Town,
    by: &mut Copied,
    group: ConversationId,
    to: &[Who],
    state: ConversationState,
) {
    let added = packages(town, by, to);
    let from = by.group(group);
    let create = by.creates(&from, state, added, |_| ());
    town.asks(Body::Create(create)).unwrap();
    town.settles();
}

fn errand(town: &mut Town, by: &mut Copied, group: ConversationId, to: &[Who], errand: Errand) {
    let state = ConversationState::errand(group, by.handle(), errand);
    sends(town, by, group, to, state);
}

fn place(by: &mut Copied, group: ConversationId) -> Place {
    by.group(group).state().place()
}

/// How often this device had lost its place and came back.
fn returns(town: &Town, who: Who, group: ConversationId) -> usize {
    let timeline = town.timeline(who, group).into_iter();
    timeline
        .filter(|entry| matches!(entry.what, What::Back(_)))
        .count()
}

/// What is beyond that is not read at all (`keyfold-protocol`, its tests of the state).
#[test]
fn the_largest_numbers_that_are_read_stop_nobody() {
    let (mut town, [ada, bo, cy, eve], group) = town(["ada", "bo", "cy", "eve"]);
    town.goes_offline(eve);
    let mut by = Copied::of(&town.people[eve.0]);
    let others = [ada, bo, cy];
    let mut here = by.group(group).state().clone();
    (here.moves, here.handle) = (MAX_MOVES, by.handle());
    here.moved_from = Some(Origin {
        handle: by.handle(),
        epoch: Epoch(MAX_EPOCH),
    });
    sends(&mut town, &mut by, group, &others, here.clone());
    // A conversation that nobody knows.
    here.id = ConversationId::new([7; 16]);
    here.handle = by.handle();
    sends(&mut town, &mut by, group, &others, here);
    let nowhere = Place {
        moves: MAX_MOVES,
        handle: ConversationHandle::new([9; 32]),
    };
    for one in [
        Errand::NotFollowed(nowhere),
        Errand::StandsAt(nowhere, b"a key package".to_vec()),
    ] {
        errand(&mut town, &mut by, group, &others, one);
    }
    town.passes(MINUTE * 10);
    for who in others {
        assert_eq!(town.shows(who, group).standing, Standing::Active);
        let conversations = town.people[who.0].engine.conversations().unwrap();
        assert_eq!(conversations.len(), 2, "{who:?}");
        let timeline = town.timeline(who, group);
        assert!(timeline.iter().all(|entry| entry.what != What::Moved));
    }
    goes_on(&mut town, &others, group);
}

/// Eve's laptop was stolen, and she has removed it. What it says moves nobody.
#[test]
fn a_device_that_was_taken_out_speaks_for_nobody() {
    let mut town = Town::on_disk(3);
    let [ada, bo, eve] = town.people(["ada", "bo", "eve"]);
    let laptop = town.links(eve, &Suite::ALL);
    let group = town.creates_group(ada, "club", &[bo, eve]);
    let talk = town.meets(ada, eve);
    town.passes(MINUTE * 10);
    town.goes_offline(laptop);
    let mut stolen = Copied::of(&town.people[laptop.0]);
    let device = town.me(laptop).device;
    town.does(eve, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE * 5);
    let others = [ada, bo, eve];
    for conversation in [group, talk] {
        let here = place(&mut stolen, conversation);
        for _ in 0..3 {
            for one in [Errand::NotAMember, Errand::NotFollowed(here)] {
                errand(&mut town, &mut stolen, conversation, &others, one);
            }
            town.passes(MINUTE * 2);
        }
    }
    town.passes(MINUTE * 10);
    for who in others {
        assert_eq!(town.shows(who, group).standing, Standing::Active, "{who:?}");
        assert_eq!(returns(&town, who, group), 0, "{who:?}");
    }
    goes_on(&mut town, &others, group);
    goes_on(&mut town, &[ada, eve], talk);
}

/// Eve says to all that nobody follows, and then nothing more: the others go on without her word.
#[test]
fn who_says_that_others_are_elsewhere_and_is_silent_then_holds_nobody_up() {
    let (mut town, [ada, bo, cy, eve], group) = town(["ada", "bo", "cy", "eve"]);
    town.goes_offline(eve);
    let mut by = Copied::of(&town.people[eve.0]);
    let here = place(&mut by, group);
    let others = [ada, bo, cy];
    errand(
        &mut town,
        &mut by,
        group,
        &others,
        Errand::NotFollowed(here),
    );
    for who in others {
        let lost = town.shows(who, group).standing;
        assert!(matches!(lost, Standing::Rejoining(_)), "{who:?}");
    }
    town.passes(MINUTE * 60);
    for who in others {
        assert_eq!(town.shows(who, group).standing, Standing::Active, "{who:?}");
    }
    goes_on(&mut town, &others, group);
}

/// Who repeats that is not heeded each time, on both sides of the pause.
#[test]
fn who_says_it_again_and_again_costs_the_others_one_change_in_a_while() {
    let (mut town, [ada, bo, cy, eve], group) = town(["ada", "bo", "cy", "eve"]);
    town.goes_offline(eve);
    let mut by = Copied::of(&town.people[eve.0]);
    let here = place(&mut by, group);
    let says = |town: &mut Town, by: &mut Copied| {
        errand(town, by, group, &[bo], Errand::NotFollowed(here));
    };
    let shortly = Duration::from_secs(5);
    says(&mut town, &mut by);
    town.passes(HEED_AGAIN.saturating_sub(shortly));
    assert_eq!(returns(&town, bo, group), 1);
    says(&mut town, &mut by);
    assert_eq!(town.shows(bo, group).standing, Standing::Active);
    town.passes(shortly * 2);
    says(&mut town, &mut by);
    town.passes(MINUTE);
    assert_eq!(returns(&town, bo, group), 2);
    goes_on(&mut town, &[ada, bo, cy], group);
}

/// Any member may take a device out and add it again. Eve does, and sends the welcome of another group with the same key package, in which
/// she is owner.
#[test]
fn who_is_taken_out_and_added_again_is_not_led_elsewhere() {
    let (mut town, [ada, bo, cy, eve], group) = town(["ada", "bo", "cy", "eve"]);
    town.goes_offline(eve);
    let mut by = Copied::of(&town.people[eve.0]);
    let (bos, eves) = (town.me(bo).account, town.me(eve).account);
    let package = packages(&mut town, &by, &[bo]);
    let from = by.group(group);
    let mut state = from.state().moved_to(by.handle(), from.view().epoch);
    state.set_role(town.me(ada).account, Role::Member);
    state.set_role(eves, Role::Owner);
    let elsewhere = by.creates(&from, state, package.clone(), |_| ());
    let mut commit = by.commits(group, |view| Change {
        removed: vec![Copied::leaf(view, bos)],
        added: package,
        ..Change::default()
    });
    commit.welcomes.clear();
    commit.group_info.clear();
    town.asks(Body::Commit(commit)).unwrap();
    town.settles();
    let lost = town.shows(bo, group).standing;
    assert!(matches!(lost, Standing::Rejoining(_)), "{lost:?}");
    town.asks(Body::Create(elsewhere)).unwrap();
    town.passes(MINUTE * 10);
    for who in [ada, bo, cy] {
        assert_eq!(town.members(who, group), ["ada", "bo", "cy", "eve"]);
        assert_eq!(town.shows(who, group).standing, Standing::Active, "{who:?}");
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

/// Sends noise to these addresses, and says which of them lead nowhere.
fn makes_noise(town: &mut Town, number: u8, addresses: &[&[u8]]) -> Vec<bytes::Bytes> {
    let roster = addresses.iter();
    let roster: Vec<bytes::Bytes> = roster
        .map(|one| bytes::Bytes::copy_from_slice(one))
        .collect();
    let create = v1::Create {
        handle: vec![number; 32].into(),
        epoch: 1,
        roster,
        roster_key: vec![2; 32].into(),
        message_id: vec![number; 16].into(),
        ..v1::Create::default()
    };
    town.asks(Body::Create(create)).unwrap();
    let send = v1::Send {
        handle: vec![number; 32].into(),
        epoch: 1,
        roster_key: vec![2; 32].into(),
        message_id: vec![number + 1; 16].into(),
        body: vec![5; 500].into(),
    };
    let Ok(Content::Accepted(accepted)) = town.asks(Body::Send(send)) else {
        panic!("not accepted");
    };
    accepted.unreachable
}

/// Whoever was given ada's key package of last resort sends noise to its address: another takes its place, and no more often than once in a while.
#[test]
fn noise_for_a_last_resort_key_package_has_it_replaced_now_and_then() {
    let (mut town, [ada, bo, cy, eve], group) = town(["ada", "bo", "cy", "eve"]);
    let copied = Copied::of(&town.people[eve.0]);
    let replaced = |town: &Town| {
        let asked = town.people[ada.0].asked.iter();
        let all = |body: &&Body| matches!(body, Body::PublishKeyPackages(all) if all.replace);
        asked.filter(all).count()
    };
    // The server hands that out since it has started and ada has not come.
    let last_resort = |town: &mut Town| {
        town.goes_offline(ada);
        let backup = town.store.backup();
        town.puts_server_back(&backup);
        let package = packages(town, &copied, &[ada]).remove(0);
        town.comes_back(ada);
        town.settles();
        package
    };
    let before = replaced(&town);
    let first = last_resort(&mut town);
    assert!(makes_noise(&mut town, 10, &[first.address()]).is_empty());
    town.settles();
    assert_eq!(replaced(&town), before + 1);
    assert_eq!(
        makes_noise(&mut town, 20, &[first.address()]),
        [first.address()]
    );
    let second = last_resort(&mut town);
    assert_ne!(second.address(), first.address());
    town.passes(LAST_RESORT_AGAIN.saturating_sub(MINUTE));
    makes_noise(&mut town, 30, &[second.address()]);
    town.settles();
    assert_eq!(replaced(&town), before + 1);
    town.passes(MINUTE * 2);
    makes_noise(&mut town, 40, &[second.address()]);
    town.settles();
    assert_eq!(replaced(&town), before + 2);
    goes_on(&mut town, &[ada, bo, cy], group);
}

/// Eve begins a conversation with these devices of bo's account alone.
fn begins_with(
    town: &mut Town,
    group: ConversationId,
    [ada, bo, eve]: [Who; 3],
    with: &[Who],
) -> ConversationId {
    town.goes_offline(eve);
    let mut by = Copied::of(&town.people[eve.0]);
    let device = |who: &Who| town.me(*who).device;
    let with: Vec<_> = with.iter().map(device).collect();
    let mut added = packages(town, &by, &[bo]);
    added.retain(|package| with.contains(&package.certificate().device));
    let from = by.group(group);
    let mut state = from.state().clone();
    (state.id, state.handle) = (ConversationId::new([7; 16]), by.handle());
    state.set_role(town.me(ada).account, Role::Member);
    let begun = state.id;
    let create = by.creates(&from, state, added, |_| ());
    town.asks(Body::Create(create)).unwrap();
    town.settles();
    begun
}

/// How many of their devices somebody shows in a conversation.
fn own_devices(town: &Town, who: Who, conversation: ConversationId) -> usize {
    let members = town.shows(who, conversation).members;
    members.iter().find(|member| member.me).unwrap().devices
}

/// Whichever device it is that is invited alone brings in the other.
#[test]
fn who_is_invited_by_one_device_alone_comes_with_the_others() {
    for with_the_linked_one in [true, false] {
        let (mut town, [ada, bo, _, eve], group) = town(["ada", "bo", "cy", "eve"]);
        let laptop = town.links(bo, &Suite::ALL);
        let (one, other) = if with_the_linked_one {
            (laptop, bo)
        } else {
            (bo, laptop)
        };
        let begun = begins_with(&mut town, group, [ada, bo, eve], &[one]);
        // A primary device does so at once.
        let at_first = if with_the_linked_one { 1 } else { 2 };
        assert_eq!(own_devices(&town, one, begun), at_first);
        town.passes(MINUTE * 5);
        assert_eq!(town.members(other, begun), ["bo", "eve"]);
        goes_on(&mut town, &[one, other], begun);
    }
}

/// Bo's phone may have removed the tablet: where it is in, his laptop leaves that to it.
#[test]
fn a_linked_device_leaves_the_others_to_the_one_that_has_linked_them() {
    let (mut town, [ada, bo, _, eve], group) = town(["ada", "bo", "cy", "eve"]);
    let laptop = town.links(bo, &Suite::ALL);
    let tablet = town.links(bo, &Suite::ALL);
    town.goes_offline(bo);
    let begun = begins_with(&mut town, group, [ada, bo, eve], &[bo, laptop]);
    town.passes(OTHERS_AGAIN * 2);
    assert_eq!(own_devices(&town, laptop, begun), 2);
    town.comes_back(bo);
    town.passes(MINUTE);
    assert_eq!(own_devices(&town, tablet, begun), 3);
}

/// The server goes on listing a tablet that bo has removed. His laptop has seen that in one conversation, and brings it into no other.
#[test]
fn a_linked_device_brings_nobody_in_whom_it_has_seen_removed() {
    let (mut town, [ada, bo, _, eve], group) = town(["ada", "bo", "cy", "eve"]);
    let laptop = town.links(bo, &Suite::ALL);
    let tablet = town.links(bo, &Suite::ALL);
    let (me, gone) = (town.me(bo).account, town.me(tablet).device);
    let by = Some(v1::lookup::By::Account(me.to_wire()));
    let Ok(Content::Account(listed)) = town.asks(Body::Lookup(v1::Lookup { by })) else {
        panic!("no account");
    };
    town.does(bo, Command::RemoveDevice { device: gone })
        .unwrap();
    town.settles();
    town.goes_offline(bo);
    town.goes_offline(laptop);
    town.people[laptop.0].bends_reply = Some(Box::new(move |_, reply| {
        if let Content::Account(account) = reply {
            *account = listed.clone();
        }
    }));
    town.passes(OTHERS_AGAIN);
    town.comes_back(laptop);
    town.settles();
    let asks = |town: &Town| {
        let asked = town.people[laptop.0].asked.iter();
        asked
            .filter(|body| matches!(body, Body::FetchKeyPackages(_)))
            .count()
    };
    let begun = begins_with(&mut town, group, [ada, bo, eve], &[laptop]);
    assert_eq!(asks(&town), 0);
    town.passes(MINUTE * 5);
    // For the sake of his phone alone.
    assert_eq!(asks(&town), 1);
    assert_eq!(own_devices(&town, laptop, begun), 2);
}
