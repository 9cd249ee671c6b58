//! Messages by their words, and those that were starred.
//!
//! Most words are in an index (`table::search`). What has not got into it yet, and what waits to be sent, is looked through; so everything
//! that is shown is found, at any time.

use std::ops::Range;

use keyfold_wire::ids::ConversationId;

use crate::command::Complaint;
use crate::limits::{MAX_HITS, MAX_QUERY, MAX_SEARCH_WORDS, SNIPPET};
use crate::table::conversation::{self as table, Row};
use crate::table::search;
use crate::table::timeline::{self, END, EntryRow, Place, WAITING};
use crate::view::{Cursor, Entry, Found, Hit, Snippet, What};
use crate::words::Query;
use crate::{Engine, Fault};

/// Messages that are read at once where they are looked through.
const READ: usize = 1_000;

impl Cursor {
    const START: Self = Self {
        at: i64::MAX,
        place: i64::MAX,
    };
}

impl Engine {
    /// Messages that have all of these words, the newest first, at most [`MAX_HITS`] of them; of one conversation, or of all. A word is found by
    /// its beginning, without case and accents; in scripts that write no spaces, letters are found wherever they stand in a row.
    ///
    /// # Errors
    /// [`Fault`] when the database fails. A query without words, or with too many, is answered with a [`Complaint`], like a conversation that is
    /// not here.
    pub fn search(
        &self,
        words: &str,
        within: Option<ConversationId>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Result<Found, Complaint>, Fault> {
        let query = Some(words).filter(|words| words.len() <= MAX_QUERY);
        let Some(query) = query.and_then(Query::read) else {
            return Ok(Err(Complaint::Query {
                words: MAX_SEARCH_WORDS,
                bytes: MAX_QUERY,
            }));
        };
        let within = match self.scope(within)? {
            Ok(within) => within,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let limit = limit.clamp(1, MAX_HITS);
        let after = after.unwrap_or(Cursor::START);
        let mut hits = self.look_through(&query, within, after)?;
        hits.extend(self.look_up(&query, within, after, limit)?);
        // In one conversation its own order counts.
        hits.sort_by_key(|(cursor, _)| {
            let at = if within.is_some() { 0 } else { cursor.at };
            std::cmp::Reverse((at, cursor.place))
        });
        hits.dedup_by_key(|(cursor, _)| cursor.place);
        let more = hits.len() > limit;
        hits.truncate(limit);
        let last = hits.last().map(|(cursor, _)| *cursor);
        Ok(Ok(Found {
            next: last.filter(|_| more),
            hits: hits.into_iter().map(|(_, hit)| hit).collect(),
        }))
    }

    /// Messages that were starred, the newest first, at most [`MAX_HITS`] of them; of one conversation, or of all.
    ///
    /// # Errors
    /// [`Fault`] when the database fails. A conversation that is not here is answered with a [`Complaint`].
    pub fn starred(
        &self,
        within: Option<ConversationId>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Result<Found, Complaint>, Fault> {
        let within = match self.scope(within)? {
            Ok(within) => within,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let limit = limit.clamp(1, MAX_HITS);
        let after = after.unwrap_or(Cursor::START);
        let one_more = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
        let before = (after.at, after.place);
        let mut rows = timeline::starred(&self.database, within, before, one_more)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        let mut hits = Vec::new();
        for row in rows {
            if !self.is_shown(&row)? {
                continue;
            }
            let entry = self.entry(&row)?;
            let snippet = snippet(&words(&entry.what).unwrap_or_default(), Vec::new());
            hits.extend(self.hit(row.place.conversation(), entry, snippet)?);
        }
        Ok(Ok(Found { hits, next }))
    }

    fn scope(
        &self,
        within: Option<ConversationId>,
    ) -> Result<Result<Option<Row>, Complaint>, Fault> {
        let Some(id) = within else {
            return Ok(Ok(None));
        };
        let row = self.shown_row(&id)?.map(|found| found.row);
        Ok(row.map(Some).ok_or(Complaint::NoSuchConversation))
    }

    /// What the index has: one more than so many, unless there are fewer.
    fn look_up(
        &self,
        query: &Query,
        within: Option<Row>,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<(Cursor, Hit)>, Fault> {
        let words = query.for_index();
        let page = limit.saturating_add(1);
        let (mut hits, mut before) = (Vec::new(), (after.at, after.place));
        loop {
            let most = i64::try_from(page).unwrap_or(i64::MAX);
            let found = search::find(&self.database, &words, within, before, most)?;
            for (_, place) in &found {
                if let Some(row) = timeline::get(&self.database, *place)? {
                    hits.extend(self.matches(query, &row)?);
                }
            }
            // Few are not shown as they are in the index: taken back or edited by words that still wait.
            match found.last() {
                Some((at, place)) if found.len() == page && hits.len() < page => {
                    before = (*at, place.0);
                }
                _ => return Ok(hits),
            }
        }
    }

    /// What is not in the index.
    fn look_through(
        &self,
        query: &Query,
        within: Option<Row>,
        after: Cursor,
    ) -> Result<Vec<(Cursor, Hit)>, Fault> {
        let mut hits = Vec::new();
        for behind in search::behind(&self.database)? {
            let shown_in = behind.shown_in;
            if within.is_some_and(|row| row != shown_in) {
                continue;
            }
            let mut from = behind.up_to;
            loop {
                let rows = timeline::said(&self.database, shown_in, from, END, READ)?;
                for row in &rows {
                    let Some(row) = self.meant_by(row)? else {
                        continue;
                    };
                    let cursor = cursor(&row);
                    let before = if within.is_some() {
                        cursor.place < after.place
                    } else {
                        (cursor.at, cursor.place) < (after.at, after.place)
                    };
                    if before {
                        hits.extend(self.matches(query, &row)?);
                    }
                }
                match rows.last() {
                    Some(last) if rows.len() == READ => from = last.place.position(),
                    _ => break,
                }
            }
        }
        Ok(hits)
    }

    /// The message that a row is, or, for an edit that waits, the one that it edits.
    fn meant_by(&self, row: &EntryRow) -> Result<Option<EntryRow>, Fault> {
        match &row.target {
            None => Ok(Some(row.clone())),
            Some(target) if row.place.position() >= WAITING => {
                let found = timeline::find(&self.database, row.place.conversation(), target)?;
                Ok(found.filter(|one| one.target.is_none()))
            }
            Some(_) => Ok(None),
        }
    }

    fn matches(&self, query: &Query, row: &EntryRow) -> Result<Option<(Cursor, Hit)>, Fault> {
        if row.target.is_some() || !self.is_shown(row)? {
            return Ok(None);
        }
        let entry = self.entry(row)?;
        let Some(text) = words(&entry.what) else {
            return Ok(None);
        };
        let Some(marks) = query.marks(&text) else {
            return Ok(None);
        };
        let snippet = snippet(&text, marks);
        let hit = self.hit(row.place.conversation(), entry, snippet)?;
        Ok(hit.map(|hit| (cursor(row), hit)))
    }

    fn hit(&self, shown_in: Row, entry: Entry, snippet: Snippet) -> Result<Option<Hit>, Fault> {
        let found = table::get(&self.database, shown_in)?;
        Ok(found.map(|found| Hit {
            conversation: found.public_id,
            entry,
            snippet,
        }))
    }
}

fn cursor(row: &EntryRow) -> Cursor {
    let Place(place) = row.place;
    Cursor {
        at: i64::try_from(row.at.0).unwrap_or(i64::MAX),
        place,
    }
}

/// What an entry is found by.
fn words(what: &What) -> Option<String> {
    match what {
        What::Text(text) => Some(text.clone()),
        What::File(file) => Some(file.words()),
        What::Poll(poll) => Some(poll.words()),
        What::Location(place) if !place.label.is_empty() => Some(place.label.clone()),
        What::Card(card) => Some(card.words()),
        _ => None,
    }
}

/// The part of a text around the first mark.
fn snippet(text: &str, marks: Vec<Range<usize>>) -> Snippet {
    let first = marks.first().map_or(0, |mark| mark.start);
    let before = text.get(..first).unwrap_or_default();
    // A quarter of it stands before the first mark.
    let lead = before.char_indices().rev().take(SNIPPET / 4).last();
    let start = lead.map_or(first, |(at, _)| at);
    let rest = text.get(start..).unwrap_or_default();
    let shown = match rest.char_indices().nth(SNIPPET) {
        Some((end, _)) => rest.get(..end).unwrap_or_default(),
        None => rest,
    };
    let within = |mark: Range<usize>| {
        let (from, to) = (mark.start.checked_sub(start)?, mark.end.checked_sub(start)?);
        (from < shown.len()).then(|| from..to.min(shown.len()))
    };
    Snippet {
        text: shown.to_owned(),
        marks: marks.into_iter().filter_map(within).collect(),
        cut_before: start > 0,
        cut_after: shown.len() < rest.len(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::single_range_in_vec_init
    )]

    use super::*;

    #[test]
    fn a_snippet_is_as_long_as_it_may_be_and_shows_the_first_mark() {
        let whole = snippet("meet at six", vec![5..7]);
        assert_eq!(whole.text, "meet at six");
        assert_eq!((whole.cut_before, whole.cut_after), (false, false));
        let just = "é".repeat(SNIPPET);
        assert!(!snippet(&just, Vec::new()).cut_after);
        assert!(snippet(&format!("{just}é"), Vec::new()).cut_after);
        let long = format!("{just} word {just}");
        let at = long.find("word").unwrap();
        let part = snippet(&long, vec![at..at + 4, long.len() - 2..long.len()]);
        assert_eq!(part.text.chars().count(), SNIPPET);
        assert_eq!(part.marks.len(), 1, "the other is not in it");
        assert_eq!(&part.text[part.marks[0].clone()], "word");
        assert_eq!((part.cut_before, part.cut_after), (true, true));
        // A mark that is longer than the part ends with it.
        let mark = snippet(&just, vec![0..just.len()]).marks;
        assert_eq!(mark, [0..just.len()]);
        let longer = "é".repeat(SNIPPET + 1);
        let mark = snippet(&longer, vec![0..longer.len()]).marks;
        assert_eq!(mark, [0..just.len()]);
    }
}
