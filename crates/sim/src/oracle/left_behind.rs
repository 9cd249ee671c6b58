//! Groups in which a device had lost its place, and that it has left behind: it reads what it can there, and that may be nothing. So too
//! of a group that a server which was put back has in an earlier epoch than the device.

use keyfold_wire::ids::ConversationId;

use super::excuse::DELAY;
use super::past::Entered;
use super::{Handle, Oracle, Placed, Said};
use crate::device::Device;

/// That a device had lost its place in a group.
#[derive(Clone)]
pub(super) struct LeftBehind {
    handle: Handle,
    from: u64,
    /// When it was in another one.
    left: Option<u64>,
    /// When it was in this one again: it may have gone on alone in the other.
    back: Option<u64>,
}

impl Oracle {
    /// A device has lost its place where it is.
    pub(super) fn loses_group(&mut self, device: &Device, conversation: ConversationId, now: u64) {
        let from = self.last_up_to_date(device.number, now);
        if let Some(handle) = handle_of(device, conversation) {
            let key = (device.number, conversation);
            let lost = LeftBehind {
                handle,
                from,
                left: None,
                back: None,
            };
            self.left_behind.entry(key).or_default().push(lost);
        }
    }

    /// It has its place again: in that group, or in another one.
    pub(super) fn finds_group(&mut self, device: &Device, conversation: ConversationId, now: u64) {
        let key = (device.number, conversation);
        let Some(groups) = self.left_behind.get_mut(&key) else {
            return;
        };
        let here = handle_of(device, conversation);
        let is_here = |one: &LeftBehind| here.as_ref() == Some(&one.handle);
        groups.retain(|one| !is_here(one) || one.left.is_some());
        for one in groups {
            if is_here(one) {
                one.back = one.back.or(Some(now));
            } else {
                one.left = one.left.or(Some(now));
            }
        }
    }

    /// The server has fallen back: where a device is further, it reads nothing of what is said there in the epochs that come again.
    pub(super) fn overtakes_server(&mut self, devices: &[Device], copied: u64, now: u64) {
        for device in devices {
            for (conversation, handle, epoch) in places_of(device) {
                let known = |entered: &Entered| entered.at <= copied;
                let epochs = self
                    .rosters
                    .range((handle.clone(), epoch)..=(handle.clone(), u64::MAX));
                let is_there = epochs.flat_map(|(_, rosters)| rosters).any(known);
                if !is_there {
                    let key = (device.number, conversation);
                    let left = LeftBehind {
                        handle,
                        from: now,
                        left: Some(now),
                        back: None,
                    };
                    self.left_behind.entry(key).or_default().push(left);
                }
            }
        }
    }

    /// Whether this was said in a group that the device had lost its place in and left behind, before its sender heard of that.
    pub(super) fn was_left_behind(&self, said: &Said, placed: &Placed, device: usize) -> bool {
        let groups = self.left_behind.get(&(device, said.conversation));
        let heard = placed.at.saturating_sub(DELAY);
        let knew = |left: u64| self.came_in(said.device, said.conversation, left..heard);
        let mut groups = groups.into_iter().flatten();
        groups.any(|one| {
            one.handle == placed.handle
                && (one.from..=one.back.unwrap_or(u64::MAX)).contains(&placed.at)
                && one.left.is_some_and(|left| !knew(left))
        })
    }
}

/// The groups that a device is in, each with its conversation and its epoch.
fn places_of(device: &Device) -> Vec<(ConversationId, Handle, u64)> {
    let select = "SELECT coalesce(talk, public_id), handle, epoch FROM conversation WHERE handle IS NOT NULL";
    let Some(copied) = device.copied() else {
        return Vec::new();
    };
    let Ok(mut statement) = copied.database.prepare(select) else {
        return Vec::new();
    };
    let place = |row: &rusqlite::Row<'_>| {
        let (id, handle, epoch): (Vec<u8>, _, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((id, handle, epoch.unsigned_abs()))
    };
    let Ok(places) = statement.query_map([], place) else {
        return Vec::new();
    };
    let places = places.flatten();
    places
        .filter_map(|(id, handle, epoch)| {
            Some((ConversationId::try_from(&*id).ok()?, handle, epoch))
        })
        .collect()
}

/// The group that a device's conversation is in.
fn handle_of(device: &Device, conversation: ConversationId) -> Option<Handle> {
    let select = "SELECT handle FROM conversation WHERE public_id = ?1 AND line_of IS NULL";
    let copied = device.copied()?;
    let handle = copied
        .database
        .query_row(select, [conversation.as_ref()], |row| row.get(0));
    handle.ok()?
}
