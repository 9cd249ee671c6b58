//! A malicious server and malicious members: each attack does nothing, or it is noticed, with the right words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use keyfold_sim::{Cheat, Excuse, Faults, Mishap, Options, Report, Setup, Town, Trick, run};

fn hostile() -> Setup {
    Setup {
        hostile: true,
        ..Setup::default()
    }
}

/// Three people talk while the server cheats one of them.
fn cheated(cheat: Cheat) -> Report {
    let town = Town::new(1);
    let [ada, bo, cy] = town.people();
    let group = ada.creates_group("climbing", [bo, cy]);
    town.waits(120_000);
    ada.says(group, "meet at six");
    town.waits(5_000);
    bo.will_meet(Mishap::Cheats(cheat), 0);
    ada.says(group, "or at seven");
    town.waits(5_000);
    cy.says(group, "seven is good");
    ada.says(group, "seven it is");
    town.waits(5_000);
    let talk = bo.meets(cy);
    town.waits(20_000);
    bo.says(talk, "shall we bring the rope?");
    town.ends_as(hostile())
}

#[test]
fn what_is_played_again_mixed_up_or_made_up_does_nothing() {
    for cheat in [Cheat::Replays, Cheat::MixesMailboxes, Cheat::Garbage] {
        assert_eq!(cheated(cheat).violations, [], "{cheat:?}");
    }
}

#[test]
fn what_is_withheld_shows_as_a_gap() {
    let report = cheated(Cheat::Withholds);
    assert_eq!(report.violations, []);
    assert_eq!(report.excused.get(&Excuse::Withheld), Some(&1));
}

/// From seed 3033: what ada said first is put off and overtaken, so that bo hears of her for the first time by what she said last. What was
/// in between, and withheld, may as well be from before bo came.
#[test]
fn what_is_withheld_before_somebody_was_heard_for_the_first_time_is_no_gap() {
    let town = Town::new(3033);
    let [ada, bo, cy] = town.people();
    let group = ada.creates_group("climbing", [bo, cy]);
    town.waits(130_000);
    ada.will_meet(Mishap::Busy(3_000), 0);
    bo.will_meet(Mishap::Cheats(Cheat::Withholds), 0);
    ada.says(group, "meet at six");
    ada.says(group, "or at seven");
    ada.says(group, "or at eight");
    town.waits(10_000);
    let report = town.ends_as(hostile());
    assert_eq!(report.violations, []);
    assert_eq!(report.excused.get(&Excuse::Withheld), Some(&1));
}

#[test]
fn other_peoples_keys_and_broken_ones_lead_nowhere() {
    for cheat in [Cheat::SwapsKeys, Cheat::SpoilsPackages] {
        let report = cheated(cheat);
        // Nothing is begun with the wrong person: the conversation fails, and what was said in it with it.
        let words: Vec<&str> = report.violations.iter().map(|it| &*it.words).collect();
        assert_eq!(words, [] as [&str; 0], "{cheat:?}");
    }
}

/// From seed 1: what the server said of one's own account was no answer, and the conversation waited for ever.
#[test]
fn a_directory_that_denies_ones_own_account_lets_nothing_wait() {
    for after in 0..8 {
        let town = Town::new(1);
        let [ada, bo, _cy] = town.people();
        ada.links(0);
        town.waits(60_000);
        ada.will_meet(Mishap::Cheats(Cheat::SwapsKeys), after);
        let group = ada.creates_group("climbing", [bo]);
        ada.says(group, "meet at six");
        town.waits(60_000);
        let report = town.ends_as(hostile());
        assert_eq!(report.violations, [], "{after}");
    }
}

/// Three people and eve, who turns against them.
fn betrayed(trick: Trick) -> Report {
    let town = Town::new(2);
    let [ada, bo, cy, dee] = town.people();
    let group = ada.creates_group("climbing", [bo, cy, dee]);
    town.waits(120_000);
    dee.says(group, "count me in");
    town.waits(5_000);
    dee.turns(trick);
    town.waits(5_000);
    ada.says(group, "meet at six");
    bo.says(group, "or at seven");
    town.waits(120_000);
    cy.says(group, "seven is good");
    town.ends_as(hostile())
}

#[test]
fn noise_floods_and_borrowed_names_change_nothing() {
    for trick in [Trick::Noise, Trick::Flood, Trick::Claims, Trick::Tampers] {
        assert_eq!(betrayed(trick).violations, [], "{trick:?}");
    }
}

#[test]
fn a_commit_that_nobody_may_make_is_refused_by_all_with_the_reason() {
    for (trick, why) in [
        (Trick::FalseRoster, "another roster than"),
        (Trick::AgainstRoles, "may not"),
    ] {
        let report = betrayed(trick);
        assert_eq!(report.violations, [], "{trick:?}: the others go on");
        let told = report.told.iter().filter(|(_, words)| words.contains(why));
        assert!(told.count() >= 3, "{trick:?}: {:#?}", report.told);
    }
}

#[test]
fn worlds_with_a_hostile_server_keep_their_promises() {
    for seed in 1..=6 {
        let report = run(Options {
            seed,
            actions: 100,
            people: 3 + usize::try_from(seed).unwrap() % 4,
            faults: Faults::Hostile,
            ..Options::default()
        });
        assert_eq!(report.violations, [], "seed {seed}");
    }
}
