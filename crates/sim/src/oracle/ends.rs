//! All members of a conversation's last epoch agree in the end.

use std::collections::BTreeMap;

use keyfold_engine::view::Standing;
use keyfold_wire::ids::ConversationId;

use super::screen::Screen;
use super::{Handle, Oracle};
use crate::device::Device;

impl Oracle {
    /// All members of a conversation's last epoch agree.
    pub(super) fn judge_ends(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let mut found = Vec::new();
        let mut homes: BTreeMap<&Handle, ConversationId> = BTreeMap::new();
        for said in self.said.values() {
            let message = said.message.as_ref();
            if let Some(placed) = message.and_then(|message| self.placed.get(message)) {
                homes.insert(&placed.handle, said.conversation);
            }
        }
        let mut handles: BTreeMap<ConversationId, usize> = BTreeMap::new();
        for conversation in homes.values() {
            *handles.entry(*conversation).or_default() += 1;
        }
        found.extend(self.judge_moved(devices, screens));
        for (handle, conversation) in homes {
            // One that has moved is judged by its screens alone.
            if handles[&conversation] > 1 || self.came_apart() {
                continue;
            }
            let epoch = self.epochs[handle];
            let rosters = &self.rosters[&(handle.clone(), epoch)];
            let in_it = |number| {
                rosters
                    .iter()
                    .any(|entered| entered.members.contains(number))
            };
            let mut seen: Option<(&String, &Vec<String>)> = None;
            for (device, screen) in devices.iter().zip(screens) {
                if device.unlinked || !in_it(&device.number) {
                    continue;
                }
                let Some(shown) = screen.conversations.get(&conversation) else {
                    continue;
                };
                // Where all others are gone as well, nobody takes out who has left.
                if shown.standing == Standing::Left {
                    continue;
                }
                if !shown.direct && (shown.standing != Standing::Active || shown.epoch != epoch) {
                    found.push(format!(
                        "device {} is at epoch {} ({:?}) of a group at {epoch}",
                        screen.device, shown.epoch, shown.standing
                    ));
                }
                let view = (&shown.name, &shown.members);
                if !shown.direct && *seen.get_or_insert(view) != view {
                    found.push(format!(
                        "device {} sees another group than others do: {view:?} instead of {seen:?}",
                        screen.device
                    ));
                }
            }
        }
        found
    }

    /// Wherever a conversation has gone, all who are in it are in the same.
    fn judge_moved(&self, devices: &[Device], screens: &[Screen]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen: BTreeMap<ConversationId, (usize, u64, &String, &Vec<String>)> =
            BTreeMap::new();
        for (device, screen) in devices.iter().zip(screens) {
            if device.unlinked || self.is_clone(device.number) || !device.is_registered() {
                continue;
            }
            for (id, shown) in &screen.conversations {
                if shown.direct || shown.standing != Standing::Active {
                    continue;
                }
                let view = (device.number, shown.epoch, &shown.name, &shown.members);
                let first = *seen.entry(*id).or_insert(view);
                if (view.1, view.2, view.3) != (first.1, first.2, first.3) {
                    found.push(format!(
                        "device {} is at epoch {} of {:?} {:?}, device {} at {} of {:?} {:?}",
                        view.0, view.1, view.2, view.3, first.0, first.1, first.2, first.3
                    ));
                }
            }
        }
        found
    }
}
