//! `list`, `read`, `sync`: what a day consists of. Saying something is in `send`.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use keyfold_client::{Notice, Notices};
use keyfold_engine::view::{Entry, Filter, State};
use keyfold_engine::{Command, Event};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{ConversationId, Timestamp};
use serde::Serialize;

use crate::args::{FilterName, List, Pins, Read, Sync};
use crate::command::{conversation, conversation_online};
use crate::failure::Failure;
use crate::output::Output;
use crate::record::{ConversationRecord, EntryRecord};
use crate::session::{Online, Session, hopeless};
use crate::words::{self, Reader};

/// Entries read from the database at once.
const PAGE: usize = 500;

/// Entries that `--follow` prints once more when they change; what is further up nobody looks at.
const PRINTED: usize = 200;

/// Pinned messages that are listed: more than anybody looks for among them.
const MOST_PINS: usize = 100;

/// How to see them.
const REQUESTS: &str = "see them with keyfold requests";

#[derive(Serialize)]
struct Synced {
    conversations: u64,
    requests: u64,
    arrived: u64,
    sent: u64,
    failed: u64,
    waiting: u64,
}

/// Lists the conversations.
pub(super) fn list(session: &Session, args: &List) -> Result<(), Failure> {
    let profile = session.open()?;
    super::account::me(profile.engine.me()?)?;
    let conversations = profile.engine.list(args.show.into())?;
    for each in &conversations {
        if session.out.is_json() {
            session
                .out
                .show(&ConversationRecord::from(each), |_| String::new())?;
        }
    }
    session
        .out
        .say(|paint| words::table(&conversations, &Reader::here(), paint))?;
    if args.show == FilterName::All {
        return match profile.engine.list(Filter::Requests)?.len() {
            0 => Ok(()),
            1 => session.out.say(|_| format!("1 request: {REQUESTS}")),
            several => session
                .out
                .say(|_| format!("{several} requests: {REQUESTS}")),
        };
    }
    Ok(())
}

/// Prints what is pinned in a conversation.
pub(super) fn pins(session: &Session, args: &Pins) -> Result<(), Failure> {
    let profile = session.open()?;
    let id = conversation(&profile.engine, &args.conversation)?;
    let pinned = profile.engine.pinned(id, MOST_PINS)?;
    Printer::new(session.out, args.ids).print(&pinned)
}

/// Prints a conversation.
pub(super) async fn read(session: &Session, args: Read) -> Result<(), Failure> {
    if args.follow {
        return follow(session, &args).await;
    }
    let mut profile = session.open()?;
    let id = conversation(&profile.engine, &args.conversation)?;
    let mut printer = Printer::new(session.out, args.ids);
    if let Some(count) = args.last {
        printer.print(&profile.engine.timeline_last(id, count)?)?;
    } else {
        let mut after = None;
        loop {
            let page = profile.engine.timeline(id, after, PAGE)?;
            printer.print(&page)?;
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.position),
                _ => break,
            }
        }
    }
    profile.offline(Command::MarkRead { conversation: id })?;
    Ok(())
}

