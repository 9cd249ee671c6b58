//! Timelines and lists in words, for people: short, aligned, the same in `read` and in `chat`.

use jiff::tz::TimeZone;
use keyfold_engine::Deed;
use keyfold_engine::limits::ONLINE_WITHIN;
use keyfold_engine::view::{
    Contact, Conversation, Entry, Expiry, FileEntry, FileState, Mute, Reacted, Standing, State,
    What,
};
use keyfold_protocol::state::Policy;
use keyfold_wire::ids::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use crate::output::Paint;
use crate::{clean, formatted, kinds, span, when};

/// The widest that a name may be before it is cut.
const NAME_WIDTH: usize = 16;

/// The widest that a quoted message may be before it is cut.
const QUOTE_WIDTH: usize = 56;

/// Where and when the reader is.
pub(crate) struct Reader {
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

impl Reader {
    pub(crate) fn here() -> Self {
        Self {
            zone: TimeZone::system(),
            now: keyfold_client::now(),
        }
    }
}

/// Who speaks, as the reader sees them.
pub(crate) fn speaker(entry: &Entry) -> String {
    match &entry.from {
        _ if entry.mine => "you".to_owned(),
        Some(contact) => clean::line(&contact.handle),
        None => String::new(),
    }
}

/// An entry that nobody says, as a sentence; `None` for what somebody does.
pub(crate) fn happening(entry: &Entry) -> Option<String> {
    let who = match speaker(entry) {
        nobody if nobody.is_empty() => "somebody".to_owned(),
        who => who,
    };
    Some(match &entry.what {
        What::Text(_)
        | What::File(_)
        | What::Poll(_)
        | What::Location(_)
        | What::Card(_)
        | What::Once(_) => return None,
        What::TakenBack { by, mine } => taken_back(entry, &who, by.as_ref(), *mine),
        What::NeedsNewerVersion => format!("{who} sent something that needs a newer version"),
        What::Gap(1) => format!("one message of {who} is missing"),
        What::Gap(missing) => format!("{missing} messages of {who} are missing"),
        What::Began => "the conversation begins here".to_owned(),
        What::Added(people) => format!("{who} added {}", names(people)),
        What::Removed(people) => format!("{who} removed {}", names(people)),
        What::Left => format!("{who} left"),
        What::Renamed(name) => format!("{who} named the group {}", clean::line(name)),
        What::RolesChanged => format!("{who} changed the roles"),
        What::DevicesChanged => format!("the devices of {who} changed"),
        What::Refused(why) => format!("refused: {}", clean::line(why)),
        What::Moved => format!("{who} moved the conversation to a new place; it goes on here"),
        What::Back(why) => format!(
            "this device had lost its place and is back; what was said meanwhile is not here ({})",
            clean::line(why)
        ),
        What::Returned(whose) => format!(
            "a device of {} had lost its place and is back",
            clean::line(&whose.handle)
        ),
        What::MayBeMissing(why) => format!("messages may be missing here: {}", clean::line(why)),
        What::Described(text) if text.is_empty() => format!("{who} took the description away"),
        What::Described(text) => format!("{who} described the group: {}", clean::line(text)),
        What::Timed(None) => format!("{who} set messages to stay"),
        What::Timed(Some(seconds)) => {
            format!(
                "{who} set messages to disappear {} after they are read",
                span::exactly(*seconds)
            )
        }
        What::Pictured(true) => format!("{who} gave the group another picture"),
        What::Pictured(false) => format!("{who} took the group's picture away"),
        What::Allowed(deed, policy) => {
            let whom = match policy {
                Policy::Admins => "admins alone",
                Policy::Everyone => "everyone",
            };
            let what = match deed {
                Deed::Add => "add people",
                Deed::Post => "say something",
                Deed::Edit => "change name, description, picture and timer",
            };
            format!("{who} lets {whom} {what}")
        }
    })
}

/// What somebody says: a text, maybe with what its link leads to, a file with what is said about it, or something in lines. `None` for everything else.
pub(crate) fn said(entry: &Entry) -> Option<String> {
    match &entry.what {
        What::Text(text) => {
            let lines = std::iter::once(text.clone()).chain(kinds::preview(entry));
            Some(lines.collect::<Vec<_>>().join("\n"))
        }
        What::File(file) => {
            let line = file_line(file);
            Some(match &file.caption {
                Some(caption) => format!("{line}\n{caption}"),
                None => line,
            })
        }
        what => kinds::lines(what).map(|lines| lines.join("\n")),
    }
}

/// A file in one line.
pub(crate) fn file_line(file: &FileEntry) -> String {
    let name = file.name.as_deref().unwrap_or("a file");
    let seen = [
        file.media
            .sides
            .map(|(width, height)| format!("{width} \u{d7} {height}")),
        file.media.duration.map(played),
    ];
    let seen = seen
        .into_iter()
        .flatten()
        .fold(String::new(), |seen, one| seen + ", " + &one);
    let line = format!("[{}, {}{seen}]", clean::line(name), size(file.size));
    match &file.state {
        FileState::Failed(_, why) => format!("{line} {}", clean::line(why)),
        FileState::Uploading(_) | FileState::AtServer => line,
    }
}

/// How long something plays, in hours, minutes and seconds.
fn played(milliseconds: u32) -> String {
    let seconds = milliseconds.div_ceil(1_000);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A number of bytes, in the unit that leaves one to three digits before the point.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, one) in units {
        if bytes >= one {
            return format!("{}.{} {unit}", bytes / one, bytes % one * 10 / one);
        }
    }
    format!("{bytes} B")
}

