//! What a person opens first: the last page of a long conversation, the list of conversations, what a search finds, each against its bare SQL.
//!
//! Both sides read the same encrypted file, each for the first time after it was opened.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use keyfold_engine::store::{self, Durability, Place, StoreKey};
use keyfold_engine::view::Filter;
use keyfold_engine::{Engine, Input};
use keyfold_protocol::content::{self, Author};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationId, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rusqlite::types::Value;
use rusqlite::{Connection, Params};

use crate::bare::{NOW, told};
use crate::hall::{Hall, Plan};
use crate::measure::{Clock, Samples, micros};
use crate::report::Row;

const MESSAGES: usize = 100_000;
const CONVERSATIONS: usize = 1_000;

/// Entries of a page, and hits of one.
const PAGE: usize = 50;

/// Words that people use, and how many make a message.
const WORDS: usize = 5_000;
const LENGTH: usize = 20;

/// How often each is read, on both sides.
const ROUNDS: usize = 25;

/// Reading may cost this much more than its SQL.
const TARGET: f64 = 2.0;

/// The engine's database, to be opened again and again.
struct Files {
    path: PathBuf,
    conversation: ConversationId,
}

impl Files {
    fn engine(&self) -> Result<Engine> {
        let key = StoreKey::new([7; 32]);
        told(Engine::open(
            Place::File(&self.path),
            Some(&key),
            Durability::Full,
        ))
    }

    fn bare(&self) -> Result<Connection> {
        let key = StoreKey::new([7; 32]);
        told(store::open(
            Place::File(&self.path),
            Some(&key),
            Durability::Full,
        ))
    }
}

/// The rows of this measurement.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Row>> {
    eprintln!("reading: {MESSAGES} messages");
    let place = tempfile::tempdir_in(folder)?;
    let files = fill(place.path())?;
    let mut rows = vec![index(&files)?];
    rows.push(side_by_side(
        &format!("the last page of a conversation of {MESSAGES} messages"),
        &files,
        |engine| Ok(told(engine.timeline_last(files.conversation, PAGE))?.len()),
        |bare| {
            let sql =
                "SELECT * FROM timeline WHERE id >= 1 << 40 AND id < 2 << 40 AND target IS NULL
                       ORDER BY id DESC LIMIT ?1";
            all(bare, sql, [PAGE])
        },
    )?);
    rows.push(side_by_side(
        &format!("the list of {CONVERSATIONS} conversations"),
        &files,
        |engine| Ok(told(engine.list(Filter::All))?.len()),
        |bare| {
            let listed = all(
                bare,
                "SELECT c.*, t.* FROM conversation c LEFT JOIN timeline t ON t.id =
                   (SELECT max(id) FROM timeline WHERE id >= c.id << 40 AND id < (c.id + 1) << 40 AND target IS NULL)
                 WHERE c.shown_in = c.id ORDER BY t.at DESC",
                (),
            )?;
            let members = "SELECT * FROM member m JOIN contact c ON c.account = m.account";
            all(bare, members, ())?;
            Ok(listed)
        },
    )?);
    for (what, rank) in [("a word of few", 1_500), ("a word of many", 20)] {
        let query = word(rank);
        rows.push(side_by_side(
            &format!("search over {MESSAGES} messages, {what}"),
            &files,
            |engine| {
                let found = told(engine.search(&query, None, None, PAGE))?;
                Ok(told(found)?.hits.len())
            },
            |bare| {
                let sql = "SELECT t.* FROM search JOIN timeline t ON t.id = search.rowid
                           WHERE search MATCH ?1 ORDER BY t.at DESC, t.id DESC LIMIT ?2";
                all(bare, sql, (format!("\"{query}\"*"), PAGE))
            },
        )?);
    }
    Ok(rows)
}

fn side_by_side(
    what: &str,
    files: &Files,
    ours: impl Fn(&Engine) -> Result<usize>,
    sql: impl Fn(&Connection) -> Result<usize>,
) -> Result<Row> {
    let (mut one, mut other) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let engine = files.engine()?;
        let (read, time) = Clock::Wall.time(|| ours(&engine));
        let read = read?;
        one.push(time);
        drop(engine);
        let bare = files.bare()?;
        let (rows, time) = Clock::Wall.time(|| sql(&bare));
        let rows = rows?;
        other.push(time);
        ensure!(read == rows && read > 0, "{what}: {read} and {rows}");
    }
    let (ours, bare) = (one.median() / 1e3, other.median() / 1e3);
    let detail = format!("{ours:.2} ms; bare SQL {bare:.2} ms");
    Ok(Row::ratio(what, TARGET, ours / bare, detail))
}

/// Reads all columns of all rows.
fn all(bare: &Connection, sql: &str, with: impl Params) -> Result<usize> {
    let mut statement = bare.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(with)?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            std::hint::black_box(row.get::<_, Value>(column)?);
        }
        count += 1;
    }
    Ok(count)
}

