//! Nothing waits for ever once everything has healed.

use keyfold_engine::view::Standing;
use rusqlite::Connection;

use super::Oracle;
use super::screen::Screen;
use crate::device::Device;

/// Nothing is missing, held or waiting on a device that its account still has.
pub(super) fn at_rest(screen: &Screen, device: &Device, came_apart: bool) -> Vec<String> {
    let number = device.number;
    if device.unlinked {
        return Vec::new();
    }
    if !device.is_registered() {
        let waits = !came_apart && device.id.is_some();
        let words = format!("device {number} waits to be registered for ever");
        return Vec::from_iter(waits.then_some(words));
    }
    let refused = screen.refused.iter().filter(|_| !came_apart);
    let mut found: Vec<String> = refused
        .map(|why| format!("device {number} has refused: {why}"))
        .collect();
    for shown in screen.conversations.values() {
        if let Standing::Held(why) | Standing::Rejoining(why) = &shown.standing {
            found.push(format!(
                "device {number} holds {:?} at epoch {}: {why}",
                shown.name, shown.epoch
            ));
        }
    }
    let waiting = device.engine.waiting().unwrap();
    if waiting > 0 {
        let what = device.copied().map(|copied| waits(&copied.database));
        let what = what.unwrap_or_default();
        found.push(format!(
            "{waiting} things wait for ever on device {number}: {what}"
        ));
    }
    found
}

impl Oracle {
    /// Where nothing has come apart no line says so. But a device may be out by the word of another one of its account, that counts for nobody:
    /// it was removed before the others had heard it.
    pub(super) fn judge_lines(&self, screen: &Screen, devices: &[Device]) -> Vec<String> {
        let mut leavings = self.leavings.iter();
        let void = leavings.any(|leaving| devices[leaving.device].unlinked);
        let wrong = screen.apart.iter();
        let wrong = wrong.filter(|line| !(void && line.starts_with("Returned")));
        let number = screen.device;
        let words = wrong.map(|line| format!("device {number} says without a reason: {line}"));
        words.collect()
    }
}

/// What was typed on a device that is turned away has failed, unless the server may have had it.
pub(super) fn given_up(device: &Device) -> Vec<String> {
    let select = "SELECT count(*) FROM timeline WHERE state = 0";
    // One that its person has removed does not ask again and again.
    let copied = device.copied().filter(|_| !device.unlinked);
    let count = copied.map_or(0, |copied| {
        let count = copied.database.query_row(select, [], |row| row.get(0));
        count.unwrap()
    });
    let words = |count: i64| {
        let number = device.number;
        format!("{count} texts wait for ever on device {number}, which was turned away")
    };
    Vec::from_iter((count > 0).then(|| words(count)))
}

/// What a device still wants, by what its tables call it: for whoever looks for the cause.
pub(super) fn waits(database: &Connection) -> String {
    let list = |select: &str| -> Vec<String> {
        let mut statement = database.prepare(select).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let requests = list(
        "SELECT 'kind ' || kind || ' of ' || coalesce(conversation, '-') || ' accepted ' || accepted
         FROM outbox ORDER BY id LIMIT 8",
    );
    let wishes = list(
        "SELECT 'wish of ' || conversation || ' state ' || intent.state || ' ' || hex(substr(body, 1, 12))
         FROM intent ORDER BY id LIMIT 8",
    );
    let texts = list(
        "SELECT 'text in ' || origin || ' standing ' || standing FROM timeline
         JOIN conversation ON conversation.id = origin WHERE state = 0 LIMIT 4",
    );
    [requests, wishes, texts].concat().join(", ")
}
