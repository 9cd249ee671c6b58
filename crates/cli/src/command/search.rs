//! `search` and `starred`: messages of all conversations, the newest first. Both work offline.

use keyfold_engine::limits::MAX_HITS;
use keyfold_engine::view::{Cursor, Found, Hit};
use keyfold_engine::{Complaint, Engine, Fault};
use keyfold_wire::ids::ConversationId;
use serde::Serialize;

use super::conversation;
use crate::args::{Search, Within};
use crate::clean;
use crate::failure::Failure;
use crate::output::Paint;
use crate::record::EntryRecord;
use crate::session::Session;
use crate::when;
use crate::words::{self, Reader};

#[derive(Serialize)]
struct HitRecord {
    conversation: String,
    name: String,
    #[serde(flatten)]
    entry: EntryRecord,
    snippet: String,
    marks: Vec<[usize; 2]>,
}

/// Prints messages by their words.
pub(super) fn search(session: &Session, args: &Search) -> Result<(), Failure> {
    let words = args.words.join(" ");
    print(session, &args.within, |engine, within, after, limit| {
        engine.search(&words, within, after, limit)
    })
}

/// Prints messages that were starred.
pub(super) fn starred(session: &Session, args: &Within) -> Result<(), Failure> {
    print(session, args, Engine::starred)
}

fn print(
    session: &Session,
    args: &Within,
    page: impl Fn(
        &Engine,
        Option<ConversationId>,
        Option<Cursor>,
        usize,
    ) -> Result<Result<Found, Complaint>, Fault>,
) -> Result<(), Failure> {
    let profile = session.open()?;
    let engine = &profile.engine;
    let within = args.conversation.as_deref();
    let within = within
        .map(|words| conversation(engine, words))
        .transpose()?;
    let reader = Reader::here();
    let (mut left, mut after) = (args.last, None);
    while left > 0 {
        let found = page(engine, within, after, left.min(MAX_HITS))?;
        let found = found.map_err(keyfold_client::ClientError::Complaint)?;
        for hit in &found.hits {
            show(session, engine, hit, &reader)?;
        }
        left = left.saturating_sub(found.hits.len());
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

fn show(session: &Session, engine: &Engine, hit: &Hit, reader: &Reader) -> Result<(), Failure> {
    let name = engine.conversation(hit.conversation)?;
    let name = name.map(|found| found.name).unwrap_or_default();
    let record = HitRecord {
        conversation: hit.conversation.to_string(),
        name,
        entry: EntryRecord::from(&hit.entry),
        snippet: hit.snippet.text.clone(),
        marks: hit
            .snippet
            .marks
            .iter()
            .map(|mark| [mark.start, mark.end])
            .collect(),
    };
    session.out.show(&record, |paint| {
        let at = when::short(hit.entry.at, reader.now, &reader.zone);
        let line = format!(
            "{}  {}  {}: {}",
            paint.dim(&at),
            clean::line(&record.name),
            words::speaker(&hit.entry),
            snippet(hit, paint)
        );
        words::beside_id(record.entry.id.as_deref(), &line, paint)
    })
}

/// The part of the text, what was looked for in bold.
fn snippet(hit: &Hit, paint: Paint) -> String {
    let snippet = &hit.snippet;
    let part = |from: usize, to: usize| {
        let part = snippet.text.get(from..to).unwrap_or_default();
        clean::line(part)
    };
    let mut line = String::new();
    if snippet.cut_before {
        line.push('…');
    }
    let mut from = 0;
    for mark in &snippet.marks {
        line.push_str(&part(from, mark.start));
        line.push_str(&paint.bold(&part(mark.start, mark.end)));
        from = mark.end;
    }
    line.push_str(&part(from, snippet.text.len()));
    if snippet.cut_after {
        line.push('…');
    }
    line
}
