//! Keeps the index of words in step with the timelines.
//!
//! Of every message up to the position that `searched` notes, the index has the words of what it says by the last edit that has its place; of
//! nothing else has it any. What is behind gets in by and by, many at once (`limits::INDEX_AFTER`), and is looked through one by one until then:
//! so a message costs nothing here when it comes, and a database of an earlier version is indexed while it is used.

use keyfold_protocol::content::{Body, ContentId, File};
use keyfold_protocol::file::FileName;
use rusqlite::Connection;

use super::Step;
use crate::Fault;
use crate::limits::{INDEX_AFTER, INDEX_AGAIN, INDEX_AT_ONCE};
use crate::table::conversation::Row;
use crate::table::search;
use crate::table::setting::{self, Setting};
use crate::table::timeline::{self, EntryRow, Place, WAITING};
use crate::words;

impl Step<'_> {
    /// Something has come that is not in the index.
    pub(super) fn index_soon(&mut self) {
        if self.session.index.due.is_none() {
            let due = self.now.after(INDEX_AFTER);
            self.session.index.due = Some(due);
            self.wake(due);
        }
    }

    /// Puts some of what is behind into the index, if that is due.
    pub(super) fn index_some(&mut self) -> Result<(), Fault> {
        if self.session.index.due.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        self.session.index.due = None;
        self.keep_rules()?;
        self.write_rows()?;
        let mut room = INDEX_AT_ONCE;
        for behind in search::behind(self.tx)? {
            if behind.last <= behind.up_to {
                continue;
            }
            if room == 0 {
                self.session.index.due = Some(self.now.after(INDEX_AGAIN));
                break;
            }
            let shown_in = behind.shown_in;
            let entries = timeline::said(self.tx, shown_in, behind.up_to, WAITING, room)?;
            for entry in &entries {
                if let Some(words) = words_of(self.tx, entry)? {
                    search::insert(self.tx, entry.place, &words)?;
                }
            }
            room = room.saturating_sub(entries.len());
            let up_to = match entries.last() {
                Some(last) if room == 0 => last.place.position(),
                _ => behind.last,
            };
            search::reached(self.tx, shown_in, up_to)?;
            if up_to < behind.last {
                self.session.index.due = Some(self.now.after(INDEX_AGAIN));
            }
        }
        Ok(())
    }

    /// What a message says is about to change, or to go: its words are taken out of the index until [`Step::reindex`].
    pub(super) fn unindex(&mut self, place: Place) -> Result<(), Fault> {
        let up_to = search::up_to(self.tx, place.conversation())?;
        if place.position() > up_to || self.unindexed.contains(&place) {
            return Ok(());
        }
        self.keep_rules()?;
        if let Some(entry) = timeline::get(self.tx, place)?
            && let Some(words) = words_of(self.tx, &entry)?
        {
            search::delete(self.tx, place, &words)?;
        }
        self.unindexed.insert(place);
        Ok(())
    }

    /// The same of the message with this id, where it is here.
    pub(super) fn unindex_message(&mut self, shown_in: Row, id: &ContentId) -> Result<(), Fault> {
        match timeline::find(self.tx, shown_in, id)? {
            Some(found) => self.unindex(found.place),
            None => Ok(()),
        }
    }

    /// What was taken out and is still there is put back, with the words of what it says now.
    pub(super) fn reindex(&mut self) -> Result<(), Fault> {
        while let Some(place) = self.unindexed.pop_first() {
            let up_to = search::up_to(self.tx, place.conversation())?;
            if place.position() <= up_to
                && let Some(entry) = timeline::get(self.tx, place)?
                && let Some(words) = words_of(self.tx, &entry)?
            {
                search::insert(self.tx, place, &words)?;
            }
        }
        Ok(())
    }

    /// Empties the index; it is made anew.
    pub(super) fn index_anew(&mut self) -> Result<(), Fault> {
        search::delete_all(self.tx)?;
        self.index_soon();
        Ok(())
    }

    /// An index that was made by other rules than those of this program can't be kept up: nothing that is taken out of it would be found in it.
    fn keep_rules(&mut self) -> Result<(), Fault> {
        if self.session.index.is_ours {
            return Ok(());
        }
        let (letters, forms) = (
            char::UNICODE_VERSION,
            unicode_normalization::UNICODE_VERSION,
        );
        let rules = [
            words::RULES,
            letters.0,
            letters.1,
            letters.2,
            forms.0,
            forms.1,
            forms.2,
        ];
        let known = setting::get(self.tx, Setting::SearchRules)?;
        if known.is_none_or(|known| known.as_slice() != rules) {
            self.index_anew()?;
            setting::put(self.tx, Setting::SearchRules, &rules)?;
        }
        self.session.index.is_ours = true;
        Ok(())
    }
}

/// The words by which a message is in the index.
fn words_of(tx: &Connection, entry: &EntryRow) -> Result<Option<String>, Fault> {
    let body = entry.says().map(|kept| kept.body);
    // Nothing else shows another text in its place.
    let may_be_edited = matches!(body, Some(Body::Text(_)));
    let said = match body {
        Some(Body::Text(text)) => text.text,
        Some(Body::File(file)) => words_of_file(&file),
        Some(Body::Poll(poll)) => poll.words(),
        Some(Body::Location(location)) => location.label.to_string(),
        Some(Body::Card(card)) => format!("{}\n{}", card.handle, card.name),
        _ => return Ok(None),
    };
    let (None, Some(id)) = (entry.target, &entry.content_id) else {
        return Ok(None);
    };
    let about = timeline::about(tx, entry.place.conversation(), id)?;
    let placed = about.iter().rev();
    let mut placed = placed.filter(|one| one.place.position() < WAITING);
    let edited = placed.find_map(|one| one.edits(entry).filter(|_| may_be_edited));
    let text = edited.map_or(said, |edited| edited.text);
    let words = words::of(&words::without_accounts(&text));
    Ok((!words.is_empty()).then_some(words))
}

/// What a file is called, and what is said about it.
fn words_of_file(file: &File) -> String {
    let name = file.attachment.name.as_ref().map(FileName::as_str);
    let caption = file.caption.as_ref().map(|text| text.text.as_str());
    let words: Vec<&str> = name.into_iter().chain(caption).collect();
    words.join("\n")
}
