//! What every screen must show when the story is over.

use keyfold_engine::Engine;
use keyfold_engine::view::{Standing, State, What};

/// What is shown of the one conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Screen {
    name: String,
    epoch: u64,
    standing: Standing,
    members: Vec<String>,
    texts: Vec<String>,
    /// Lines that say that something is wrong.
    troubles: Vec<String>,
}

pub(super) fn screen(engine: &Engine) -> Option<Screen> {
    let shown = engine.conversations().unwrap();
    let conversation = shown.first()?;
    let mut screen = Screen {
        name: conversation.name.clone(),
        epoch: conversation.epoch.0,
        standing: conversation.standing.clone(),
        members: Vec::new(),
        texts: Vec::new(),
        troubles: Vec::new(),
    };
    for member in &conversation.members {
        let line = format!(
            "{} {:?} {}",
            member.contact.handle, member.role, member.devices
        );
        screen.members.push(line);
    }
    screen.members.sort();
    if shown.len() > 1 {
        let line = format!("{} conversations", shown.len());
        screen.troubles.push(line);
    }
    for entry in engine.timeline(conversation.id, None, usize::MAX).unwrap() {
        match (entry.what, entry.state) {
            (What::Text(text), State::Sent | State::Received) => screen.texts.push(text),
            (What::Gap(0), _) => {}
            (what @ (What::Text(_) | What::Gap(_) | What::Refused(_)), state) => {
                screen.troubles.push(format!("{what:?} {state:?}"));
            }
            _ => {}
        }
    }
    let waiting = engine.waiting().unwrap();
    if waiting > 0 {
        screen.troubles.push(format!("{waiting} things wait"));
    }
    Some(screen)
}

/// Compares the screens with what was said, and with each other.
pub(super) fn judge(screens: &[(&str, Option<Screen>)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut order: Option<Vec<String>> = None;
    let mut group: Option<(u64, Vec<String>)> = None;
    for (name, screen) in screens {
        let Some(screen) = screen else {
            wrong.push(format!("{name} shows nothing"));
            continue;
        };
        let (texts, left): (&[&str], bool) = match *name {
            "ada" | "bo" => (
                &[
                    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
                ],
                false,
            ),
            "cy" => (&["four", "five", "six", "seven", "eight"], true),
            _ => (&["six", "seven", "eight", "nine"], false),
        };
        let mut shown = screen.texts.clone();
        shown.sort();
        let mut said: Vec<String> = texts.iter().map(ToString::to_string).collect();
        said.sort();
        if shown != said {
            wrong.push(format!(
                "{name} shows {:?} instead of {texts:?}",
                screen.texts
            ));
        }
        if !screen.troubles.is_empty() {
            wrong.push(format!("{name} shows {:?}", screen.troubles));
        }
        let standing = if left {
            Standing::Left
        } else {
            Standing::Active
        };
        if screen.name != "summits" || screen.standing != standing {
            wrong.push(format!(
                "{name} shows {:?} {:?}",
                screen.name, screen.standing
            ));
        }
        let first = order.get_or_insert_with(|| screen.texts.clone());
        let in_order: Vec<&String> = first
            .iter()
            .filter(|text| screen.texts.contains(text))
            .collect();
        if in_order != screen.texts.iter().collect::<Vec<_>>() {
            wrong.push(format!(
                "{name} shows {:?}, and others {first:?}",
                screen.texts
            ));
        }
        if !left {
            let view = (screen.epoch, screen.members.clone());
            let seen = group.get_or_insert_with(|| view.clone());
            if *seen != view {
                wrong.push(format!("{name} is at {view:?}, and others at {seen:?}"));
            }
        }
    }
    let members = ["ada Owner 2", "bo Member 1"];
    if group.is_none_or(|(_, shown)| shown != members) {
        wrong.push("the group is not ada with two devices, and bo".to_owned());
    }
    wrong
}
