//! Forward secrecy and recovery, measured: how many recorded messages does a stolen state open?
//!
//! The thief has a copy of a device's whole state at one moment, every ciphertext that the server pushed before and after, and
//! keeps to no rules. Each bound comes with its control: what lies inside of it does open.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyfold_engine::limits::{ERASE_AFTER, KEY_PACKAGE_RETENTION, PAST_SLACK};
use keyfold_engine::{Command, Input};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::EPOCH_GRACE;
use keyfold_wire::v1;
use town::copied::Copied;
use town::person::copy_database;
use town::{Town, Who};

fn recorded(town: &Town, who: Who) -> Vec<v1::Item> {
    town.people[who.0].recorded.clone()
}

/// What the thief opens, of messages whose text begins so.
fn opened(thief: &mut Copied, recorded: &[v1::Item], beginning: &str) -> Vec<String> {
    let mut texts = thief.opens(recorded);
    texts.retain(|text| text.starts_with(beginning));
    texts
}

fn says(town: &mut Town, who: Who, conversation: ConversationId, word: &str, count: usize) {
    for number in 0..count {
        town.says(who, conversation, &format!("{word} {number:02}"));
        town.settles();
    }
}

fn log(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// The database as it was after each transaction that is still in the write-ahead log.
fn earlier_states(file: &Path, folder: &Path) -> Vec<PathBuf> {
    let log_bytes = std::fs::read(log(file)).unwrap_or_default();
    if log_bytes.len() < 32 {
        return Vec::new();
    }
    let page = u32::from_be_bytes(log_bytes[8..12].try_into().unwrap()) as usize;
    let frames = log_bytes[32..].chunks_exact(24 + page);
    // Without the log: as of the last time that it was emptied.
    let mut states = vec![folder.join("state.db")];
    std::fs::copy(file, &states[0]).unwrap();
    for (number, frame) in frames.enumerate() {
        let ends_transaction = frame[4..8] != [0; 4];
        if ends_transaction {
            let state = folder.join(format!("state-{number}.db"));
            std::fs::copy(file, &state).unwrap();
            let end = 32 + (number + 1) * (24 + page);
            std::fs::write(log(&state), &log_bytes[..end]).unwrap();
            states.push(state);
        }
    }
    states
}

#[test]
fn used_keys_are_gone_from_database_and_log_after_the_bound() {
    let mut town = Town::on_disk(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.passes(Duration::from_mins(10));
    says(&mut town, ada, talk, "used", 6);
    says(&mut town, bo, talk, "used by bo", 3);
    let items = recorded(&town, bo);
    let file = town.people[bo.0].file.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();

    // Control: until the bound, states in the log still open what has just been read.
    let states = earlier_states(&file, folder.path());
    assert!(!states.is_empty());
    let most = states
        .iter()
        .map(|state| opened(&mut Copied::of_file(state), &items, "used").len())
        .max()
        .unwrap();
    assert_eq!(most, 6, "ada's messages, from before they were read");
    // The state itself opens none of them.
    let mut thief = Copied::of(&town.people[bo.0]);
    assert!(opened(&mut thief, &items, "used").is_empty());

    town.passes(ERASE_AFTER + Duration::from_secs(1));
    let again = tempfile::tempdir().unwrap();
    for state in earlier_states(&file, again.path()) {
        assert!(opened(&mut Copied::of_file(&state), &items, "used").is_empty());
    }
    let mut thief = Copied::of(&town.people[bo.0]);
    assert!(opened(&mut thief, &items, "used").is_empty());
}

#[test]
fn a_used_secret_is_nowhere_in_the_files_after_the_bound() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.passes(Duration::from_mins(10));
    town.says(ada, talk, "a plaintext to look for");
    town.settles();
    let file = town.people[bo.0].file.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let whole = |file: &Path| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes.extend(std::fs::read(log(file)).unwrap_or_default());
        bytes
    };
    let contains =
        |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    // The ratchet state from before the message was opened, as MLS wrote it.
    let before = earlier_states(&file, folder.path());
    let secrets = |state: &Path| -> Vec<Vec<u8>> {
        let copy = Copied::of_file(state);
        let mut rows = copy.database.prepare("SELECT value FROM mls").unwrap();
        let rows = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        rows.map(Result::unwrap)
            .filter(|value| value.len() > 64)
            .collect()
    };
    let now = secrets(&file);
    let used: Vec<Vec<u8>> = before
        .iter()
        .flat_map(|state| secrets(state))
        .filter(|value| !now.contains(value))
        .map(|value| differing_part(&value, &now))
        .collect();
    assert!(!used.is_empty());
    let bytes = whole(&file);
    assert!(
        contains(&bytes, b"a plaintext to look for"),
        "the control word"
    );
    assert!(
        used.iter().any(|secret| contains(&bytes, secret)),
        "before the bound the log still has it"
    );
    town.passes(ERASE_AFTER + Duration::from_secs(1));
    let bytes = whole(&file);
    assert!(
        contains(&bytes, b"a plaintext to look for"),
        "the control word"
    );
    for secret in &used {
        assert!(!contains(&bytes, secret), "a used secret is left");
    }
}

