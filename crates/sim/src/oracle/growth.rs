//! Nothing grows without bound: rows of every table of every device, and of what the server keeps, once all is at rest.
//!
//! The bounds are functions of how many people and devices there are, what a device is in, how often keys were renewed by
//! hand or a state was put back and how many key packages were handed out (those before are kept for 30 days), and, where history
//! is kept, of what happened.

use keyfold_engine::limits::{
    ADDRESSES, FEW_ADDRESSES, KEY_PACKAGES, MAX_GIVEN_UP, MAX_LINES, MAX_OFFERS, MAX_PARKED,
    MAX_SIGNAL_KEYS,
};
use keyfold_protocol::signal::Kind;
use keyfold_wire::ids::DeviceId;
use keyfold_wire::limits::{MAX_DEVICES, MAX_WAITING_SIGNALS};
use rusqlite::Connection;

use super::Oracle;
use super::rest::waits;
use crate::device::Device;
use crate::disk;
use crate::server::Server;

/// Rows of MLS state for one group: one of each kind, and the keys of the leaf for this epoch and the next.
const MLS_PER_GROUP: usize = 18;
/// Rows of MLS state for one key package: itself, its encryption key, and room for the leaf's.
const MLS_PER_PACKAGE: usize = 3;
/// Lines of a timeline that one change of a group makes: people, roles, a name, devices, and who left.
const LINES_PER_CHANGE: usize = 5;
/// Lines that a move makes, also on devices whose person had left: it begins, and is left again.
const LINES_PER_MOVE: usize = 3;
/// Key packages for one suite, the one of last resort included.
const PACKAGES: usize = KEY_PACKAGES + 1;
/// Settings of a device, each of which is there once.
const SETTINGS: usize = 32;
/// A world lasts no longer than so many replacements by the schedule and by the server's asking for more.
const REPLACED: usize = 12;

/// The kind of request that asks the server whether the grace of an epoch is over.
const BARRIER: i64 = 11;
/// Days that key packages are kept after they were replaced, which happens once a day at most.
const KEPT_DAYS: usize = 30;

/// How large a world is.
pub(crate) struct Size {
    pub(crate) people: usize,
    pub(crate) devices: usize,
    pub(crate) suites: usize,
    /// How many days it lasted.
    pub(crate) days: usize,
}

/// Intents to look who has not come into a conversation, and to bring in own devices.
const LOOKS_FOR_ABSENT: &str = "intent
     WHERE instr(body, CAST('Reinvite' AS BLOB)) > 0 OR instr(body, CAST('Bring' AS BLOB)) > 0";

impl Oracle {
    /// Somebody asked for new keys on a device.
    pub(crate) fn renews(&mut self, device: usize) {
        *self.renewed.entry(device).or_default() += 1;
    }

    /// Somebody began a conversation.
    pub(crate) fn begins(&mut self) {
        self.begun += 1;
    }

    /// What has grown beyond its bound.
    pub(crate) fn judge_growth(
        &self,
        devices: &[Device],
        server: &Server,
        size: &Size,
    ) -> Vec<String> {
        let mut found = self.judge_store(devices, server, size);
        let kept = |one: &&Device| !one.unlinked && !self.is_turned_away(one.number);
        for device in devices.iter().filter(kept) {
            let Some(copied) = device.copied() else {
                continue;
            };
            for (table, rows, bound) in self.bounds(&copied.database, device, size) {
                if rows > bound {
                    let number = device.number;
                    let waits = waits(&copied.database);
                    found.push(format!(
                        "device {number} has {rows} rows of {table}, more than {bound} ({waits})"
                    ));
                }
            }
        }
        found
    }

    fn bounds(
        &self,
        database: &Connection,
        device: &Device,
        size: &Size,
    ) -> Vec<(&'static str, usize, usize)> {
        let rows = |what: &str| disk::rows(database, what);
        let conversations = rows("conversation");
        let groups = rows("conversation WHERE group_id IS NOT NULL");
        let packages = rows("key_package");
        let renewed = self.renewed.get(&device.number).copied().unwrap_or(0);
        let daily = size.days.min(KEPT_DAYS);
        let anew = REPLACED + daily + renewed + self.put_back(device.number);
        let id = device.id.map(|id| id.as_bytes().to_vec());
        let handed_out = id.and_then(|id| self.handed_out.get(&id).copied());
        let replaced = PACKAGES * size.suites * anew + handed_out.unwrap_or(0);
        let changes = self.moved.len();
        let free = ADDRESSES as usize + FEW_ADDRESSES + PACKAGES * size.suites;
        // What comes for the address of a key package waits for a welcome, for as long as there is that package.
        let parked =
            "parked LEFT JOIN address ON address.serial = parked.serial WHERE address.use IS NOT 1";
        let barriers = format!("outbox WHERE kind = {BARRIER}");
        let outbox = format!("outbox WHERE kind <> {BARRIER}");
        let mut bounds = vec![
            ("setting", rows("setting"), SETTINGS),
            ("mailbox", rows("mailbox"), 1),
            ("contact", rows("contact"), size.people),
            (
                "timeline",
                rows("timeline"),
                self.said.len()
                    + self.amendments.len()
                    + LINES_PER_CHANGE * changes
                    + LINES_PER_MOVE * self.created
                    + 2 * conversations,
            ),
            ("heard", rows("heard"), conversations * size.devices),
            (
                "address",
                rows("address"),
                packages + 2 * conversations + free,
            ),
            ("key_package", packages, replaced),
            // The end of a line that was left may wait for a barrier, and that for as long as the clock was set back.
            (
                "intent",
                rows("intent") - rows(LOOKS_FOR_ABSENT),
                rows(&barriers),
            ),
            // Whoever has not come in is looked for, for hours.
            ("intent", rows(LOOKS_FOR_ABSENT), 2 * groups),
            ("gathered", rows("gathered"), 0),
            ("outbox", rows(&outbox), 0),
            // What ends a grace waits for as long as the clock was set back.
            ("outbox", rows("outbox"), groups),
            ("parked", rows(parked), self.slipped_in + self.stray()),
            ("parked", rows("parked"), MAX_PARKED),
            ("linked", rows("linked"), MAX_DEVICES),
            (
                "mls",
                rows("mls"),
                MLS_PER_GROUP * groups + MLS_PER_PACKAGE * packages + 2,
            ),
        ];
        bounds.extend(self.bounds_of_conversations(database, size.people));
        bounds.extend(bounds_of_signals(database, size));
        bounds
    }

