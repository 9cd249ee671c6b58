//! Every check of the oracle has a deliberately broken world that it catches, and keeps quiet about the same world unbroken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use keyfold_sim::{Cheat, Check, Mishap, Role, Sabotage, Setup, Talk, Town};

/// What happened before the time in which everybody only talks.
#[derive(Clone, Copy, Debug)]
enum Prelude {
    Nothing,
    ServerRestored,
    OtherCloned,
    OtherRestored,
    VictimAway,
}

impl Prelude {
    fn happens(self, town: &Town, group: Talk) {
        let [ada, bo, cy] = town.people();
        match self {
            Self::Nothing => return,
            Self::ServerRestored => town.server_is_backed_up(),
            Self::OtherCloned => cy.is_cloned(),
            Self::OtherRestored => cy.is_backed_up(),
            Self::VictimAway => bo.is_away(10),
        }
        town.waits(60_000);
        ada.renews_keys(group);
        town.waits(60_000);
        match self {
            Self::ServerRestored => town.server_is_restored(),
            Self::OtherRestored => cy.is_restored(),
            _ => {}
        }
        // All find back.
        town.waits(1_200_000);
    }
}

fn story() -> Town {
    story_after(Prelude::Nothing)
}

/// Three people, a group that changes, and a time in which everybody only talks.
fn story_after(prelude: Prelude) -> Town {
    let town = Town::new(1);
    let [ada, bo, cy] = town.people();
    let group = ada.creates_group("the climbing group", [bo, cy]);
    town.waits(200_000);
    ada.renews_keys(group);
    bo.renews_keys(group);
    town.waits(200_000);
    prelude.happens(&town, group);
    bo.is_backed_up();
    ada.says(group, "the text that was typed");
    town.waits(5_000);
    ada.says(group, "meet at six");
    town.waits(5_000);
    bo.says(group, "I am there at seven");
    town.waits(5_000);
    bo.says(group, "or a little later");
    town.waits(5_000);
    cy.says(group, "then I wait for you");
    town.waits(200_000);
    bo.is_stolen();
    bo.will_meet(Mishap::Busy(1_000), 0);
    bo.says(group, "the server is busy");
    town.waits(60_000);
    bo.is_away(20);
    town.waits(30_000);
    bo.says(group, "nobody hears me now");
    town.waits(3_600_000);
    ada.says(group, "where have you been?");
    town.waits(30_000);
    bo.reacts(group, 0, Some("🧗"));
    ada.edits(group, 0, "where were you?");
    town.waits(30_000);
    town
}

fn broken(sabotage: Sabotage) -> Setup {
    Setup {
        sabotage: Some(sabotage),
        ..Setup::default()
    }
}

#[track_caller]
fn catches(sabotage: Sabotage, check: Check) {
    let report = story().ends_as(broken(sabotage));
    let found = report.violations.iter().any(|one| one.check == check);
    assert!(found, "{check:?} says nothing: {:#?}", report.violations);
}

#[test]
fn unbroken_it_keeps_all_promises() {
    story().keeps_its_promises();
}

macro_rules! cases {
    ($($name:ident: $sabotage:ident is caught by $check:ident;)+) => {$(
        #[test]
        fn $name() {
            catches(Sabotage::$sabotage, Check::$check);
        }
    )+};
}

cases! {
    a_step_that_fails: RefusesWrites is caught by Steps;
    an_item_that_is_lost: LosesItem is caught by Shown;
    a_message_that_the_server_forgets: ForgetsMessage is caught by Shown;
    an_item_that_comes_again: DoublesItem is caught by Shown;
    a_line_that_is_doubled: DoublesLine is caught by Shown;
    a_line_that_is_lost: LosesLine is caught by Shown;
    what_was_typed_and_is_forgotten: ForgetsTyped is caught by Unsent;
    lines_that_have_changed_places: SwapsLines is caught by Order;
    what_was_done_and_is_forgotten: ForgetsAmendment is caught by Amended;
    a_gap_where_nothing_is_missing: InventsGap is caught by Gaps;
    another_name: EditsName is caught by Ends;
    another_role: EditsRole is caught by Ends;
    an_epoch_behind: EditsEpoch is caught by Ends;
    a_conversation_that_is_held: IsHeld is caught by Rest;
    a_clock_that_stands_still: ClockStops is caught by Rest;
    a_plaintext_in_a_frame: SendsPlaintext is caught by Wire;
    a_handle_in_a_frame: SendsHandle is caught by Wire;
    a_plaintext_at_the_server: KeepsPlaintext is caught by AtRest;
    a_roster_key_at_the_server: KeepsRosterKey is caught by AtRest;
    a_key_that_is_used_twice: ReusesKeys is caught by Keys;
    keys_that_are_never_erased: ErasesNothing is caught by Secrecy;
    items_that_are_parked_for_ever: ParksForEver is caught by Growth;
    items_that_are_never_deleted: DeletesNothing is caught by Growth;
    two_commits_for_one_epoch: AcceptsTwoCommits is caught by Epochs;
}

