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
        for (handle, conversation) in homes {
            let epoch = self.epochs[handle];
            let roster = &self.rosters[&(handle.clone(), epoch)];
            let mut seen: Option<(&String, &Vec<String>)> = None;
            for (device, screen) in devices.iter().zip(screens) {
                if device.unlinked || !device.box_id.is_some_and(|it| roster.contains(&it)) {
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
}
