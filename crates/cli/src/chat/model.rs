//! What the chat screen shows: a conversation's newest entries, where the reader is in them, and how things stand.

use keyfold_client::{Link, Notice};
use keyfold_engine::Event;
use keyfold_engine::view::{Contact, Conversation, Entry, Me, Standing};
use keyfold_wire::ids::ConversationId;

use super::prompt::Prompt;
use crate::clean;
use crate::words::{self, Reader};

/// Entries on the first screen, and how many more come with each look further back.
const STEP: usize = 200;

/// Everything that the screen shows.
pub(super) struct Model {
    pub(super) conversation: ConversationId,
    /// How many of the newest entries are loaded at most.
    pub(super) limit: usize,
    pub(super) view: Option<Conversation>,
    pub(super) me: Option<Me>,
    pub(super) entries: Vec<Entry>,
    /// The first entry that was unread when the screen opened.
    pub(super) unread_from: Option<i64>,
    /// Rows between the newest one and the bottom of the screen.
    pub(super) scroll: usize,
    /// Rows above and on the screen, as last drawn.
    pub(super) rows: usize,
    /// Rows of the timeline on the screen, as last drawn.
    pub(super) height: usize,
    /// Entries that came while the reader was further back.
    pub(super) below: usize,
    /// Unread messages in other conversations.
    pub(super) elsewhere: u64,
    pub(super) link: Link,
    pub(super) prompt: Prompt,
    /// What the last action has to say.
    pub(super) hint: Option<String>,
    /// A sheet over the timeline: help, a safety number.
    pub(super) sheet: Option<Vec<String>>,
    pub(super) reader: Reader,
}

impl Model {
    pub(super) fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            limit: STEP,
            view: None,
            me: None,
            entries: Vec::new(),
            unread_from: None,
            scroll: 0,
            rows: 0,
            height: 0,
            below: 0,
            elsewhere: 0,
            link: Link::Connecting,
            prompt: Prompt::default(),
            hint: None,
            sheet: None,
            reader: Reader::here(),
        }
    }

    /// What was read anew.
    pub(super) fn show(
        &mut self,
        view: Option<Conversation>,
        entries: Vec<Entry>,
        elsewhere: u64,
        me: Option<Me>,
    ) {
        self.reader.now = keyfold_client::now();
        (self.view, self.entries, self.elsewhere, self.me) = (view, entries, elsewhere, me);
    }

    /// The screen opens: notes where the unread ones begin.
    pub(super) fn opened(&mut self) {
        let unread = self
            .view
            .as_ref()
            .map_or(0, |view| usize::try_from(view.unread).unwrap_or(usize::MAX));
        let received = self
            .entries
            .iter()
            .filter(|entry| !entry.mine && entry.id.is_some());
        self.unread_from = received
            .rev()
            .take(unread)
            .last()
            .map(|entry| entry.position);
    }

    /// Something happened. `true`: an entry came.
    pub(super) fn heard(&mut self, notice: &Notice) -> bool {
        let Notice::Event(event) = notice else {
            return false;
        };
        match event {
            Event::Arrived(at, _) if *at == self.conversation => {
                self.below += usize::from(self.scroll > 0);
                return true;
            }
            Event::ChangeFailed(at, why) | Event::SendFailed(at, _, why)
                if *at == self.conversation =>
            {
                self.say(why.to_string());
            }
            Event::ChangeDone(at) if *at == self.conversation => self.hint = None,
            _ => {}
        }
        false
    }

    pub(super) fn say(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Looks so many rows further back; `true` when older entries should be loaded.
    pub(super) fn back(&mut self, rows: usize) -> bool {
        self.scroll = (self.scroll + rows).min(self.rows.saturating_sub(self.height));
        let at_top = self.scroll + self.height >= self.rows;
        let more = at_top && self.entries.len() >= self.limit;
        if more {
            self.limit += STEP;
        }
        more
    }

    /// Looks so many rows further on.
    pub(super) fn on(&mut self, rows: usize) {
        self.scroll = self.scroll.saturating_sub(rows);
        if self.scroll == 0 {
            self.below = 0;
        }
    }

    /// Back to the newest.
    pub(super) fn newest(&mut self) {
        self.on(usize::MAX);
    }

    pub(super) fn name(&self) -> String {
        self.view
            .as_ref()
            .map(|view| clean::line(&view.name))
            .unwrap_or_default()
    }

    /// The members but oneself.
    pub(super) fn others(&self) -> Vec<&Contact> {
        let members = self.view.iter().flat_map(|view| &view.members);
        members
            .filter(|member| !member.me)
            .map(|member| &member.contact)
            .collect()
    }

    /// Who is there, in words.
    pub(super) fn people(&self) -> String {
        let Some(view) = &self.view else {
            return String::new();
        };
        if view.direct {
            let others = self.others();
            let verified = others.first().is_some_and(|contact| contact.verified);
            let verified = verified.then(|| "verified".to_owned());
            let active = words::typing(view).or_else(|| words::active(view, &self.reader));
            let all: Vec<_> = [verified, active].into_iter().flatten().collect();
            return all.join(", ");
        }
        if let Some(typing) = words::typing(view) {
            return typing;
        }
        let mut names: Vec<_> = self
            .others()
            .iter()
            .map(|contact| clean::line(&contact.handle))
            .collect();
        names.sort();
        names.push("you".to_owned());
        format!("{} people: {}", view.members.len(), names.join(", "))
    }

    /// What the strip under the timeline says; `None`: all is well.
    pub(super) fn strip(&self) -> Option<String> {
        match self.view.as_ref().map(|view| &view.standing) {
            None | Some(Standing::Active) => {}
            Some(Standing::Creating) => {
                return Some("Being created. What you write goes out after that.".to_owned());
            }
            Some(other) => return words::standing(other).map(|text| capital(&text)),
        }
        match &self.link {
            Link::Online { .. } | Link::Connecting => None,
            Link::Offline { why } => Some(format!("Offline. What you write waits here ({why}).")),
            Link::Broken { why } => Some(capital(&why.to_string())),
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
