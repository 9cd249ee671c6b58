//! Where a world is broken on purpose. Nothing here happens unless its sabotage is asked for.

use std::path::PathBuf;

use keyfold_engine::Input;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rusqlite::Connection;

use super::{START, World};
use crate::copied::Copied;
use crate::sabotage::Sabotage;
use crate::script::handle;

/// The device that is broken, where it is one: not the one that begins conversations.
const VICTIM: usize = 1;
/// The message that is meddled with, where it is one.
const SECOND: u32 = 2;
/// What a line is made of, but for its place.
const COLUMNS: &str = "origin, content_id, sender, mine, kind, body, at, state, target, by_admin";
/// Items that are parked for good.
const PARKED: u32 = 40;

/// What a sabotage has to remember.
#[derive(Default)]
pub(super) struct Meddler {
    /// Messages that the server has been asked to take.
    sends: u32,
    /// The one that is lost on the way.
    lost: Option<Vec<u8>>,
    /// That one as the victim got it.
    item: Option<v1::Item>,
    /// The victim's database as it was.
    earlier: Option<PathBuf>,
}

impl World {
    fn is(&self, sabotage: Sabotage) -> bool {
        self.setup.sabotage == Some(sabotage)
    }

    /// Kills a device, changes its files and starts it again.
    fn edits(&mut self, device: usize, edit: impl FnOnce(&Connection)) {
        let path = self.folder.path().join("edited.db");
        self.devices[device].copies_to(&path);
        let database = Connection::open(&path).unwrap();
        edit(&database);
        drop(database);
        self.devices[device].restarts_from(&path);
        self.fates[device].owed.clear();
    }

    /// Somebody is about to say something.
    pub(super) fn meddles_with_speaker(&mut self, device: usize) {
        if device != VICTIM {
            return;
        }
        if self.is(Sabotage::RefusesWrites) {
            let refuse = "CREATE TRIGGER IF NOT EXISTS refuses BEFORE INSERT ON outbox
                          BEGIN SELECT RAISE(ABORT, 'refused'); END";
            self.edits(device, |database| database.execute_batch(refuse).unwrap());
        }
        if !self.is(Sabotage::ReusesKeys) {
            return;
        }
        match self.meddler.earlier.take() {
            None => self.keeps_earlier(device),
            Some(earlier) => {
                self.edits(device, |database| puts_back(database, &earlier, "mls"));
                self.wakes(device, self.now() + 1);
            }
        }
    }

    fn keeps_earlier(&mut self, device: usize) {
        let path = self.folder.path().join("earlier.db");
        self.devices[device].copies_to(&path);
        self.meddler.earlier = Some(path);
    }

    /// Somebody has said something.
    pub(super) fn meddles_with_typed(&mut self, device: usize) {
        if self.is(Sabotage::ForgetsTyped) && !self.devices[device].reachable {
            self.edits(device, |database| {
                let forget = "DELETE FROM timeline WHERE state < 2 AND mine = 1;
                              DELETE FROM outbox; DELETE FROM intent;";
                database.execute_batch(forget).unwrap();
            });
        }
    }

    /// Somebody has asked for a change.
    pub(super) fn meddles_with_change(&mut self, device: usize) {
        if self.devices[device].reachable {
            return;
        }
        let statement = match self.setup.sabotage {
            Some(Sabotage::ForgetsChange) => "DELETE FROM intent".to_owned(),
            // New keys are all that it makes.
            Some(Sabotage::FeignsChange) => {
                format!("UPDATE intent SET body = CAST(X'A6' || '{FEIGNED}' AS BLOB)")
            }
            _ => return,
        };
        self.edits(device, |database| {
            database.execute_batch(&statement).unwrap();
        });
    }

    /// A frame leaves a device.
    pub(super) fn meddles_with_frame(&self, device: usize, body: &mut Body) {
        let Body::Send(send) = body else { return };
        if self.is(Sabotage::SendsPlaintext) {
            send.body = "the text that was typed".to_owned().into_bytes().into();
        } else if self.is(Sabotage::SendsHandle) {
            let person = self.devices[device].person;
            send.body = handle(person).into_bytes().into();
        }
    }

