//! The scene in which the server is killed while people talk, and started again on what its disk holds.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::cast::{Cast, Who};
use super::person::Conversation;
use super::screen::Screen;
use super::stage::Stage;

/// What Ada says before, during and after.
const BEFORE: [&str; 3] = ["Packing list:", "- two ropes", "- twelve draws"];
const DURING: &str = "- a warm jacket, it gets cold";
const AFTER: [&str; 2] = ["- the guidebook", "That is all."];

/// What Bo writes while there is no server.
const OFFLINE: [&str; 2] = ["I take the ropes.", "And the guidebook."];

/// Plays the scene.
pub(super) fn play(
    stage: &mut Stage,
    cast: &mut Cast,
    group: &Conversation,
    screen: &mut Screen,
) -> Result<()> {
    screen.section("The server is killed in the middle of it");
    let before = cast.reads(Who::Ada, group)?.len();
    let from = cast.said.len();
    let mut took = Duration::ZERO;
    for text in BEFORE {
        let started = Instant::now();
        cast.says(Who::Ada, "group", group, text, screen)?;
        took = started.elapsed();
    }
    kill_and_restart(stage, cast, group, took, screen)?;
    for text in AFTER {
        cast.says(Who::Ada, "group", group, text, screen)?;
    }
    cast.bo.syncs()?;
    screen.does("bo", "is connected again: what he wrote goes out by itself");
    let said = cast.said_since(from);
    let seen = Who::ALL.map(|who| cast.reads(who, group));
    let mut new = Vec::new();
    for timeline in seen {
        new.push(timeline?.get(before..).unwrap_or_default().to_vec());
    }
    let complete = new.iter().all(|timeline| sorted(timeline) == sorted(&said));
    screen.check(
        complete,
        "the server was killed: nothing is lost, and nothing is there twice",
        format_args!("{new:?}"),
    );
    let alike = new.iter().all(|timeline| Some(timeline) == new.first());
    let in_order = new
        .iter()
        .all(|timeline| keeps_order(timeline, &ADAS) && keeps_order(timeline, &OFFLINE));
    let sentence = "and all three screens show one order, each person's words as they were said";
    screen.check(alike && in_order, sentence, format_args!("{new:?}"));
    Ok(())
}

/// Everything that Ada says in this scene.
const ADAS: [&str; 6] = [BEFORE[0], BEFORE[1], BEFORE[2], DURING, AFTER[0], AFTER[1]];

/// Ada sends, the server dies, Bo writes all the same, the server comes back, and Ada's message arrives.
fn kill_and_restart(
    stage: &mut Stage,
    cast: &mut Cast,
    group: &Conversation,
    took: Duration,
    screen: &Screen,
) -> Result<()> {
    let (ada, bo) = (&cast.ada, &cast.bo);
    thread::scope(|scope| -> Result<()> {
        let sending = scope.spawn(|| ada.says(group, DURING));
        // Late enough that the message is on its way.
        thread::sleep(took.mul_f64(0.7));
        stage.server.kill()?;
        screen.tell("While the next message is on its way the server is killed (SIGKILL).");
        for text in OFFLINE {
            bo.queues(group, text)?;
            screen.says(
                "bo",
                "group",
                &format!("{text}  (no server: it waits on his device)"),
            );
        }
        stage.server.restart()?;
        screen.tell("The server is started again, on what its disk holds.");
        sending.join().ok().context("the sending thread broke")?
    })?;
    screen.says("ada", "group", DURING);
    let offline = OFFLINE.map(str::to_owned);
    cast.said.push(DURING.to_owned());
    cast.said.extend(offline);
    Ok(())
}

fn sorted(texts: &[String]) -> Vec<&String> {
    let mut texts: Vec<_> = texts.iter().collect();
    texts.sort();
    texts
}

/// Whether these texts stand in the timeline one after the other, whatever is between them.
fn keeps_order(timeline: &[String], texts: &[&str]) -> bool {
    let mut rest = timeline.iter();
    texts.iter().all(|text| rest.any(|seen| seen == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_with_others_in_between_and_not_when_swapped() {
        let timeline = ["a", "x", "b", "c"].map(str::to_owned);
        assert!(keeps_order(&timeline, &["a", "b", "c"]));
        assert!(!keeps_order(&timeline, &["b", "a"]));
        assert!(!keeps_order(&timeline, &["a", "d"]));
    }
}
