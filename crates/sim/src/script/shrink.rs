//! From a world that breaks a promise to a short one that breaks the same: delta debugging over the scenes (Zeller and
//! Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), then over people, faults and pauses.

use super::{Act, Script, Who, Whom};
use crate::options::Setup;
use crate::oracle::Check;
use crate::world::{Report, play};

/// Worlds that are played at most: a few minutes.
const PATIENCE: u32 = 3_000;

/// A script that still breaks a promise, as far as it could be shortened.
pub struct Shrunk {
    /// What is left of it.
    pub script: Script,
    /// How it went.
    pub report: Report,
    /// The promise.
    pub check: Check,
    /// Worlds that were played for it.
    pub tries: u32,
}

/// Shortens a script that breaks a promise. `None`: it breaks none.
pub fn shrink(script: &Script, setup: Setup) -> Option<Shrunk> {
    let report = play(script, setup);
    let check = report.violations.first()?.check;
    let mut shrink = Shrink {
        setup,
        check,
        tries: 1,
        best: script.clone(),
    };
    // With names in place of numbers a scene means the same whatever is left out before it.
    let scenes = report.played;
    shrink.takes(|script| script.scenes = scenes);
    shrink.without_faults();
    shrink.fewer_scenes();
    shrink.shorter_pauses();
    shrink.fewer_scenes();
    shrink.fewer_people();
    // What was begun in another place after all is told as it was.
    let played = play(&shrink.best, setup).played;
    shrink.takes(|script| script.scenes = played);
    let report = play(&shrink.best, setup);
    Some(Shrunk {
        script: shrink.best,
        report,
        check,
        tries: shrink.tries,
    })
}

struct Shrink {
    setup: Setup,
    check: Check,
    tries: u32,
    best: Script,
}

impl Shrink {
    /// Whether the promise is broken after this change, too; then the change is kept.
    fn takes(&mut self, change: impl FnOnce(&mut Script)) -> bool {
        let mut script = self.best.clone();
        change(&mut script);
        if script == self.best || self.tries >= PATIENCE {
            return false;
        }
        self.tries += 1;
        let report = play(&script, self.setup);
        let broken = report.violations.iter().any(|it| it.check == self.check);
        if broken {
            self.best = script;
        }
        broken
    }

    fn without_faults(&mut self) {
        self.takes(|script| script.scenes.retain(|scene| !scene.act.is_fault()));
        self.takes(|script| script.hybrid = false);
        self.takes(|script| {
            script
                .scenes
                .retain(|scene| !matches!(scene.act, Act::Mishap { .. }));
        });
    }

    /// Leaves out ever smaller parts.
    fn fewer_scenes(&mut self) {
        let mut part = self.best.scenes.len().div_ceil(2);
        while part > 0 {
            let mut from = 0;
            let mut left_out = false;
            while from < self.best.scenes.len() {
                let to = (from + part).min(self.best.scenes.len());
                let taken = self.takes(|script| {
                    // What comes behind keeps its moment.
                    let wait: u64 = script.scenes.drain(from..to).map(|scene| scene.wait).sum();
                    if let Some(next) = script.scenes.get_mut(from) {
                        next.wait += wait;
                    }
                });
                if taken {
                    left_out = true;
                } else {
                    from = to;
                }
            }
            part = match part {
                1 if left_out => 1,
                part => part / 2,
            };
        }
    }

    fn shorter_pauses(&mut self) {
        const SHORT: [u64; 3] = [0, 1_000, 10_000];
        for most in SHORT {
            let all = self.takes(|script| {
                for scene in &mut script.scenes {
                    scene.wait = scene.wait.min(most);
                }
            });
            if all {
                return;
            }
        }
        for place in 0..self.best.scenes.len() {
            for most in SHORT {
                if self.takes(|script| {
                    let scene = &mut script.scenes[place];
                    scene.wait = scene.wait.min(most);
                }) {
                    break;
                }
            }
        }
    }

    fn fewer_people(&mut self) {
        let mut person = self.best.people;
        while person > 0 {
            person -= 1;
            if self.best.people > 2 {
                self.takes(|script| script.is_without(person));
            }
        }
    }
}

impl Script {
    /// Leaves a person out, and all that they do; those behind move up.
    fn is_without(&mut self, gone: usize) {
        let moved = |person: usize| person - usize::from(person > gone);
        self.people -= 1;
        self.scenes.retain_mut(|scene| {
            if let Who::Is(hand) = &mut scene.who {
                if hand.person == gone {
                    return false;
                }
                hand.person = moved(hand.person);
            }
            match &mut scene.act {
                Act::Meets { other, .. } if *other == gone => return false,
                Act::Meets { other, .. } => *other = moved(*other),
                Act::Begins { others, .. } => {
                    others.retain(|other| *other != gone);
                    for other in others.iter_mut() {
                        *other = moved(*other);
                    }
                }
                Act::Adds(_, Whom::Is(person))
                | Act::Removes(_, Whom::Is(person))
                | Act::Promotes(_, Whom::Is(person), _) => {
                    if *person == gone {
                        return false;
                    }
                    *person = moved(*person);
                }
                Act::Parted(super::Crowd::Are(hands), _) => {
                    hands.retain(|hand| hand.person != gone);
                    for hand in hands.iter_mut() {
                        hand.person = moved(hand.person);
                    }
                }
                _ => {}
            }
            true
        });
    }
}