    /// A request reaches the server. `Some`: the answer instead of the right one.
    pub(super) fn meddles_with_request(&mut self, body: &Body) -> Option<Content> {
        let Body::Send(send) = body else { return None };
        self.meddler.sends += 1;
        let accepted = Content::Accepted(v1::Accepted::default());
        if self.meddler.sends != SECOND {
            return None;
        }
        self.meddler.lost = Some(send.message_id.to_vec());
        let text = "kept though it was typed in confidence";
        match self.setup.sabotage? {
            Sabotage::ForgetsMessage => {
                let now = self.now();
                self.oracle.answered(&self.server, 0, body, &accepted, now);
                return Some(accepted);
            }
            Sabotage::KeepsPlaintext => {
                self.watch.names(text);
                self.server.keeps(text.as_bytes());
            }
            Sabotage::KeepsRosterKey => self.server.keeps(&send.roster_key),
            Sabotage::DoublesItem => self.keeps_earlier(VICTIM),
            _ => {}
        }
        None
    }

    /// The server has refused a request.
    pub(super) fn meddles_with_refusal(&self, body: &Body) -> Option<Content> {
        let commit = matches!(body, Body::Commit(_));
        (self.is(Sabotage::AcceptsTwoCommits) && commit)
            .then(|| Content::Accepted(v1::Accepted::default()))
    }

    /// Whether an acknowledgement is passed over.
    pub(super) fn meddles_with_acknowledgement(&self) -> bool {
        self.is(Sabotage::DeletesNothing)
    }

    /// Items have reached a device.
    pub(super) fn meddles_with_items(&mut self, device: usize, deliveries: &mut v1::Deliveries) {
        if self.setup.sabotage.is_none() || device != VICTIM {
            return;
        }
        let loses = self.is(Sabotage::LosesItem);
        for item in &mut deliveries.items {
            let whole = item.clone();
            if let Some(v1::item::Content::Message(message)) = &mut item.content
                && self.meddler.lost.as_deref() == Some(message.message_id.as_ref())
            {
                self.meddler.item = Some(whole);
                if loses {
                    message.body = b"lost".to_vec().into();
                }
            }
        }
    }

    /// What a device's clock shows.
    pub(super) fn clock_of(&self, device: usize) -> u64 {
        if self.is(Sabotage::ClockStops) && device == VICTIM {
            START
        } else {
            self.now()
        }
    }

    /// What a thief gets: the state that a device has now, or has never erased.
    pub(super) fn loot_of(&self, device: usize) -> Option<Copied> {
        let earlier = self.fates[device].backup.as_ref();
        match earlier.filter(|_| self.is(Sabotage::ErasesNothing)) {
            Some((path, _)) => Copied::of_file(path),
            None => self.devices[device].copied(),
        }
    }

    /// Milliseconds that nobody knows beforehand.
    pub(super) fn chance(&self) -> u64 {
        if self.is(Sabotage::LeavesToChance) {
            StdRng::from_os_rng().random_range(0..50)
        } else {
            0
        }
    }