fn taken_back(entry: &Entry, who: &str, by: Option<&Contact>, mine: bool) -> String {
    match (by, &entry.from) {
        (Some(by), Some(from)) if by.account != from.account => {
            let by = if mine {
                "you".to_owned()
            } else {
                clean::line(&by.handle)
            };
            let whose = if entry.mine {
                "yours".to_owned()
            } else {
                clean::line(&from.handle)
            };
            format!("{by} took back a message of {whose}")
        }
        _ => format!("{who} took back a message"),
    }
}

/// What an entry answers, in one line; `None` where it answers nothing.
pub(crate) fn quote(entry: &Entry) -> Option<String> {
    let quote = entry.reply_to.as_ref()?;
    let name = |contact: &Contact| clean::line(&contact.handle);
    let from = if quote.mine {
        Some("you".to_owned())
    } else {
        quote.from.as_ref().map(name)
    };
    Some(match (from, &quote.text) {
        (Some(from), Some(text)) => format!("{from}: {}", clean::line(text)),
        (Some(_), None) if quote.mine => "a message of yours".to_owned(),
        (Some(from), None) => format!("a message of {from}"),
        (None, _) => "a message that is not here".to_owned(),
    })
}

/// Before what was said elsewhere.
pub(crate) const FORWARDED: &str = "forwarded:";

/// How people react to an entry, in one line; `None` where nobody does.
pub(crate) fn reactions(entry: &Entry) -> Option<String> {
    let one = |reacted: &Reacted| {
        let who = if reacted.mine {
            "you".to_owned()
        } else {
            clean::line(&reacted.from.handle)
        };
        format!("{} {who}", clean::line(&reacted.emoji))
    };
    let all: Vec<_> = entry.reactions.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join("  "))
}

