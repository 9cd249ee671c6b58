//! Groups in which a device had lost its place, and that it has left behind: it reads what it can there, and that may be nothing.

use keyfold_wire::ids::ConversationId;

use super::excuse::DELAY;
use super::{Handle, Oracle, Placed, Said};
use crate::device::Device;

/// That a device had lost its place in a group.
#[derive(Clone)]
pub(super) struct LeftBehind {
    handle: Handle,
    from: u64,
    /// When it was in another one.
    left: Option<u64>,
}

impl Oracle {
    /// A device has lost its place where it is.
    pub(super) fn loses_group(&mut self, device: &Device, conversation: ConversationId, now: u64) {
        let from = self.last_up_to_date(device.number, now);
        if let Some(handle) = handle_of(device, conversation) {
            let key = (device.number, conversation);
            let left = None;
            let lost = LeftBehind { handle, from, left };
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
        groups.retain(|one| here.as_ref() != Some(&one.handle));
        for one in groups {
            one.left = one.left.or(Some(now));
        }
    }

    /// Whether this was said in a group that the device had lost its place in and left behind, before its sender heard of that.
    pub(super) fn was_left_behind(&self, said: &Said, placed: &Placed, device: usize) -> bool {
        let groups = self.left_behind.get(&(device, said.conversation));
        let sender = self.entered.get(&(said.device, said.conversation));
        let knew = |left: u64| {
            let mut entered = sender.into_iter().flatten();
            entered.any(|at| (left..placed.at.saturating_sub(DELAY)).contains(at))
        };
        let mut groups = groups.into_iter().flatten();
        groups.any(|one| {
            one.handle == placed.handle
                && placed.at >= one.from
                && one.left.is_some_and(|left| !knew(left))
        })
    }
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