    /// The world has come to rest.
    pub(super) fn meddles_with_rest(&mut self) {
        let Some(sabotage) = self.setup.sabotage else {
            return;
        };
        let statement = match sabotage {
            Sabotage::DoublesLine => format!(
                "INSERT INTO timeline (id, {COLUMNS}) SELECT id + 500, origin, content_id, sender, mine, kind, body, at, state, target, by_admin
                 FROM timeline WHERE {TEXT} LIMIT 1"
            ),
            Sabotage::LosesLine => format!(
                "DELETE FROM timeline WHERE id = (SELECT max(id) FROM timeline WHERE {TEXT})"
            ),
            Sabotage::SwapsLines => format!(
                "CREATE TEMP TABLE two AS SELECT id FROM timeline WHERE {TEXT} ORDER BY id LIMIT 2;
                 UPDATE timeline SET id = -1 WHERE id = (SELECT min(id) FROM two);
                 UPDATE timeline SET id = (SELECT min(id) FROM two) WHERE id = (SELECT max(id) FROM two);
                 UPDATE timeline SET id = (SELECT max(id) FROM two) WHERE id = -1;"
            ),
            Sabotage::InventsGap => format!(
                "CREATE TEMP TABLE one AS SELECT * FROM timeline WHERE {TEXT} ORDER BY id LIMIT 1;
                 UPDATE timeline SET id = id + 300 WHERE id = (SELECT id FROM one);
                 INSERT INTO timeline (id, {COLUMNS}) SELECT id, origin, NULL, sender, 0, 1, x'0000000000000001', at, 3, NULL, 0 FROM one;"
            ),
            Sabotage::ForgetsAmendment => "DELETE FROM timeline WHERE target IS NOT NULL".to_owned(),
            Sabotage::HidesGap => "DELETE FROM timeline WHERE kind = 1".to_owned(),
            Sabotage::HidesReason => "DELETE FROM timeline WHERE kind = 1 OR kind = 2 AND (
                 instr(body, CAST('Back' AS BLOB)) OR instr(body, CAST('MayBeMissing' AS BLOB)))"
                .to_owned(),
            Sabotage::WrongReason => format!(
                "UPDATE timeline SET body = CAST(X'81AC' || 'MayBeMissing' || X'D9{:02X}' || '{OTHER_REASON}' AS BLOB)
                 WHERE kind = 2 AND instr(body, CAST('Back' AS BLOB))",
                OTHER_REASON.len()
            ),
            Sabotage::EditsName => "UPDATE conversation SET title = 'another name'".to_owned(),
            Sabotage::EditsRole => "UPDATE member SET role = 1 - (role > 0)".to_owned(),
            Sabotage::EditsEpoch => "UPDATE conversation SET epoch = epoch - 1".to_owned(),
            Sabotage::IsHeld => "UPDATE conversation SET standing = 4, words = 'held'".to_owned(),
            Sabotage::ParksForEver => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PARKED})
                 INSERT INTO parked SELECT 1000000 + i, NULL, 7, x'00' FROM n"
            ),
            _ => return self.ends_with(sabotage),
        };
        self.edits(VICTIM, |database| {
            database.execute_batch(&statement).unwrap();
        });
    }

    fn ends_with(&mut self, sabotage: Sabotage) {
        if sabotage != Sabotage::DoublesItem {
            return;
        }
        let (Some(earlier), Some(mut item)) =
            (self.meddler.earlier.take(), self.meddler.item.take())
        else {
            return;
        };
        self.edits(VICTIM, |database| {
            puts_back(database, &earlier, "mls");
            puts_back(database, &earlier, "heard");
        });
        let Ok(Some(Body::Hello(hello))) = self.devices[VICTIM].engine.hello() else {
            return;
        };
        item.sequence = hello.after + 1;
        let again = v1::Deliveries {
            items: vec![item],
            caught_up: true,
        };
        self.steps(VICTIM, Input::Delivered(again), |_, _| ());
    }
}

/// Another change than the one asked for, as an intent has it.
const FEIGNED: &str = "Update";

/// Why something may be missing on a device that was away, and on no other.
const OTHER_REASON: &str = "this device was away for longer than the server keeps messages";

/// Texts of others, as they lie in a timeline.
const TEXT: &str = "kind = 0 AND state = 3";

/// Puts a table back to what it was in another database.
fn puts_back(database: &Connection, earlier: &std::path::Path, table: &str) {
    let statement = format!(
        "ATTACH DATABASE '{}' AS earlier;
         DELETE FROM main.{table};
         INSERT INTO main.{table} SELECT * FROM earlier.{table};
         DETACH DATABASE earlier;",
        earlier.display()
    );
    database.execute_batch(&statement).unwrap();
}