/// 24 bytes of a value that no present value has at that place.
fn differing_part(value: &[u8], now: &[Vec<u8>]) -> Vec<u8> {
    let nearest = now
        .iter()
        .min_by_key(|other| other.len().abs_diff(value.len()))
        .unwrap();
    let first = value
        .iter()
        .zip(nearest)
        .position(|(one, other)| one != other)
        .unwrap_or(value.len() - 24);
    let first = first.min(value.len() - 24);
    value[first..first + 24].to_vec()
}

/// Ada says four things that the server withholds from bo, and cy ends the epoch. A thief has them from elsewhere.
fn ends_epoch_withheld(town: &mut Town, [ada, bo, cy]: [Who; 3], group: ConversationId) {
    town.people[bo.0].bends_item = Some(Box::new(|item| {
        if let Some(v1::item::Content::Message(message)) = &mut item.content
            && message.commit.is_none()
        {
            message.body = bytes::Bytes::from_static(b"withheld");
        }
    }));
    says(town, ada, group, "withheld", 4);
    town.does(
        cy,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
}

#[test]
fn the_past_epoch_is_closed_after_its_grace_also_for_what_never_arrived() {
    let mut town = Town::on_disk(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(Duration::from_mins(10));
    ends_epoch_withheld(&mut town, [ada, bo, cy], group);
    let items = recorded(&town, cy);
    let mut thief = Copied::of(&town.people[bo.0]);
    assert_eq!(
        opened(&mut thief, &items, "withheld").len(),
        4,
        "within the grace"
    );
    town.passes(EPOCH_GRACE + PAST_SLACK + Duration::from_secs(5));
    let mut thief = Copied::of(&town.people[bo.0]);
    assert_eq!(opened(&mut thief, &items, "withheld").len(), 0);
    let file = town.people[bo.0].file.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for state in earlier_states(&file, folder.path()) {
        assert!(opened(&mut Copied::of_file(&state), &items, "withheld").is_empty());
    }
}

/// Bo's clock is a day ahead when the epoch ends, and is put right after that.
#[test]
fn the_past_epoch_is_closed_after_its_grace_also_where_the_clock_is_set_back() {
    let mut town = Town::on_disk(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(Duration::from_mins(10));
    town.people[bo.0].skew = 24 * 3_600_000;
    town.passes(Duration::from_mins(10));
    ends_epoch_withheld(&mut town, [ada, bo, cy], group);
    town.people[bo.0].skew = 0;
    let items = recorded(&town, cy);
    let mut thief = Copied::of(&town.people[bo.0]);
    assert_eq!(opened(&mut thief, &items, "withheld").len(), 4);
    let now = town.now();
    town.people[bo.0].apply(Input::Tick, now);
    town.passes((EPOCH_GRACE + PAST_SLACK) * 2);
    let mut thief = Copied::of(&town.people[bo.0]);
    assert_eq!(opened(&mut thief, &items, "withheld").len(), 0);
}

#[test]
fn a_stolen_state_opens_what_follows_until_its_owners_next_update_and_nothing_after() {
    let mut town = Town::on_disk(4);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    let talk = town.meets(bo, ada);
    town.passes(Duration::from_mins(10));
    says(&mut town, ada, group, "before", 5);
    town.passes(Duration::from_mins(10));

    let mut thief = Copied::of(&town.people[bo.0]);
    says(&mut town, ada, group, "between", 3);
    // Somebody else's update does not lock the thief out.
    town.does(
        cy,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    says(&mut town, cy, group, "between as well", 3);
    // A conversation begun with a key package that the thief has.
    let early = town.creates_group(cy, "early", &[bo]);
    town.says(cy, early, "between, elsewhere");
    town.settles();

    for conversation in [group, talk, early] {
        town.does(bo, Command::Update { conversation }).unwrap();
    }
    town.settles();
    says(&mut town, ada, group, "after", 5);
    says(&mut town, bo, group, "after by bo", 2);
    says(&mut town, ada, talk, "after in the other", 2);
    town.says(cy, early, "after, elsewhere");
    town.settles();
    let late = town.creates_group(ada, "late", &[bo]);
    says(&mut town, ada, late, "after in a new one", 2);

    let mut items = recorded(&town, bo);
    items.extend(recorded(&town, ada));
    let texts = thief.opens(&items);
    let count = |beginning: &str| {
        let mut found: Vec<_> = texts
            .iter()
            .filter(|text| text.starts_with(beginning))
            .collect();
        found.dedup();
        found.len()
    };
    assert_eq!(count("before"), 0, "{texts:?}");
    assert_eq!(count("between"), 7, "{texts:?}");
    assert_eq!(count("after"), 0, "{texts:?}");
    // The owner reads all of it.
    assert_eq!(town.reads(bo, group).len(), 18);
    assert_eq!(town.reads(bo, late).len(), 2);
}

#[test]
fn the_schedule_locks_a_thief_out_within_a_week() {
    let mut town = Town::on_disk(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.passes(Duration::from_mins(10));
    let mut thief = Copied::of(&town.people[bo.0]);
    says(&mut town, ada, talk, "within the week", 2);
    town.passes(keyfold_engine::limits::UPDATE_INTERVAL + Duration::from_mins(1));
    says(&mut town, ada, talk, "after a week", 2);
    let late = town.creates_group(ada, "late", &[bo]);
    says(&mut town, ada, late, "after a week in a new one", 2);
    let texts = thief.opens(&recorded(&town, bo));
    assert_eq!(texts, ["within the week 00", "within the week 01"]);
}

#[test]
fn replaced_key_packages_are_erased_when_no_welcome_can_come_any_more() {
    let mut town = Town::on_disk(6);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.goes_offline(bo);
    let group = town.creates_group(ada, "club", &[bo]);
    town.says(ada, group, "waits for bo");
    town.settles();
    // The thief hears what bo would: a second device of the same state.
    let mut early = Copied::of(&town.people[bo.0]);
    town.comes_back(bo);
    let items = recorded(&town, bo);
    assert_eq!(early.opens(&items), ["waits for bo"], "the control");
    let packages = |town: &Town| -> i64 {
        let copy = Copied::of(&town.people[bo.0]);
        copy.database
            .query_row("SELECT count(*) FROM key_package", [], |row| row.get(0))
            .unwrap()
    };
    town.does(
        bo,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    let both = packages(&town);
    assert!(Copied::of(&town.people[bo.0]).opens(&items).is_empty());
    town.passes(KEY_PACKAGE_RETENTION + Duration::from_hours(10 * 24));
    assert!(packages(&town) <= both * 6, "old ones go");
    assert!(Copied::of(&town.people[bo.0]).opens(&items).is_empty());
}

#[test]
fn a_removed_devices_whole_state_opens_nothing_of_the_new_epoch() {
    let mut town = Town::on_disk(7);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(Duration::from_mins(10));
    town.goes_offline(cy);
    let mut before = Copied::of(&town.people[cy.0]);
    town.says(ada, group, "still for cy");
    town.settles();
    town.removes(ada, group, &[cy]);
    town.settles();
    says(&mut town, ada, group, "not for cy", 4);
    says(&mut town, bo, group, "not for cy either", 4);
    town.comes_back(cy);
    town.settles();
    let mut after = Copied::of(&town.people[cy.0]);
    let mut items = recorded(&town, bo);
    items.extend(recorded(&town, cy));
    assert_eq!(before.opens(&items), ["still for cy"], "the control");
    assert!(after.opens(&items).is_empty());
    assert_eq!(town.reads(cy, group), ["still for cy"]);
    let left: i64 = after
        .database
        .query_row(
            "SELECT count(*) FROM conversation WHERE group_id IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn after_a_crash_the_log_is_emptied_soon() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.passes(Duration::from_mins(10));
    says(&mut town, ada, talk, "used", 3);
    let items = recorded(&town, bo);
    town.people[bo.0].restarts();
    let file = town.people[bo.0].file.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy_database(&file, &folder.path().join("copy.db"));
    town.passes(ERASE_AFTER + Duration::from_secs(1));
    let folder = tempfile::tempdir().unwrap();
    for state in earlier_states(&file, folder.path()) {
        assert!(opened(&mut Copied::of_file(&state), &items, "used").is_empty());
    }
    assert_eq!(town.reads(bo, talk).len(), 3);
}
