//! What keys and `/commands` mean.

use keyfold_engine::view::Contact;
use keyfold_wire::ids::AccountId;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Model;
use crate::clean;
use crate::command::safety_number;

/// What the reader wants.
pub(super) enum Wish {
    Nothing,
    Quit,
    /// Older entries.
    More,
    Do(Act),
}

/// What needs the engine.
pub(super) enum Act {
    Say(String),
    Add(Vec<String>),
    Remove(Vec<String>),
    Leave,
    Mark(AccountId),
    Accept,
}

const HELP: [&str; 16] = [
    "Enter            send",
    "Alt+Enter        new line",
    "PgUp, PgDn       look back, look on",
    "Ctrl+End         to the newest",
    "Ctrl+U, Ctrl+W   cut the line, the word",
    "Ctrl+C           quit",
    "",
    "/add HANDLE...      add people",
    "/remove HANDLE...   remove people",
    "/leave              leave the group",
    "/verify [HANDLE]    the safety number to compare",
    "/mark HANDLE        you have compared it",
    "/accept             take what a stranger has begun",
    "/quit               close",
    "",
    "A line that begins with // is sent with one /.",
];

/// What a key, a paste or another size of the terminal means.
pub(super) fn understand(model: &mut Model, event: Event) -> Wish {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(model, key),
        Event::Paste(text) => {
            model.prompt.insert(&text);
            Wish::Nothing
        }
        _ => Wish::Nothing,
    }
}

fn pressed(model: &mut Model, key: KeyEvent) -> Wish {
    model.hint = None;
    if key.code == KeyCode::Esc {
        model.sheet = None;
        return Wish::Nothing;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return with_control(model, key.code);
    }
    match key.code {
        KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => model.prompt.insert("\n"),
        KeyCode::Enter => return entered(model),
        KeyCode::PageUp => return back(model, model.height.saturating_sub(2).max(1)),
        KeyCode::PageDown => model.on(model.height.saturating_sub(2).max(1)),
        KeyCode::Up => return back(model, 1),
        KeyCode::Down => model.on(1),
        _ => edit(model, key),
    }
    Wish::Nothing
}

fn with_control(model: &mut Model, code: KeyCode) -> Wish {
    match code {
        KeyCode::Char('c' | 'q') => return Wish::Quit,
        KeyCode::Char('d') if model.prompt.is_empty() => return Wish::Quit,
        KeyCode::Char('d') => model.prompt.delete(),
        KeyCode::Char('a') => model.prompt.home(),
        KeyCode::Char('e') => model.prompt.end(),
        KeyCode::Char('u') => model.prompt.cut_before(),
        KeyCode::Char('k') => model.prompt.cut_after(),
        KeyCode::Char('w') | KeyCode::Backspace => model.prompt.cut_word(),
        KeyCode::Char('j') => model.prompt.insert("\n"),
        KeyCode::End => model.newest(),
        KeyCode::Home => return back(model, usize::MAX / 2),
        _ => {}
    }
    Wish::Nothing
}

fn edit(model: &mut Model, key: KeyEvent) {
    let prompt = &mut model.prompt;
    match key.code {
        KeyCode::Char(c) => prompt.insert(c.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace => prompt.backspace(),
        KeyCode::Delete => prompt.delete(),
        KeyCode::Left => prompt.left(),
        KeyCode::Right => prompt.right(),
        KeyCode::Home => prompt.home(),
        KeyCode::End => prompt.end(),
        _ => {}
    }
}

fn back(model: &mut Model, rows: usize) -> Wish {
    if model.back(rows) {
        Wish::More
    } else {
        Wish::Nothing
    }
}

/// Enter: a command, or a message.
fn entered(model: &mut Model) -> Wish {
    if model.sheet.take().is_some() && model.prompt.is_empty() {
        return Wish::Nothing;
    }
    let text = model.prompt.take();
    let text = text.trim_end();
    if text.is_empty() {
        return Wish::Nothing;
    }
    if let Some(command) = text.strip_prefix('/')
        && !command.starts_with('/')
    {
        return command_of(model, command);
    }
    model.newest();
    Wish::Do(Act::Say(text.strip_prefix('/').unwrap_or(text).to_owned()))
}

fn command_of(model: &mut Model, command: &str) -> Wish {
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    let people: Vec<String> = words.map(str::to_owned).collect();
    match (name, people.as_slice()) {
        ("quit" | "q", _) => return Wish::Quit,
        ("add" | "remove", []) => model.say(format!("/{name} needs a handle, as in /{name} bo")),
        ("add", _) => return Wish::Do(Act::Add(people)),
        ("remove", _) => return Wish::Do(Act::Remove(people)),
        ("accept", _) => return Wish::Do(Act::Accept),
        ("leave", _) => return Wish::Do(Act::Leave),
        ("verify", whom) => verify(model, whom.first().map(String::as_str)),
        ("mark", [handle]) => {
            let found = model
                .others()
                .into_iter()
                .find(|contact| contact.handle == *handle)
                .map(|them| them.account);
            match found {
                Some(account) => return Wish::Do(Act::Mark(account)),
                None => model.say(format!("{handle} is not in this conversation")),
            }
        }
        ("help" | "?", _) => model.sheet = Some(HELP.map(str::to_owned).to_vec()),
        _ => model.say(format!("There is no /{name}. /help shows what there is.")),
    }
    Wish::Nothing
}

/// Shows the safety number with the only other member, or with the one that is named.
fn verify(model: &mut Model, handle: Option<&str>) {
    let others = model.others();
    let found = match handle {
        Some(handle) => others.into_iter().find(|contact| contact.handle == handle),
        None => others.first().copied().filter(|_| others.len() == 1),
    };
    match (found.cloned(), &model.me) {
        (Some(contact), Some(me)) => {
            let number = safety_number(me, &contact).to_string();
            model.sheet = Some(safety_sheet(&contact, &number));
        }
        _ => model.say("Name one of them, as in /verify bo"),
    }
}

fn safety_sheet(contact: &Contact, number: &str) -> Vec<String> {
    let handle = clean::line(&contact.handle);
    let groups: Vec<_> = number.split(' ').collect();
    let mut sheet = vec![format!("Safety number of you and {handle}"), String::new()];
    sheet.extend(groups.chunks(4).map(|row| row.join("  ")));
    sheet.push(String::new());
    sheet.push(if contact.verified {
        "You have compared it.".to_owned()
    } else {
        format!("Compare it with what {handle} sees. The same? /mark {handle}")
    });
    sheet
}