async fn follow(session: &Session, args: &Read) -> Result<(), Failure> {
    let mut online = session.online()?;
    let followed = tokio::select! {
        outcome = print_arrivals(&mut online, args, session.out) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    online.end().await;
    followed
}

async fn print_arrivals(online: &mut Online, args: &Read, out: Output) -> Result<(), Failure> {
    let id = conversation_online(online, &args.conversation).await?;
    let mut printer = Printer::new(out, args.ids);
    let mut place = match args.last {
        Some(count) => {
            let newest = online
                .client
                .read(move |engine| engine.timeline_last_placed(id, count + 1))
                .await?;
            newest
                .first()
                .filter(|_| newest.len() > count)
                .map(|entry| entry.position)
        }
        None => None,
    };
    loop {
        let before = place;
        place = print_settled(online, &mut printer, id, place).await?;
        if place != before {
            online
                .command(Command::MarkRead { conversation: id })
                .await?;
        }
        hopeless(&online.client.link())?;
        let woken = online
            .notices
            .until(|notice| match notice {
                Notice::Event(event) => concerns(event, id).then(|| is_amended(notice, id)),
                Notice::Link(_) | Notice::Missed => Some(is_amended(notice, id)),
                Notice::File(_) => None,
            })
            .await;
        let Some(mut amended) = woken else {
            return Ok(());
        };
        // What has come meanwhile is read together with it.
        while let Some(notice) = online.notices.ready() {
            amended |= is_amended(&notice, id);
        }
        if amended {
            print_amended(online, &mut printer, id).await?;
        }
    }
}

/// Whether something that was printed may be another thing now.
fn is_amended(notice: &Notice, id: ConversationId) -> bool {
    match notice {
        Notice::Event(Event::Amended(at, _)) => *at == id,
        Notice::Missed => true,
        _ => false,
    }
}

/// Prints what is another thing by now than when it was printed.
async fn print_amended(
    online: &Online,
    printer: &mut Printer,
    id: ConversationId,
) -> Result<(), Failure> {
    let Some((first, _)) = printer.printed.front() else {
        return Ok(());
    };
    let (after, limit) = (first - 1, printer.printed.len());
    let page = online
        .client
        .read(move |engine| engine.timeline(id, Some(after), limit))
        .await?;
    let changed: Vec<_> = page
        .into_iter()
        .filter(|entry| printer.has_changed(entry))
        .collect();
    printer.print(&changed)
}

fn concerns(event: &Event, id: ConversationId) -> bool {
    match event {
        Event::Arrived(at, _)
        | Event::Amended(at, _)
        | Event::Sent(at, _)
        | Event::Changed(at)
        | Event::Ready(at)
        | Event::Gap(at)
        | Event::Removed(at)
        | Event::SendFailed(at, ..)
        | Event::Held(at, _)
        | Event::Moved(at)
        | Event::Rejoining(at, _)
        | Event::Uploading(at, _)
        | Event::UploadFailed(at, ..)
        | Event::Back(at) => *at == id,
        _ => false,
    }
}

/// Prints what has its final place after `place`, and returns the last such place. What is still under way here gets
/// another one once it has come back, and is printed then.
async fn print_settled(
    online: &Online,
    printer: &mut Printer,
    id: ConversationId,
    place: Option<i64>,
) -> Result<Option<i64>, Failure> {
    let (mut settled, mut after) = (place, place);
    loop {
        let page = online
            .client
            .read(move |engine| engine.timeline(id, after, PAGE))
            .await?;
        let full = page.len() == PAGE;
        after = page.last().map(|entry| entry.position).or(after);
        let fresh: Vec<_> = page
            .into_iter()
            .filter(|entry| printer.is_new(entry))
            .collect();
        printer.print(&fresh)?;
        let last = fresh
            .iter()
            .filter(|entry| entry.has_its_place())
            .map(|entry| entry.position)
            .max();
        settled = settled.max(last);
        if !full {
            return Ok(settled);
        }
    }
}

/// Prints entries one after another, with a heading for each new day.
struct Printer {
    out: Output,
    reader: Reader,
    day: Option<String>,
    width: usize,
    failed: HashSet<ContentId>,
    ids: bool,
    /// What was printed last, by its place: it may be edited, taken back or reacted to.
    printed: VecDeque<(i64, EntryRecord)>,
}

impl Printer {
    fn new(out: Output, ids: bool) -> Self {
        Self {
            out,
            reader: Reader::here(),
            day: None,
            width: 3,
            failed: HashSet::new(),
            ids,
            printed: VecDeque::new(),
        }
    }

    fn has_changed(&self, entry: &Entry) -> bool {
        let mut printed = self.printed.iter();
        let before = printed.find(|(place, _)| *place == entry.position);
        // That its time has begun, and how far it has come at others, is shown when it is read again.
        before.is_some_and(|(_, record)| {
            let now = EntryRecord {
                disappears_at: record.disappears_at.clone(),
                receipt: record.receipt,
                ..EntryRecord::from(entry)
            };
            *record != now
        })
    }

    fn notes(&mut self, place: i64, record: EntryRecord) {
        let known = self.printed.iter_mut().find(|(other, _)| *other == place);
        if let Some((_, before)) = known {
            *before = record;
            return;
        }
        self.printed.push_back((place, record));
        if self.printed.len() > PRINTED {
            self.printed.pop_front();
        }
    }

    /// While following: what waits is printed when it has its place; what failed, once.
    fn is_new(&mut self, entry: &Entry) -> bool {
        match (entry.state, entry.id) {
            (State::Failed, Some(id)) => self.failed.insert(id),
            _ => entry.has_its_place(),
        }
    }

    fn print(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        self.width = self.width.max(words::name_width(entries));
        for entry in entries {
            self.heading(entry.at)?;
            let (width, ids) = (self.width, self.ids);
            let record = EntryRecord::from(entry);
            self.out.show(&record, |paint| {
                let words = words::entry(entry, width, &self.reader, paint);
                if ids {
                    words::beside_id(record.id.as_deref(), &words, paint)
                } else {
                    words
                }
            })?;
            if entry.has_its_place() {
                self.notes(entry.position, record);
            }
        }
        Ok(())
    }

    fn heading(&mut self, at: Timestamp) -> Result<(), Failure> {
        let day = crate::when::day(at, self.reader.now, &self.reader.zone);
        if self.day.as_ref() != Some(&day) {
            self.out.say(|paint| words::day(at, &self.reader, paint))?;
            self.day = Some(day);
        }
        Ok(())
    }
}

/// Fetches, opens and sends all that waits.
pub(super) async fn sync(session: &Session, args: Sync) -> Result<(), Failure> {
    let profile = session.open()?;
    super::account::me(profile.engine.me()?)?;
    let mut online = Online::new(profile, session.out)?;
    let counting = tokio::spawn(count(online.client.subscribe()));
    let settled = online.settle(Duration::from_secs(args.wait)).await;
    let waiting = online.client.read(keyfold_engine::Engine::waiting).await?;
    online.end().await;
    let counted = counting.await.unwrap_or_default();
    let record = Synced {
        conversations: counted.conversations,
        requests: counted.requests,
        arrived: counted.arrived,
        sent: counted.sent,
        failed: counted.failed,
        waiting,
    };
    session.out.show(&record, |_| sentence(&record))?;
    settled
}

#[derive(Default)]
struct Counted {
    conversations: u64,
    requests: u64,
    arrived: u64,
    sent: u64,
    failed: u64,
}

async fn count(mut notices: Notices) -> Counted {
    let mut counted = Counted::default();
    while let Some(notice) = notices.next().await {
        match notice {
            Notice::Event(Event::Ready(_)) => counted.conversations += 1,
            Notice::Event(Event::Requested(_)) => counted.requests += 1,
            Notice::Event(Event::Arrived(..)) => counted.arrived += 1,
            Notice::Event(Event::Sent(..)) => counted.sent += 1,
            Notice::Event(Event::SendFailed(..)) => counted.failed += 1,
            _ => {}
        }
    }
    counted
}

fn sentence(synced: &Synced) -> String {
    let mut parts = match synced.conversations {
        0 => Vec::new(),
        1 => vec!["1 new conversation".to_owned()],
        several => vec![format!("{several} new conversations")],
    };
    match synced.requests {
        0 => {}
        1 => parts.push("1 request".to_owned()),
        several => parts.push(format!("{several} requests")),
    }
    for (count, what) in [
        (synced.arrived, "arrived"),
        (synced.sent, "sent"),
        (synced.failed, "could not be sent"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if synced.waiting > 0 {
        parts.push(format!("{} still waiting", synced.waiting));
    }
    if parts.is_empty() {
        "nothing new".to_owned()
    } else {
        parts.join(", ")
    }
}