#[test]
fn what_is_left_to_chance_shows_in_the_trace() {
    let trace = |setup: Setup| story().ends_as(setup).trace;
    assert_eq!(trace(Setup::default()), trace(Setup::default()));
    let chance = broken(Sabotage::LeavesToChance);
    assert_ne!(trace(chance), trace(chance));
}

/// What once happened to others is no excuse for what goes wrong later.
#[test]
fn it_is_caught_after_other_things_have_happened() {
    let cases = [
        (Sabotage::LosesItem, Check::Shown),
        (Sabotage::LosesLine, Check::Shown),
        (Sabotage::DoublesLine, Check::Shown),
        (Sabotage::SwapsLines, Check::Order),
        (Sabotage::InventsGap, Check::Gaps),
    ];
    let preludes = [
        Prelude::ServerRestored,
        Prelude::OtherCloned,
        Prelude::OtherRestored,
        Prelude::VictimAway,
    ];
    for prelude in preludes {
        let unbroken = story_after(prelude).ends();
        assert_eq!(unbroken.violations, [], "{prelude:?}");
        for (sabotage, check) in cases {
            let report = story_after(prelude).ends_as(broken(sabotage));
            let found = report.violations.iter().any(|one| one.check == check);
            let violations = report.violations;
            assert!(found, "{sabotage:?} after {prelude:?}: {violations:#?}");
        }
    }
}

/// Somebody out of reach asks for a change.
#[test]
fn a_change_that_is_forgotten_or_feigned() {
    let story = || {
        let town = Town::new(1);
        let [ada, bo] = town.people();
        let group = ada.creates_group("climbing", [bo]);
        town.waits(200_000);
        ada.makes(group, bo, Role::Admin);
        town.waits(200_000);
        bo.is_away(20);
        town.waits(30_000);
        bo.says(group, "nobody hears me now");
        town.waits(30_000);
        bo.renames(group, "the climbers");
        town
    };
    assert_eq!(story().ends().violations, []);
    for sabotage in [Sabotage::ForgetsChange, Sabotage::FeignsChange] {
        let report = story().ends_as(broken(sabotage));
        let violations = report.violations;
        let found = violations.iter().any(|one| one.check == Check::Changes);
        assert!(found, "{sabotage:?}: {violations:#?}");
    }
}

/// What a server withholds is a gap, or the oracle says so.
#[test]
fn what_is_withheld_and_not_noticed() {
    let town = Town::new(1);
    let [ada, bo, cy] = town.people();
    let group = ada.creates_group("climbing", [bo, cy]);
    town.waits(120_000);
    ada.says(group, "meet at six");
    town.waits(5_000);
    bo.will_meet(Mishap::Cheats(Cheat::Withholds), 0);
    ada.says(group, "or at seven");
    town.waits(5_000);
    ada.says(group, "seven it is");
    let setup = Setup {
        hostile: true,
        ..broken(Sabotage::HidesGap)
    };
    let report = town.ends_as(setup);
    let found = report.violations.iter().map(|one| one.check);
    assert_eq!(found.collect::<Vec<_>>(), [Check::Noticed]);
}

/// What a device lost with its state is missing rightly, and its timeline says why and nothing else, or the oracle says that it does not.
#[test]
fn what_is_missing_without_a_word() {
    let ends_as = |setup: Setup| {
        let town = Town::new(1);
        let [ada, bo, cy] = town.people();
        let group = ada.creates_group("climbing", [bo, cy]);
        town.waits(120_000);
        bo.is_backed_up();
        ada.says(group, "meet at six");
        town.waits(120_000);
        bo.is_restored();
        town.waits(600_000);
        let violations = town.ends_as(setup).violations.into_iter();
        violations.map(|one| one.check).collect::<Vec<_>>()
    };
    assert_eq!(ends_as(Setup::default()), []);
    assert_eq!(ends_as(broken(Sabotage::HidesReason)), [Check::Told]);
    // It is not the reason for what is missing, and it is not true.
    let told = [Check::Told, Check::Told];
    assert_eq!(ends_as(broken(Sabotage::WrongReason)), told);
}
