//! Polls, places, contact cards, files that are opened once and previews of links, in words.

use keyfold_engine::view::{
    CardCheck, CardEntry, Choice, Entry, LocationEntry, OnceEntry, OnceState, PollEntry,
    PollOption, Preview, What,
};

use crate::clean;
use crate::words::size;

/// Whether somebody says this, other than what the conversation itself says.
pub(crate) const fn is_said(what: &What) -> bool {
    matches!(
        what,
        What::Text(_)
            | What::File(_)
            | What::Poll(_)
            | What::Location(_)
            | What::Card(_)
            | What::Once(_)
    )
}

/// The lines of what somebody says that is neither text nor file. `None` for everything else.
pub(crate) fn lines(what: &What) -> Option<Vec<String>> {
    match what {
        What::Poll(poll) => Some(poll_lines(poll)),
        What::Location(location) => Some(vec![location_line(location)]),
        What::Card(card) => Some(vec![card_line(card)]),
        What::Once(once) => Some(vec![once_line(once)]),
        _ => None,
    }
}

fn poll_lines(poll: &PollEntry) -> Vec<String> {
    let mut lines = vec![format!("[poll] {}", clean::line(&poll.question))];
    for (number, option) in poll.options.iter().enumerate() {
        let PollOption { text, votes, mine } = option;
        let mine = if *mine { " ✓" } else { "" };
        let text = clean::line(text);
        lines.push(format!("{}. {text}: {votes}{mine}", number + 1));
    }
    let voters = match poll.voters {
        0 => "nobody has voted".to_owned(),
        1 => "one person has voted".to_owned(),
        voters => format!("{voters} people have voted"),
    };
    let several = match poll.choice {
        Choice::Several if !poll.ended => "; choose one or more",
        _ => "",
    };
    let ended = match &poll.ended_by {
        Some(by) => format!("; ended by {}", clean::line(&by.handle)),
        None if poll.ended => "; ended".to_owned(),
        None => String::new(),
    };
    lines.push(format!("{voters}{several}{ended}"));
    lines
}

fn location_line(location: &LocationEntry) -> String {
    let label = clean::line(&location.label);
    let uri = &location.uri;
    if label.is_empty() {
        format!("[place] {uri}")
    } else {
        format!("[place] {label} ({uri})")
    }
}

fn card_line(card: &CardEntry) -> String {
    let (handle, name) = (clean::line(&card.handle), clean::line(&card.name));
    let who = if name.is_empty() {
        handle
    } else {
        format!("{handle} ({name})")
    };
    match card.check {
        CardCheck::NotYet => format!("[contact] {who}"),
        CardCheck::Right => format!("[contact] {who}, as the directory says"),
        CardCheck::Wrong => format!("[contact] {who}: wrong, the handle is somebody else's"),
    }
}

fn once_line(once: &OnceEntry) -> String {
    let kind = match once.media_type.split('/').next() {
        Some(kind) if kind.eq_ignore_ascii_case("image") => "picture",
        Some(kind) if kind.eq_ignore_ascii_case("video") => "video",
        _ => "recording",
    };
    let state = match &once.state {
        OnceState::Unopened => "opens once".to_owned(),
        OnceState::Over => "opened, or too late to be".to_owned(),
        OnceState::Sent | OnceState::Unsent | OnceState::Uploading(_) => {
            "to be opened once".to_owned()
        }
        OnceState::Failed(_, why) => clean::line(why),
    };
    format!("[{kind}, {}] {state}", size(once.size))
}

/// What a link of a text leads to, as its sender has seen it, in lines.
pub(crate) fn preview(entry: &Entry) -> Vec<String> {
    let Some(preview) = &entry.preview else {
        return Vec::new();
    };
    let Preview {
        url,
        title,
        description,
        picture: _,
    } = &**preview;
    let mut lines = vec![format!("│ {}", clean::line(title.as_str()))];
    let said = clean::lines(description.as_str()).filter(|line| !line.is_empty());
    lines.extend(said.map(|line| format!("│ {line}")));
    lines.push(format!("│ {}", clean::line(url)));
    lines
}
