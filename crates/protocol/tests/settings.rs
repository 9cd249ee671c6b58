//! Who may change what people have agreed on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::rules::{CommitFacts, Violation};
use keyfold_protocol::state::{ConversationState, Description, Name, Policy};
use people::town::*;

#[test]
fn settings_are_for_admins() {
    let town = Town::new();
    let changes: [fn(&mut ConversationState); 2] = [
        |state| state.name = Name::new("bouldering").unwrap(),
        |state| state.add_policy = Policy::Everyone,
    ];
    for change in changes {
        assert_eq!(town.judge(&town.changes(ADA, change)), Ok(()));
        assert_eq!(town.judge(&town.changes(BO, change)), Ok(()));
        assert_eq!(
            town.judge(&town.changes(CY, change)),
            Err(Violation::MayNotChangeSettings)
        );
    }
}

#[test]
fn who_may_post_and_edit_is_for_admins_and_what_may_be_edited_for_whom_they_let() {
    let mut town = Town::new();
    let rules: [fn(&mut ConversationState); 2] = [
        |state| state.post_policy = Policy::Admins,
        |state| state.edit_policy = Policy::Everyone,
    ];
    let edits: [fn(&mut ConversationState); 4] = [
        |state| state.name = Name::new("bouldering").unwrap(),
        |state| state.description = Description::new("at six").unwrap(),
        |state| state.picture = Some(a_picture(4)),
        |state| state.timer = Some(60),
    ];
    let refused = Err(Violation::MayNotChangeSettings);
    for change in rules.iter().chain(&edits) {
        assert_eq!(town.judge(&town.changes(BO, *change)), Ok(()));
        assert_eq!(town.judge(&town.changes(CY, *change)), refused);
    }
    town.group.state.edit_policy = Policy::Everyone;
    for change in edits {
        assert_eq!(town.judge(&town.changes(CY, change)), Ok(()));
    }
    let post: fn(&mut ConversationState) = |state| state.post_policy = Policy::Admins;
    assert_eq!(town.judge(&town.changes(CY, post)), refused);
    assert!(town.group.may_post(town.cy.account()));
    town.group.state.post_policy = Policy::Admins;
    assert!(!town.group.may_post(town.cy.account()));
    assert!(town.group.may_post(town.bo.account()));
}

fn a_picture(length: usize) -> GroupPicture {
    let mut bytes = vec![0; length];
    bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    GroupPicture::new(bytes).unwrap()
}

#[test]
fn two_people_change_their_timer_and_nothing_else() {
    let town = Town::new();
    let pair = town.direct();
    let change = |by, change: fn(&mut ConversationState)| {
        let mut state = pair.state.clone();
        change(&mut state);
        CommitFacts {
            new_state: Some(state),
            ..town.by(by)
        }
    };
    for by in [ADA, BO] {
        let timer = change(by, |state| state.timer = Some(60));
        assert_eq!(pair.judge(&timer), Ok(()));
        let changes: [fn(&mut ConversationState); 4] = [
            |state| state.picture = Some(a_picture(4)),
            |state| state.description = Description::new("at six").unwrap(),
            |state| state.post_policy = Policy::Admins,
            |state| (state.timer, state.edit_policy) = (Some(60), Policy::Everyone),
        ];
        for one in changes {
            let refused = Err(Violation::Immutable("settings"));
            assert_eq!(pair.judge(&change(by, one)), refused);
        }
    }
}

#[test]
fn what_a_later_version_wrote_is_for_admins_too() {
    let town = Town::new();
    // {.., 99: "later"}: the entry count grows by one, the entry comes last but before no text key.
    let mut encoded = town.group.state.encode();
    encoded[0] += 1;
    encoded.extend([0x18, 99, 0x65]);
    encoded.extend(b"later");
    let later = ConversationState::decode(&encoded).unwrap();
    let commit = |by| CommitFacts {
        new_state: Some(later.clone()),
        ..town.by(by)
    };
    assert_eq!(town.judge(&commit(BO)), Ok(()));
    assert_eq!(
        town.judge(&commit(CY)),
        Err(Violation::MayNotChangeSettings)
    );
}