    fn bounds_of_conversations(
        &self,
        database: &Connection,
        people: usize,
    ) -> [(&'static str, usize, usize); 8] {
        let rows = |what: &str| disk::rows(database, what);
        let all = rows("conversation");
        // Who left when nobody else was there to take them out is not taken out.
        let leavers = "leaver JOIN conversation ON leaver.conversation = conversation.id
                       WHERE conversation.standing = 1";
        let (in_use, left) = (
            rows("conversation WHERE line_of IS NULL"),
            rows("conversation WHERE line_of IS NOT NULL"),
        );
        [
            ("conversation", in_use, self.begun),
            ("conversation", left, self.lines(all)),
            ("member", rows("member"), all * people),
            ("leaver", rows(leavers), 0),
            ("offer", rows("offer"), self.offered(all)),
            ("finding", rows("finding"), all * people),
            ("gone", rows("gone"), all * people),
            ("given_up", rows("given_up"), all * MAX_GIVEN_UP as usize),
        ]
    }

    /// A bound on what there is only where something came apart.
    fn if_apart(&self, bound: usize) -> usize {
        if self.came_apart() { bound } else { 0 }
    }

    /// Lines that conversations have left behind, until somebody has ended them.
    fn lines(&self, conversations: usize) -> usize {
        self.if_apart(MAX_LINES * conversations)
    }

    /// Key packages that a device has offered: whoever was told where it is may answer for a day.
    fn offered(&self, conversations: usize) -> usize {
        self.if_apart(MAX_OFFERS * conversations)
    }

    /// Items that wait for a welcome or a commit that was lost with a server's or a device's state. They are bounded, not zero.
    fn stray(&self) -> usize {
        self.if_apart(MAX_PARKED)
    }

    fn judge_store(&self, devices: &[Device], server: &Server, size: &Size) -> Vec<String> {
        let kept = server.kept();
        let census = kept.census;
        let renewed: usize = self.renewed.values().sum();
        let spent = PACKAGES * size.suites * (REPLACED * size.devices + renewed);
        // What comes for a copy that is turned away waits until it is too old, or its person removes that device.
        let turned_away = |id: &DeviceId| {
            let mut copies = devices.iter().filter(|one| one.id == Some(*id));
            copies.any(|one| self.is_turned_away(one.number))
        };
        let items = census.items.iter().filter(|(id, _)| !turned_away(id));
        let bounds = [
            (
                "signals",
                census.signals,
                size.devices * MAX_WAITING_SIGNALS,
            ),
            ("accounts", census.accounts, size.people),
            ("mailboxes", census.mailboxes, size.devices),
            ("items", items.map(|(_, items)| items).sum(), 0),
            ("rows that nobody deletes", kept.stranded, 0),
            ("revoked serials", census.revoked, spent + self.accepted),
            (
                "key packages",
                census.packages,
                PACKAGES * size.suites * size.devices,
            ),
            ("spent key packages", census.spent, spent),
            (
                "conversations",
                census.conversations,
                self.begun + self.slipped_in + self.created,
            ),
            (
                "known requests",
                census.once,
                self.accepted + 2 * self.slipped_in,
            ),
        ];
        bounds
            .into_iter()
            .filter(|(_, rows, bound)| rows > bound)
            .map(|(what, rows, bound)| format!("the server has {rows} {what}, more than {bound}"))
            .collect()
    }
}

/// What is kept of signals: a row for each conversation, device, person and kind.
fn bounds_of_signals(database: &Connection, size: &Size) -> [(&'static str, usize, usize); 5] {
    let rows = |what: &str| disk::rows(database, what);
    let (all, kinds) = (rows("conversation"), Kind::ALL.len());
    [
        ("signal_told", rows("signal_told"), all),
        (
            "signal_heard",
            rows("signal_heard"),
            all * size.devices * kinds,
        ),
        (
            "signal_key",
            rows("signal_key"),
            all * usize::try_from(MAX_SIGNAL_KEYS).unwrap_or(usize::MAX),
        ),
        ("presence", rows("presence"), size.devices),
        ("cursor", rows("cursor"), all * size.people * 2),
    ]
}