/// An account with conversations whose timelines were written by hand: through MLS it would take hours.
fn fill(folder: &Path) -> Result<Files> {
    let hall = Hall::open(&Plan {
        folder,
        suite: Suite::Hybrid,
        members: 2,
        engines: 1,
        durability: Durability::Full,
    })?;
    let conversation = hall.conversation;
    let ada = hall.engines.first().context("no engine")?;
    let me = told(ada.engine.me())?.context("no account")?;
    let shown = told(ada.engine.conversation(conversation))?.context("no conversation")?;
    let other = shown.members.iter().find(|member| !member.me);
    let author = Author {
        account: other.context("nobody else")?.contact.account,
        device: me.device,
        conversation,
    };
    drop(hall);
    let mut databases = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "db"));
    let path = databases.next().context("no database")?;
    let files = Files { path, conversation };
    let bare = files.bare()?;
    bare.execute_batch("BEGIN")?;
    let mut rng = StdRng::seed_from_u64(11);
    bare.execute("DELETE FROM timeline", ())?;
    for number in 0..MESSAGES {
        write(&bare, 1, number, &author, &mut rng)?;
    }
    for row in 2..=CONVERSATIONS {
        bare.execute_batch("CREATE TEMP TABLE one AS SELECT * FROM conversation WHERE id = 1")?;
        bare.execute(
            "UPDATE one SET id = ?1, shown_in = ?1, public_id = randomblob(16), peer = NULL, next = 2",
            [row],
        )?;
        bare.execute_batch("INSERT INTO conversation SELECT * FROM one; DROP TABLE one")?;
        bare.execute(
            "INSERT INTO member SELECT ?1, account, role, devices FROM member WHERE conversation = 1",
            [row],
        )?;
        write(&bare, row, 0, &author, &mut rng)?;
    }
    bare.execute(
        "UPDATE conversation SET next = ?1 WHERE id = 1",
        [MESSAGES + 1],
    )?;
    bare.execute_batch("DELETE FROM searched; COMMIT")?;
    told(store::erase(&bare))?;
    Ok(files)
}

fn write(
    bare: &Connection,
    row: usize,
    number: usize,
    author: &Author,
    rng: &mut StdRng,
) -> Result<()> {
    let text = sentence(rng);
    let counter = u64::try_from(number)? + 1;
    let composed = told(content::text(author, counter, &text, rng))?;
    let place = (i64::try_from(row)? << 40) + i64::try_from(number)? + 1;
    let at = i64::try_from(NOW.0)? + i64::try_from(number)? * 1_000;
    let mut insert = bare.prepare_cached(
        "INSERT INTO timeline (id, origin, content_id, sender, mine, kind, body, at, state)
         VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, 3)",
    )?;
    insert.execute((
        place,
        row,
        composed.id.as_ref(),
        author.account.as_ref(),
        composed.encoded,
        at,
    ))?;
    Ok(())
}

/// Words of which few are said often, and many seldom.
fn sentence(rng: &mut StdRng) -> String {
    let mut words = Vec::new();
    for _ in 0..LENGTH {
        let seldom = rng.random_range(1..=WORDS);
        words.push(word(rng.random_range(0..seldom)));
    }
    words.join(" ")
}

/// The word of this rank.
fn word(rank: usize) -> String {
    let letter = |number: usize| char::from(b"bcdfghjklmnprstvwz"[number % 18]);
    let sound = |number: usize| char::from(b"aeiou"[number % 5]);
    // Of one length: none is the beginning of another.
    let syllables = [rank % 90, rank / 90 % 90, (rank * 7 + 3) % 90];
    let syllables = syllables.map(|number| [letter(number), sound(number / 18)]);
    syllables.as_flattened().iter().collect()
}

/// All of it gets into the index, as after an update from a version without one.
fn index(files: &Files) -> Result<Row> {
    let mut engine = files.engine()?;
    let mut rng = StdRng::seed_from_u64(12);
    let (mut now, mut steps) = (NOW, Samples::default());
    let mut longest = 0.0_f64;
    for _ in 0..MESSAGES {
        let due = engine.deadline().context("nothing is scheduled")?;
        if steps.median() > 0.0 && due > now.after(std::time::Duration::from_secs(5)) {
            break;
        }
        now = Timestamp(now.0.max(due.0));
        let (outcome, time) = Clock::Wall.time(|| engine.apply(Input::Tick, now, &mut rng));
        told(outcome)?;
        longest = longest.max(micros(time));
        steps.push(time);
    }
    drop(engine);
    let bare = files.bare()?;
    let sql = "SELECT 1 FROM conversation c LEFT JOIN searched s ON s.conversation = c.id
               WHERE coalesce(s.up_to, 0) < c.next - 1";
    ensure!(all(&bare, sql, ())? == 0, "not all is in the index");
    let text = "SELECT sum(length(body)) FROM timeline";
    let text: i64 = bare.query_row(text, (), |row| row.get(0))?;
    let words = "SELECT sum(length(block)) FROM search_data";
    let words: i64 = bare.query_row(words, (), |row| row.get(0))?;
    Ok(Row::told(
        format!("indexing {MESSAGES} messages of {LENGTH} words that are there already"),
        format!("{:.1} s", steps.total() / 1e6),
        format!(
            "the longest step {:.0} ms; messages {:.1} MB, index {:.1} MB",
            longest / 1e3,
            text as f64 / 1e6,
            words as f64 / 1e6
        ),
    ))
}