fn names(people: &[Contact]) -> String {
    let names: Vec<_> = people
        .iter()
        .map(|contact| clean::line(&contact.handle))
        .collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What stands behind a message: that it was edited, pinned and disappears, and how far one's own has come.
pub(crate) fn progress(entry: &Entry, now: Timestamp) -> String {
    match entry.state {
        State::Waiting => return "waiting".to_owned(),
        State::Failed => return "not sent".to_owned(),
        State::Sent | State::Received => {}
    }
    let sent = crate::record::receipt(entry.receipt).map(str::to_owned);
    let edited = entry.edited.then(|| "edited".to_owned());
    let pinned = entry.pinned.then(|| "pinned".to_owned());
    let disappears = entry.expiry.map(|expiry| disappears(expiry, now));
    let all: Vec<_> = [sent, edited, pinned, disappears]
        .into_iter()
        .flatten()
        .collect();
    all.join(", ")
}

fn disappears(expiry: Expiry, now: Timestamp) -> String {
    match (expiry.at, expiry.lasts) {
        (Some(at), _) => {
            let seconds = at.0.saturating_sub(now.0).div_ceil(1_000);
            if seconds == 0 {
                return "disappears now".to_owned();
            }
            let left = span::about(u32::try_from(seconds).unwrap_or(u32::MAX));
            format!("disappears in {left}")
        }
        (None, Some(lasts)) => format!("disappears {} after reading", span::exactly(lasts)),
        (None, None) => "disappears".to_owned(),
    }
}

/// When the other side was last active, or that they are online, in words.
pub(crate) fn active(conversation: &Conversation, reader: &Reader) -> Option<String> {
    let at = conversation.last_active?;
    if reader.now.since(at) < ONLINE_WITHIN {
        return Some("online".to_owned());
    }
    let moment = when::moment(at, reader.now, &reader.zone);
    Some(format!("last active {moment}"))
}

/// Who is typing, in words.
pub(crate) fn typing(conversation: &Conversation) -> Option<String> {
    let names = |people: &[Contact]| {
        let names = people.iter().map(|one| clean::line(&one.handle));
        names.collect::<Vec<_>>().join(", ")
    };
    match conversation.typing.as_slice() {
        [] => None,
        _ if conversation.direct => Some("typing …".to_owned()),
        [one] => Some(format!("{} is typing …", clean::line(&one.handle))),
        several => Some(format!("{} are typing …", names(several))),
    }
}

/// Pads or cuts to so many columns.
pub(crate) fn column(text: &str, width: usize) -> String {
    let mut cut = String::new();
    let mut used = 0;
    let whole = text.width() <= width;
    for c in text.chars() {
        let next = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if !whole && used + next + 1 > width {
            cut.push('…');
            used += 1;
            break;
        }
        cut.push(c);
        used += next;
    }
    cut.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    cut
}

/// The lines of one entry for `read`.
pub(crate) fn entry(entry: &Entry, width: usize, reader: &Reader, paint: Paint) -> String {
    let time = paint.dim(&when::time(entry.at, &reader.zone));
    let Some(text) = said(entry) else {
        let sentence = happening(entry).unwrap_or_default();
        return format!("{time}  {}", paint.dim(&format!("· {sentence}")));
    };
    let name = paint.bold(&column(&speaker(entry), width));
    let indent = " ".repeat("00:00".len() + 2 + width + 2);
    let quoted = quote(entry)
        .map(|quote| paint.dim(&format!("> {}", column(&quote, QUOTE_WIDTH).trim_end())));
    let forwarded = entry.forwarded.then(|| paint.dim(FORWARDED));
    let said: Vec<String> = if paint.shows() {
        let lines = formatted::lines(entry).into_iter();
        lines
            .map(|line| line.iter().map(|piece| paint.piece(piece)).collect())
            .collect()
    } else {
        clean::lines(&text).collect()
    };
    let body: Vec<_> = quoted.into_iter().chain(forwarded).chain(said).collect();
    let mut lines = format!("{time}  {name}  {}", body.join(&format!("\n{indent}")));
    let progress = progress(entry, reader.now);
    if !progress.is_empty() {
        lines.push_str(&paint.dim(&format!("  ({progress})")));
    }
    if entry.starred {
        lines.push_str(&paint.dim("  ★"));
    }
    if let Some(reactions) = reactions(entry) {
        lines.extend(["\n", &indent, &paint.dim(&reactions)]);
    }
    lines
}

/// Characters of a message's id that are shown: enough to tell it from others of the conversation.
const ID: usize = 8;

/// An entry's lines with the beginning of its id in front.
pub(crate) fn beside_id(id: Option<&str>, lines: &str, paint: Paint) -> String {
    let shown: String = id.unwrap_or_default().chars().take(ID).collect();
    let margin = " ".repeat(ID + 2);
    let lines = lines.replace('\n', &format!("\n{margin}"));
    format!("{}  {lines}", paint.dim(&format!("{shown:ID$}")))
}

/// How wide the names of these entries are.
pub(crate) fn name_width<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> usize {
    let widest = entries
        .into_iter()
        .map(|entry| speaker(entry).width())
        .max()
        .unwrap_or(0);
    widest.clamp(3, NAME_WIDTH)
}

/// A day's heading.
pub(crate) fn day(at: Timestamp, reader: &Reader, paint: Paint) -> String {
    paint.dim(&format!(
        "─── {} ───",
        when::day(at, reader.now, &reader.zone)
    ))
}

/// The table of `list`.
pub(crate) fn table(conversations: &[Conversation], reader: &Reader, paint: Paint) -> String {
    if conversations.is_empty() {
        return "No conversations yet. Begin one with: keyfold new HANDLE".to_owned();
    }
    let name = |conversation: &Conversation| clean::line(&conversation.name);
    let width = conversations
        .iter()
        .map(|each| name(each).width())
        .max()
        .unwrap_or(0)
        .clamp(4, 24);
    let heading = format!(
        "ID        {}  MEMBERS  EPOCH  UNREAD  LAST",
        column("NAME", width)
    );
    let rows = conversations.iter().map(|conversation| {
        let id: String = conversation.id.to_string().chars().take(8).collect();
        let shown = column(&name(conversation), width);
        let shown = if conversation.unread > 0 {
            paint.bold(&shown)
        } else {
            shown
        };
        let unread = match (conversation.unread, conversation.marks.unread) {
            (0, false) => "·".to_owned(),
            (0, true) => "marked".to_owned(),
            (unread, _) => unread.to_string(),
        };
        format!(
            "{}  {shown}  {:>7}  {:>5}  {unread:>6}  {}",
            paint.dim(&id),
            conversation.members.len(),
            conversation.epoch.0,
            last(conversation, reader) + &paint.dim(&marks(conversation, reader))
        )
    });
    std::iter::once(paint.dim(&heading))
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a conversation is marked with, behind it.
fn marks(conversation: &Conversation, reader: &Reader) -> String {
    let marks = &conversation.marks;
    let muted = match marks.mute {
        Mute::Off => None,
        Mute::Until(until) if until <= reader.now => None,
        Mute::Until(until) => Some(format!(
            "muted until {}",
            when::moment(until, reader.now, &reader.zone)
        )),
        Mute::Always => Some("muted".to_owned()),
        Mute::ButMentions => Some("muted but for mentions".to_owned()),
    };
    let pinned = marks.pinned.map(|_| "pinned".to_owned());
    let archived = marks.archived.then(|| "archived".to_owned());
    let active = active(conversation, reader);
    let all: Vec<_> = [active, pinned, archived, muted]
        .into_iter()
        .flatten()
        .collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("  [{}]", all.join(", "))
    }
}

fn last(conversation: &Conversation, reader: &Reader) -> String {
    if let Some(draft) = &conversation.marks.draft {
        return column(&format!("draft: {}", clean::line(draft)), 48)
            .trim_end()
            .to_owned();
    }
    let said = match (standing(&conversation.standing), &conversation.last) {
        (Some(standing), _) => return standing,
        (None, None) => return String::new(),
        (None, Some(entry)) => entry,
    };
    let words = match &said.what {
        What::Text(text) => format!("{}: {}", speaker(said), clean::line(text)),
        What::File(file) => format!("{}: {}", speaker(said), file_line(file)),
        what => match kinds::lines(what).and_then(|lines| lines.into_iter().next()) {
            Some(line) => format!("{}: {line}", speaker(said)),
            None => happening(said).unwrap_or_default(),
        },
    };
    let words = if words.width() > 48 {
        column(&words, 48)
    } else {
        words
    };
    format!(
        "{words}  {}",
        when::short(said.at, reader.now, &reader.zone)
    )
}

/// What keeps a conversation from being in use; `None` when it is.
pub(crate) fn standing(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Active => None,
        Standing::Creating => Some("being created".to_owned()),
        Standing::Left => Some("you are no longer in it".to_owned()),
        Standing::Failed(why) => Some(format!("could not be created: {}", clean::line(why))),
        Standing::Held(why) => Some(format!(
            "on hold until it has moved to a new place: {}",
            clean::line(why)
        )),
        Standing::Rejoining(why) => Some(format!(
            "this device asks to be let in again: {}",
            clean::line(why)
        )),
    }
}
